// How fast text becomes ids: MB/s of one thread beside the machine's memcpy, on texts like English, Chinese and code,
// on files where they are given, and on texts made to be slow, whose time must grow as their size does. The first ones
// also as prompts of 4 KB, a call each: words are remembered for the length of a call.
//   tokenizer MODEL [FILE...]
//   tokenizer --rates MODEL FILE...   only these files, once, in numbers: MB/s, MB/s of prompts, ids
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/file.h"
#include "tokenizer/tokenizer.h"

namespace {

using nibble::tokenizer::Tokenizer;

// The median of an odd number of runs.
double seconds(const std::function<void()>& work, int repeats) {
  std::vector<double> all;
  for (int i = 0; i < repeats; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    all.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  std::sort(all.begin(), all.end());
  return all[all.size() / 2];
}

double memcpy_mb_per_second() {
  const std::string from(64 << 20, 'x');
  std::string to(from.size(), 'y');
  return double(from.size()) / 1e6 / seconds([&] { std::memcpy(to.data(), from.data(), from.size()); }, 5);
}

struct Rates {
  double whole = 0, prompts = 0;  // MB/s
  std::size_t n_ids = 0;          // of the whole
};

void encode_prompts(const Tokenizer& tokenizer, std::string_view text) {
  constexpr std::size_t kPromptBytes = 4096;
  for (std::size_t begin = 0; begin < text.size();) {
    std::size_t end = std::min(begin + kPromptBytes, text.size());
    while (end < text.size() && (std::uint8_t(text[end]) & 0xC0) == 0x80) --end;
    benchmark::DoNotOptimize(tokenizer.encode(text.substr(begin, end - begin), true));
    begin = end;
  }
}

Rates rates_of(const Tokenizer& tokenizer, std::string_view text, int repeats) {
  Rates rates;
  const double mb = double(text.size()) / 1e6;
  rates.whole = mb / seconds([&] { rates.n_ids = tokenizer.encode(text, true).size(); }, repeats);
  rates.prompts = mb / seconds([&] { encode_prompts(tokenizer, text); }, repeats);
  return rates;
}

void measure(const Tokenizer& tokenizer, const std::string& name, const std::string& text, double memcpy_speed) {
  const Rates rates = rates_of(tokenizer, text, 5);
  std::printf("%-24s %8.1f MB/s  %8.1f in prompts  %5.2f bytes a token  1/%.0f of memcpy\n", name.c_str(), rates.whole,
              rates.prompts, double(text.size()) / double(rates.n_ids), memcpy_speed / rates.whole);
}

// Tokens of the vocabulary that `wanted` takes, drawn with a frequency that falls as one over their place in it, as
// words do. The order of ids is the order of frequency.
std::string drawn_text(const Tokenizer& tokenizer, std::size_t size,
                       const std::function<bool(std::string_view)>& wanted) {
  std::vector<std::string> tokens;
  for (int id = 0; id < tokenizer.n_vocab(); ++id)
    if (!tokenizer.is_special(id) && wanted(tokenizer.bytes_of(id))) tokens.push_back(tokenizer.bytes_of(id));
  std::mt19937_64 random(1);
  std::string text;
  while (text.size() < size && !tokens.empty()) {
    const double place = std::pow(double(tokens.size()), double(random() >> 11) * 0x1p-53);
    text += tokens[std::min(std::size_t(place), tokens.size() - 1)];
  }
  return text;
}

bool is_english_word(std::string_view token) {
  return token.size() > 2 && token[0] == ' ' &&
         std::all_of(token.begin() + 1, token.end(), [](char c) { return c >= 'a' && c <= 'z'; });
}
bool is_chinese(std::string_view token) {
  for (std::size_t i = 0; i < token.size(); i += 3)
    if (i + 3 > token.size() || std::uint8_t(token[i]) < 0xE4 || std::uint8_t(token[i]) > 0xE9) return false;
  return !token.empty();
}
bool is_ascii(std::string_view token) {
  return !token.empty() && std::all_of(token.begin(), token.end(), [](char c) { return c > 0 && c < 127; });
}

std::string repeated(std::string_view part, std::size_t size) {
  std::string text;
  while (text.size() + part.size() <= size) text += part;
  return text;
}

std::string random_letters(std::size_t size) {
  std::mt19937_64 random(2);
  std::string text(size, ' ');
  for (char& c : text) c = char('a' + random() % 26);
  return text;
}

void measure_hostile(const Tokenizer& tokenizer) {
  const std::pair<const char*, std::function<std::string(std::size_t)>> makers[] = {
      {"one letter", [](std::size_t n) { return repeated("a", n); }},
      {"one space", [](std::size_t n) { return repeated(" ", n); }},
      {"two letters in turn", [](std::size_t n) { return repeated("ab", n); }},
      {"line feed, space", [](std::size_t n) { return repeated("\n ", n); }},
      {"random letters", random_letters},
      {"emoji", [](std::size_t n) { return repeated("\xF0\x9F\xA4\xA3\xF0\x9F\x98\x82", n); }},
      {"one Chinese character", [](std::size_t n) { return repeated("\xE5\x93\x88", n); }},
      {"begun special tokens", [](std::size_t n) { return repeated("<|tool_respons", n); }},
  };
  std::printf("\nms for                       1 MB     2 MB     4 MB     8 MB\n");
  for (const auto& [name, make] : makers) {
    std::printf("%-24s", name);
    for (const std::size_t mb : {1, 2, 4, 8}) {
      const std::string text = make(mb * 1000000);
      std::printf(" %8.1f", 1e3 * seconds([&] { tokenizer.encode(text, true); }, 3));
    }
    std::printf("\n");
  }
}

}  // namespace

int main(int argc, char** argv) {
  const bool only_rates = argc > 1 && std::strcmp(argv[1], "--rates") == 0;
  if (only_rates) --argc, ++argv;
  if (argc < 2) {
    std::fprintf(stderr, "usage: tokenizer [--rates] MODEL [FILE...]\n");
    return 2;
  }
  try {
    if (only_rates) {
      const Tokenizer tokenizer = Tokenizer::load(argv[1]);
      for (int i = 2; i < argc; ++i) {
        const Rates rates = rates_of(tokenizer, nibble::read_text_file(argv[i], 1u << 30), 1);
        std::printf("%.2f %.2f %zu\n", rates.whole, rates.prompts, rates.n_ids);
      }
      return 0;
    }
    const std::string path = std::string(argv[1]) + "/tokenizer.json";
    const std::string json = nibble::read_text_file(path, 256u << 20);
    Tokenizer tokenizer;
    const double load = seconds([&] { tokenizer = Tokenizer::parse(json, path); }, 3);
    std::printf("load: %.0f ms for %.1f MB, %d tokens\n", load * 1e3, double(json.size()) / 1e6, tokenizer.n_vocab());
    const double memcpy_speed = memcpy_mb_per_second();
    std::printf("memcpy: %.0f MB/s\n\n", memcpy_speed);
    for (int i = 2; i < argc; ++i) measure(tokenizer, argv[i], nibble::read_text_file(argv[i], 1u << 30), memcpy_speed);
    constexpr std::size_t kBytes = 8000000;
    measure(tokenizer, "drawn English words", drawn_text(tokenizer, kBytes, is_english_word), memcpy_speed);
    measure(tokenizer, "drawn Chinese", drawn_text(tokenizer, kBytes, is_chinese), memcpy_speed);
    measure(tokenizer, "drawn ASCII, as in code", drawn_text(tokenizer, kBytes, is_ascii), memcpy_speed);
    measure_hostile(tokenizer);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
