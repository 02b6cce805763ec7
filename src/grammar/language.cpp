#include "grammar/language.h"

#include "tokenizer/utf8.h"

namespace nibble::grammar {

int label_of(Language& language, std::u32string_view text, Budget& budget) {
  int state = language.start();
  for (const char32_t c : text) {
    budget.work(1);
    if (state != kDead) state = language.step(state, c, budget);
  }
  return state == kDead ? 0 : language.label(state);
}

std::u32string code_points(std::string_view utf8) {
  std::u32string text;
  for (const char* p = utf8.data(); p < utf8.data() + utf8.size();) text += tokenizer::next_character(p);
  return text;
}

Texts::Texts(const std::vector<std::string>& sorted, Budget& budget) : nodes_(1) {
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    int at = 0;
    for (const char32_t c : code_points(sorted[i])) {
      const auto [entry, added] = nodes_[std::size_t(at)].next.try_emplace(c, int(nodes_.size()));
      at = entry->second;
      if (added) nodes_.emplace_back();
      budget.work(4);
      if (added) budget.memory(sizeof(Node) + 48);
    }
    nodes_[std::size_t(at)].label = int(i) + 1;
  }
}

void Texts::add_cuts(std::vector<char32_t>& cuts) const {
  for (const Node& node : nodes_) {
    for (const auto& [c, next] : node.next) {
      cuts.push_back(c);
      cuts.push_back(c + 1);
    }
  }
}

int Texts::step(int state, char32_t c, Budget&) {
  const auto& next = nodes_[std::size_t(state)].next;
  const auto found = next.find(c);
  return found == next.end() ? kDead : found->second;
}

}  // namespace nibble::grammar
