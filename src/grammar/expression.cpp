#include "grammar/expression.h"

#include <algorithm>

namespace nibble::grammar {

using Kind = Expression::Kind;

Expressions::Expressions() {
  assertion({.kind = Kind::kAlways});
  assertion({.kind = Kind::kNever});
}

int Expressions::assertion(Expression expression) {
  const auto [entry, added] = ids_.try_emplace(std::move(expression), int(all_.size()));
  if (added) all_.push_back(entry->first);
  return entry->second;
}

int Expressions::combine(Kind kind, std::vector<int> parts, int neutral, int absorbing) {
  std::vector<int> flat;
  for (const int part : parts) {
    const Expression& expression = all_[std::size_t(part)];
    if (part == absorbing) return absorbing;
    if (expression.kind == kind)
      flat.insert(flat.end(), expression.children.begin(), expression.children.end());
    else if (part != neutral)
      flat.push_back(part);
  }
  std::sort(flat.begin(), flat.end());
  flat.erase(std::unique(flat.begin(), flat.end()), flat.end());
  for (const int part : flat) {
    const Expression& expression = all_[std::size_t(part)];
    if (expression.kind == Kind::kNot && std::binary_search(flat.begin(), flat.end(), expression.a)) return absorbing;
  }
  if (flat.empty()) return neutral;
  if (flat.size() == 1) return flat[0];
  return assertion({.kind = kind, .children = std::move(flat)});
}

int Expressions::all(std::vector<int> parts) { return combine(Kind::kAll, std::move(parts), kAlways, kNever); }
int Expressions::any(std::vector<int> parts) { return combine(Kind::kAny, std::move(parts), kNever, kAlways); }

int Expressions::one(std::vector<int> parts) {
  std::erase(parts, kNever);
  if (parts.empty()) return kNever;
  if (parts.size() == 1) return parts[0];
  std::sort(parts.begin(), parts.end());  // twice the same stays: then neither may hold
  return assertion({.kind = Kind::kOne, .children = std::move(parts)});
}

int Expressions::negation(int part) {
  if (part == kAlways) return kNever;
  if (part == kNever) return kAlways;
  const Expression& expression = all_[std::size_t(part)];
  if (expression.kind == Kind::kNot) return expression.a;
  return assertion({.kind = Kind::kNot, .a = part});
}

int Expressions::text(std::string_view text) {
  if (const auto found = text_ids_.find(text); found != text_ids_.end()) return found->second;
  const auto entry = text_ids_.emplace(text, int(texts_.size())).first;
  texts_.push_back(&entry->first);
  return entry->second;
}

}  // namespace nibble::grammar
