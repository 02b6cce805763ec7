// What structured output costs: compiling schemas, and the mask of allowed tokens at each token of their valid instances.
//   grammar MODEL [SCHEMAS.jsonl...]   lines of {"name", "schema", "valid"}; MODEL brings the tokenizer
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "grammar/grammar.h"

namespace {

using namespace nibble;

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

struct Times {
  std::vector<double> all;
  double at(double share) {
    if (all.empty()) return 0;
    std::sort(all.begin(), all.end());
    return all[std::min(all.size() - 1, std::size_t(share * double(all.size())))];
  }
};

struct Bench {
  const tokenizer::Tokenizer& tokenizer;
  const grammar::TokenTrie& trie;
  Times compile, mask, advance;
  std::uint64_t most_bytes = 0, most_work = 0;

  void run(const json::object& row) {
    const std::string name(row.at("name").as_string());
    const auto begin = std::chrono::steady_clock::now();
    const grammar::Grammar grammar = grammar::Grammar::json_schema(row.at("schema"));
    compile.all.push_back(seconds_since(begin));
    most_bytes = std::max(most_bytes, grammar.memory_bytes());
    most_work = std::max(most_work, grammar.program().work);
    Times here;
    std::vector<std::uint64_t> allowed(trie.n_words());
    for (const json::value& instance : row.at("valid").as_array()) {
      grammar::Matcher matcher(grammar);
      std::vector<int> ids = tokenizer.encode(pretty_json(instance), false);
      ids.push_back(-1);  // the end
      for (const int id : ids) {
        const auto start = std::chrono::steady_clock::now();
        matcher.mask(trie, allowed);
        here.all.push_back(seconds_since(start));
        if (id < 0) break;
        const auto behind = std::chrono::steady_clock::now();
        if (!matcher.advance(grammar::TokenTrie::bytes_of(tokenizer, id)))
          throw Error("{}: a valid instance is refused", name);
        advance.all.push_back(seconds_since(behind));
      }
    }
    std::printf("%-24s compile %8.2f ms %8.1f KiB   mask p50 %7.1f  max %7.1f us\n", name.c_str(),
                compile.all.back() * 1e3, double(grammar.memory_bytes()) / 1024, here.at(0.5) * 1e6, here.at(1) * 1e6);
    mask.all.insert(mask.all.end(), here.all.begin(), here.all.end());
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: grammar MODEL [SCHEMAS.jsonl...]\n");
    return 2;
  }
  try {
    const tokenizer::Tokenizer tokenizer = tokenizer::Tokenizer::load(argv[1]);
    const auto begin = std::chrono::steady_clock::now();
    const grammar::TokenTrie trie(tokenizer, {1});
    std::printf("trie of %d tokens: %.0f ms\n\n", tokenizer.n_vocab(), seconds_since(begin) * 1e3);
    Bench bench{.tokenizer = tokenizer, .trie = trie};
    std::vector<std::string> files(argv + 2, argv + argc);
    if (files.empty()) files.push_back("tests/goldens/structured/schemas.jsonl");
    for (const std::string& file : files) {
      const std::string text = read_text_file(file, 64u << 20);
      for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        if (end > at) bench.run(parse_json(std::string_view(text).substr(at, end - at), file).as_object());
        at = end + 1;
      }
    }
    std::printf("\n%zu tokens: mask p50 %.1f  p99 %.1f  max %.1f us; advance p99 %.2f us\n", bench.mask.all.size(),
                bench.mask.at(0.5) * 1e6, bench.mask.at(0.99) * 1e6, bench.mask.at(1) * 1e6,
                bench.advance.at(0.99) * 1e6);
    std::printf("compile p50 %.2f  max %.2f ms (%.0f ns a unit of work), at most %.1f KiB\n",
                bench.compile.at(0.5) * 1e3, bench.compile.at(1) * 1e3,
                bench.compile.at(1) * 1e9 / double(bench.most_work), double(bench.most_bytes) / 1024);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
