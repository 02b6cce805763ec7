#include "chat/turn/marker.h"

#include <algorithm>
#include <array>
#include <utility>

namespace nibble::chat::turn {
namespace {

struct SpecialToken {
  int id;
  std::string_view text;
};

// As in the tokenizer.json of every Gemma 4. <|image|> and <|audio|> have two ids each.
constexpr auto kSpecialTokens = std::to_array<SpecialToken>({
    {0, "<pad>"},
    {1, "<eos>"},
    {2, "<bos>"},
    {3, "<unk>"},
    {4, "<mask>"},
    {46, "<|tool>"},
    {47, "<tool|>"},
    {48, kCallBegins},
    {49, kCallEnds},
    {50, "<|tool_response>"},
    {51, "<tool_response|>"},
    {52, kQuote},
    {98, "<|think|>"},
    {100, kThoughtBegins},
    {101, kThoughtEnds},
    {105, "<|turn>"},
    {106, "<turn|>"},
    {255999, "<|image>"},
    {256000, "<|audio>"},
    {258880, "<|image|>"},
    {258881, "<|audio|>"},
    {258882, "<image|>"},
    {258883, "<audio|>"},
    {258884, "<|video|>"},
});

const SpecialToken* token_at(std::string_view text) {
  for (const SpecialToken& token : kSpecialTokens)  // none begins another
    if (text.starts_with(token.text)) return &token;
  return nullptr;
}

bool may_become_token(std::string_view text) {
  return std::any_of(kSpecialTokens.begin(), kSpecialTokens.end(),
                     [&](const SpecialToken& token) { return token.text.starts_with(text); });
}

void append_ordinary(std::vector<Piece>& pieces, std::string_view text) {
  if (text.empty()) return;
  if (pieces.empty() || pieces.back().special) pieces.push_back({});
  pieces.back().text += text;
}

}  // namespace

std::vector<Piece> PieceSplitter::push(std::string_view more) {
  std::vector<Piece> pieces;
  const std::string joined = std::exchange(unread_, {}).append(more);
  for (std::string_view text = joined; !text.empty();) {
    const std::size_t n = std::min(text.find('<'), text.size());
    append_ordinary(pieces, text.substr(0, n));
    text.remove_prefix(n);
    if (text.empty()) break;
    if (const SpecialToken* token = token_at(text)) {
      pieces.push_back({std::string(token->text), true});
      text.remove_prefix(token->text.size());
    } else if (may_become_token(text)) {
      unread_ = text;
      break;
    } else {
      append_ordinary(pieces, text.substr(0, 1));
      text.remove_prefix(1);
    }
  }
  return pieces;
}

std::vector<Piece> PieceSplitter::finish() {
  std::vector<Piece> pieces;
  append_ordinary(pieces, std::exchange(unread_, {}));
  return pieces;
}

void keep_special(std::vector<Piece>& pieces, std::span<const int> ids) {
  std::size_t end = pieces.size();  // pieces behind are settled
  const auto settle = [&](std::size_t begin) {
    for (std::size_t i = begin; i < end; ++i) pieces[i].special = false;
    end = begin;
  };
  for (std::size_t n = ids.size(); n > 0; --n) {
    const auto token = std::find_if(kSpecialTokens.begin(), kSpecialTokens.end(),
                                    [&](const SpecialToken& t) { return t.id == ids[n - 1]; });
    if (token == kSpecialTokens.end()) continue;
    std::size_t at = end;
    while (at > 0 && !(pieces[at - 1].special && pieces[at - 1].text == token->text)) --at;
    if (at == 0) continue;  // a token that the text does not show
    settle(at);
    end = at - 1;
  }
  settle(0);
}

bool ends_in_thought(std::string_view prompt) {
  for (std::size_t at = prompt.size(); at > 0;) {
    at = prompt.rfind('<', at - 1);
    if (at == std::string_view::npos) return false;
    const SpecialToken* token = token_at(prompt.substr(at));
    if (token != nullptr && token->text != kQuote) return token->text == kThoughtBegins;
  }
  return false;
}

}  // namespace nibble::chat::turn
