#include "tokenizer/bpe.h"

#include <algorithm>
#include <bit>

#include "base/error.h"
#include "tokenizer/utf8.h"

namespace nibble::tokenizer {

// ---- the model, read and checked

Bpe::Bpe(const Vocabulary& vocabulary, const BpeModel& model, const std::string& source) {
  read_units(vocabulary);
  read_fallbacks(vocabulary, model, source);
  read_merges(vocabulary, model, source);
}

void Bpe::read_units(const Vocabulary& vocabulary) {
  page_of_.assign(0x110000 / 256, 0);
  pages_.emplace_back().fill(kNoUnit);
  for (int id = 0; id < vocabulary.size(); ++id) {
    const std::string_view text = vocabulary.text(id);
    if (text.empty()) continue;
    const char* end = text.data();
    const char32_t character = next_character(end);
    if (end != text.data() + text.size()) continue;
    std::uint16_t& page = page_of_[character >> 8];
    if (page == 0) {
      page = std::uint16_t(pages_.size());
      pages_.emplace_back().fill(kNoUnit);
    }
    pages_[page][character & 0xFF] = id;
  }
}

void Bpe::read_fallbacks(const Vocabulary& vocabulary, const BpeModel& model, const std::string& source) {
  byte_fallback_ = model.byte_fallback;
  fuse_unk_ = model.fuse_unk;
  if (model.unk_token) {
    const std::optional<int> id = vocabulary.find(*model.unk_token);
    if (!id) throw Error("{}: model.unk_token: \"{}\" is not in the vocabulary", source, *model.unk_token);
    unk_ = *id;
  }
  if (!byte_fallback_) return;
  for (int byte = 0; byte < 256; ++byte) {
    const std::string text = fmt::format("<0x{:02X}>", byte);
    const std::optional<int> id = vocabulary.find(text);
    // With some of them missing, which characters fall back to what would depend on their bytes.
    if (!id) throw Error("{}: model.byte_fallback is true, but \"{}\" is not in the vocabulary", source, text);
    bytes_[std::size_t(byte)] = *id;
  }
}

void Bpe::read_merges(const Vocabulary& vocabulary, const BpeModel& model, const std::string& source) {
  constexpr std::size_t kAhead = 8;
  const std::size_t n_merges = model.merges.size() / 2;
  if (n_merges > MergeTable::kMaxMerges)
    throw Error("{}: model.merges: {} merges, at most {} are supported", source, n_merges, MergeTable::kMaxMerges);
  table_ = MergeTable(n_merges);

  // A merge that takes a byte's or the unknown token as such joins units that its text does not show.
  bool merges_fallbacks = false;
  std::vector<bool> is_fallback(std::size_t(vocabulary.size()), false);
  if (unk_ != kNoUnit) is_fallback[std::size_t(unk_)] = true;
  if (byte_fallback_)
    for (const int id : bytes_) is_fallback[std::size_t(id)] = true;
  std::string both;
  int merged = -1;
  for (std::size_t i = 0; i < n_merges; ++i) {
    // The look-ups wait for memory more than they compute: 0.2 s of Gemma 4's load without this.
    if (i + kAhead < n_merges) {
      vocabulary.prefetch(model.merges[2 * (i + kAhead)]);
      vocabulary.prefetch(model.merges[2 * (i + kAhead) + 1]);
    }
    const std::string_view left = model.merges[2 * i], right = model.merges[2 * i + 1];
    // A merge with nothing would give one of its own parts: the only way in which merges can go round in a circle,
    // since any other result is longer than its parts.
    if (left.empty() || right.empty()) throw Error("{}: model.merges[{}]: one of its two tokens is empty", source, i);
    const std::optional<int> left_id = vocabulary.find(left), right_id = vocabulary.find(right);
    if (!left_id || !right_id)
      throw Error("{}: model.merges[{}]: \"{}\" is not in the vocabulary", source, i, left_id ? right : left);
    both.assign(left).append(right);
    if (merged < 0 || vocabulary.text(merged) != both)  // files list the ways to make a token one after the other
      merged = vocabulary.find(both).value_or(-1);
    if (merged < 0)
      throw Error("{}: model.merges[{}]: \"{}\" and \"{}\" give \"{}\", which is not in the vocabulary", source, i,
                  left, right, both);
    table_.add(*left_id, *right_id, merged);

    merges_fallbacks = merges_fallbacks || is_fallback[std::size_t(*left_id)] || is_fallback[std::size_t(*right_id)];
    const char* last = left.data() + left.size() - 1;
    while ((std::uint8_t(*last) & 0xC0) == 0x80) --last;
    const char* first = right.data();
    const int left_unit = unit_of(next_character(last)), right_unit = unit_of(next_character(first));
    // A part whose last or first character is no token can never come about.
    if (left_unit != kNoUnit && right_unit != kNoUnit) table_.allow_join(left_unit, right_unit);
  }
  if (merges_fallbacks) table_.allow_all_joins();
}

// ---- encoding

Bpe::Scratch::Scratch(std::size_t text_bytes) {
  // A word is a handful of bytes; below some hundred words little repeats. 16,384 entries are 2 MB.
  constexpr std::size_t kMinBytes = 1024, kMaxEntries = 1 << 14;
  if (text_bytes >= kMinBytes) remembered_.resize(std::min(std::bit_floor(text_bytes / 8), kMaxEntries));
}

inline int Bpe::unit_of(char32_t character) const { return pages_[page_of_[character >> 8]][character & 0xFF]; }

void Bpe::encode(std::string_view piece, Scratch& scratch, std::vector<int>& ids) const {
  bool after_unknown = false;
  const char* const end = piece.data() + piece.size();
  for (const char* p = piece.data(); p != end;) {
    const char* const begin = p;
    const int unit = unit_of(next_character(p));
    if (unit != kNoUnit) [[likely]] {
      add_unit(std::uint32_t(unit), scratch, ids);
      after_unknown = false;
    } else if (byte_fallback_) {
      for (const char* b = begin; b != p; ++b) add_unit(std::uint32_t(bytes_[std::uint8_t(*b)]), scratch, ids);
    } else if (unk_ != kNoUnit) {
      if (!after_unknown || !fuse_unk_) add_unit(std::uint32_t(unk_), scratch, ids);
      after_unknown = true;
    }
  }
  finish_word(scratch, ids);
}

inline void Bpe::add_unit(std::uint32_t unit, Scratch& scratch, std::vector<int>& ids) const {
  if (!scratch.word_.empty() && !table_.may_join(scratch.word_.back(), unit)) finish_word(scratch, ids);
  scratch.word_.push_back(unit);
}

void Bpe::finish_word(Scratch& scratch, std::vector<int>& ids) const {
  std::vector<std::uint32_t>& word = scratch.word_;
  if (word.size() <= 1) {
    if (!word.empty()) ids.push_back(int(word[0]));
    word.clear();
    return;
  }
  if (word.size() > Scratch::kMaxRemembered || scratch.remembered_.empty()) {
    merge_word(scratch, ids);
    word.clear();
    return;
  }
  std::uint64_t hash = word.size();
  for (const std::uint32_t unit : word) hash = (hash ^ unit) * 0x9E3779B97F4A7C15, hash ^= hash >> 29;
  Scratch::Remembered& entry = scratch.remembered_[hash & (scratch.remembered_.size() - 1)];
  if (entry.n_units == word.size() && std::equal(word.begin(), word.end(), entry.units.begin())) {
    ids.insert(ids.end(), entry.ids.begin(), entry.ids.begin() + entry.n_ids);
  } else {
    const std::size_t before = ids.size();
    merge_word(scratch, ids);
    entry.n_units = std::uint8_t(word.size());
    entry.n_ids = std::uint8_t(ids.size() - before);
    std::copy(word.begin(), word.end(), entry.units.begin());
    std::copy(ids.begin() + std::ptrdiff_t(before), ids.end(), entry.ids.begin());
  }
  word.clear();
}

// Pairs are taken in the order of (rank, position). One that is out of date is recognised by its rank: a symbol only
// ever grows, so a pair that a symbol has once left never comes back to it, and other pairs have other ranks.
void Bpe::merge_word(Scratch& scratch, std::vector<int>& ids) const {
  using Symbol = Scratch::Symbol;
  constexpr std::uint32_t kEnd = Scratch::kEnd;
  const std::vector<std::uint32_t>& word = scratch.word_;
  std::vector<Symbol>& symbols = scratch.symbols_;
  std::vector<std::uint64_t>&sorted = scratch.sorted_, &heap = scratch.heap_;
  const std::uint32_t n = std::uint32_t(word.size());

  symbols.resize(n);
  sorted.clear();
  for (std::uint32_t i = 0; i < n; ++i) {
    const bool last = i + 1 == n;
    const std::uint32_t rank = last ? MergeTable::kNone : table_.rank(word[i], word[i + 1]);
    symbols[i] = {.id = word[i], .previous = i == 0 ? kEnd : i - 1, .next = last ? kEnd : i + 1, .rank = rank};
    if (rank != MergeTable::kNone) sorted.push_back(std::uint64_t(rank) << 32 | i);
  }
  std::sort(sorted.begin(), sorted.end());

  const auto pair_up = [&](std::uint32_t i) {
    Symbol& symbol = symbols[i];
    symbol.rank = symbol.next == kEnd ? MergeTable::kNone : table_.rank(symbol.id, symbols[symbol.next].id);
    if (symbol.rank == MergeTable::kNone) return;
    heap.push_back(std::uint64_t(symbol.rank) << 32 | i);
    std::push_heap(heap.begin(), heap.end(), std::greater<>());
  };
  for (std::size_t taken = 0; taken < sorted.size() || !heap.empty(); ++scratch.steps_) {
    std::uint64_t pair = 0;
    if (heap.empty() || (taken < sorted.size() && sorted[taken] < heap.front())) {
      pair = sorted[taken++];
    } else {
      pair = heap.front();
      std::pop_heap(heap.begin(), heap.end(), std::greater<>());
      heap.pop_back();
    }
    const std::uint32_t i = std::uint32_t(pair), rank = std::uint32_t(pair >> 32);
    if (symbols[i].rank != rank) continue;
    const std::uint32_t right = symbols[i].next, behind = symbols[right].next;
    symbols[i].id = table_.merged(rank);
    symbols[i].next = behind;
    symbols[right].rank = MergeTable::kNone;
    if (behind != kEnd) symbols[behind].previous = i;
    pair_up(i);
    if (symbols[i].previous != kEnd) pair_up(symbols[i].previous);
  }
  for (std::uint32_t i = 0; i != kEnd; i = symbols[i].next) ids.push_back(int(symbols[i].id));
}

}  // namespace nibble::tokenizer
