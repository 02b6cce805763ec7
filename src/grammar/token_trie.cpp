#include "grammar/token_trie.h"

#include <algorithm>

#include "grammar/dfa.h"
#include "tokenizer/utf8.h"

namespace nibble::grammar {
namespace {

template <typename Unit>
struct Entry {
  std::basic_string<Unit> text;
  int id;
};

// `same` chains the tokens of equal text behind the first.
template <typename Unit>
Trie<Unit> make_trie(std::vector<Entry<Unit>> entries, std::vector<int>& same) {
  std::sort(entries.begin(), entries.end(),
            [](const auto& a, const auto& b) { return a.text != b.text ? a.text < b.text : a.id < b.id; });
  Trie<Unit> trie;
  std::vector<std::uint32_t> path;  // the nodes above
  const auto leave_to = [&](std::size_t depth) {
    for (; path.size() > depth; path.pop_back()) {
      auto& node = trie.nodes[path.back()];
      node.end = std::uint32_t(trie.nodes.size());
      if (path.size() > 1) {
        auto& above = trie.nodes[path[path.size() - 2]];
        above.longest = std::max(above.longest, node.longest);
      }
    }
  };
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto& text = entries[i].text;
    if (i > 0 && text == entries[i - 1].text) {
      same[std::size_t(entries[i - 1].id)] = entries[i].id;
      continue;
    }
    std::size_t shared = 0;
    if (i > 0) {
      const auto& before = entries[i - 1].text;
      while (shared < before.size() && shared < text.size() && before[shared] == text[shared]) ++shared;
    }
    leave_to(shared);
    for (std::size_t depth = shared; depth < text.size(); ++depth) {
      path.push_back(std::uint32_t(trie.nodes.size()));
      trie.nodes.push_back({text[depth], std::uint16_t(depth + 1), std::uint16_t(depth + 1), -1, 0});
    }
    trie.nodes[path.back()].token = entries[i].id;
    trie.depth = std::max(trie.depth, std::uint16_t(text.size()));
  }
  leave_to(0);
  return trie;
}

}  // namespace

std::string TokenTrie::bytes_of(const tokenizer::Tokenizer& tokenizer, int id) {
  if (tokenizer.is_special(id)) return "\xFF" + std::string(tokenizer.token_text(id));
  return tokenizer.bytes_of(id);
}

TokenTrie::TokenTrie(const tokenizer::Tokenizer& tokenizer, std::vector<int> end_ids)
    : n_tokens_(tokenizer.n_vocab()), end_ids_(std::move(end_ids)), same_(std::size_t(n_tokens_), -1) {
  std::erase_if(end_ids_, [&](int id) { return id < 0 || id >= n_tokens_; });
  std::vector<Entry<std::uint8_t>> all, not_plain;
  std::vector<Entry<char32_t>> plain;
  std::size_t longest_plain = 0;
  for (int id = 0; id < n_tokens_; ++id) {
    if (tokenizer.token_text(id).empty()) continue;
    const std::string bytes = bytes_of(tokenizer, id);
    if (bytes.empty() || bytes.size() > kLongest || bytes == "\xFF") continue;
    const std::basic_string<std::uint8_t> text(bytes.begin(), bytes.end());
    all.push_back({text, id});
    std::u32string characters;
    bool is_plain_text = !tokenizer::find_invalid_utf8(bytes);
    if (is_plain_text) {
      characters = code_points(bytes);
      is_plain_text = characters.size() <= kLongestPlain && std::all_of(characters.begin(), characters.end(), is_plain);
    }
    if (is_plain_text) {
      longest_plain = std::max(longest_plain, characters.size());
      plain.push_back({std::move(characters), id});
    } else {
      not_plain.push_back({text, id});
    }
  }
  plain_up_to_.assign(longest_plain + 1, std::vector<std::uint64_t>(n_words()));
  for (const Entry<char32_t>& entry : plain)
    for (std::size_t n = entry.text.size(); n <= longest_plain; ++n)
      plain_up_to_[n][std::size_t(entry.id) / 64] |= std::uint64_t(1) << (entry.id % 64);
  all_ = make_trie(std::move(all), same_);
  not_plain_ = make_trie(std::move(not_plain), same_);
  plain_ = make_trie(std::move(plain), same_);
}

}  // namespace nibble::grammar
