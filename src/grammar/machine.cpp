#include "grammar/machine.h"

#include <algorithm>
#include <array>
#include <bit>
#include <map>

#include "base/error.h"
#include "grammar/number_hash.h"
#include "grammar/text_reader.h"
#include "grammar/tool_call.h"

namespace nibble::grammar {
namespace {

constexpr std::array<std::string_view, 3> kConstants = {"null", "false", "true"};  // bit i of Goal::constants

bool is_whitespace(std::uint8_t byte) { return byte == ' ' || byte == '\n' || byte == '\t' || byte == '\r'; }
bool is_in_number(std::uint8_t byte) {
  return (byte >= '0' && byte <= '9') || byte == '-' || byte == '+' || byte == '.' || (byte | 32) == 'e';
}
std::uint64_t tagged(std::uint64_t hash, char type) { return mixed(hash, char32_t(type)); }
std::uint32_t counted(const Frame& frame, std::size_t counter) { return frame.counted >> (16 * counter) & 0xFFFF; }

}  // namespace

void Machine::start(std::vector<Thread>& out) const {
  if (program_.raw_text >= 0)
    out.push_back({.table = program_.raw_text, .place = Place::kRaw});
  else if (program_.syntax == Syntax::kJson)
    out.push_back({.table = program_.root, .place = Place::kValue});
  for (std::size_t i = 0; i < program_.calls.size(); ++i) out.push_back({.table = int(i), .place = Place::kOpening});
}

bool Machine::may_end(const Thread& thread) const {
  if (thread.frame >= 0) return false;
  switch (thread.place) {
    case Place::kAfter: return program_.syntax == Syntax::kJson;
    case Place::kDone: return true;
    case Place::kNumber: return table(thread.table).label(thread.state) != 0;
    case Place::kRaw: return thread.remaining == 0 && table(thread.table).label(thread.state) != 0;
    default: return false;
  }
}

void Machine::step(std::span<const Thread> threads, std::uint8_t byte, std::vector<Thread>& out) {
  structural_ = false;
  const std::size_t from = out.size();
  for (const Thread& thread : threads) step(thread, byte, out);
  if (structural_ && out.size() - from > 1) merge(out, from);
  if (out.size() - from > kLimits.threads)
    throw Error("the grammar can read this text in more than {} ways", kLimits.threads);
}

void Machine::step(const Thread& thread, std::uint8_t byte, std::vector<Thread>& out) {
  switch (thread.place) {
    case Place::kText:
    case Place::kKey: {
      if (byte == end_of_text(thread.place) && thread.escape == kNoEscape && thread.remaining == 0) {
        if (table(thread.table).label(thread.state) == 0) return;
        structural_ = true;
        if (thread.place == Place::kKey)
          end_key(thread, out);
        else if (program_.syntax == Syntax::kJson)
          end_value(thread.frame, tagged(thread.hash, 's'), byte, out, true);
        else
          out.push_back({.frame = thread.frame, .state = 1, .place = Place::kUnquote, .hash = thread.hash});
        return;
      }
      out.push_back(thread);
      if (!step_in_text(out.back(), byte)) out.pop_back();
      return;
    }
    case Place::kRaw:
      out.push_back(thread);
      if (!step_in_text(out.back(), byte)) out.pop_back();
      return;
    case Place::kNumber: return number(thread, byte, out);
    case Place::kConstant: {
      const std::string_view name = kConstants[std::size_t(thread.table)];
      if (char(byte) != name[std::size_t(thread.state)]) return;
      structural_ = true;
      if (std::size_t(thread.state) + 1 == name.size())
        return end_value(thread.frame, tagged(std::uint64_t(thread.table), 'c'), byte, out, true);
      out.push_back(thread);
      ++out.back().state;
      return;
    }
    case Place::kOpening:
    case Place::kQuote:
    case Place::kUnquote:
    case Place::kClosing: return step_in_mark(thread, byte, out);
    case Place::kDone:
      if (!program_.many_calls) return;
      for (std::size_t i = 0; i < program_.calls.size(); ++i)
        step_in_mark({.table = int(i), .place = Place::kOpening}, byte, out);
      return;
    default: break;
  }
  if (program_.syntax == Syntax::kJson && is_whitespace(byte)) {
    if (thread.whitespace == kLimits.whitespace) return;
    out.push_back(thread);
    ++out.back().whitespace;
    return;
  }
  structural_ = true;
  switch (thread.place) {
    case Place::kValue: return value(thread, thread.table, byte, out);
    case Place::kAfter: return after(thread, byte, out);
    case Place::kColon:
      if (byte == ':') out.push_back({.frame = thread.frame, .table = thread.table, .place = Place::kValue});
      return;
    case Place::kFirstItem:
      if (byte == ']') return after(thread, byte, out);
      return next_item(thread.frame, [&](int frame, int goal) { value({.frame = frame}, goal, byte, out); });
    case Place::kFirstKey:
    case Place::kNextKey: {
      if (byte == '}' && thread.place == Place::kFirstKey) return after(thread, byte, out);
      const Frame& frame = pool_.frames[std::size_t(thread.frame)];
      if (!key_possible(frame, 0)) return;
      Thread key{.frame = thread.frame, .table = object(frame).keys, .place = Place::kKey};
      if (program_.syntax == Syntax::kJson ? byte == '"' : step_in_text(key, byte)) out.push_back(key);
      return;
    }
    default: return;
  }
}

std::uint8_t Machine::end_of_text(Place place) const {
  if (program_.syntax == Syntax::kJson) return '"';
  return place == Place::kKey ? ':' : std::uint8_t(kQuoteMark[0]);
}

void Machine::step_in_mark(const Thread& thread, std::uint8_t byte, std::vector<Thread>& out) {
  const std::string_view mark = thread.place == Place::kOpening   ? program_.calls[std::size_t(thread.table)].opening
                                : thread.place == Place::kClosing ? kCallClosing
                                                                  : kQuoteMark;
  if (byte != std::uint8_t(mark[std::size_t(thread.state)])) return;
  if (std::size_t(thread.state) + 1 < mark.size()) {
    out.push_back(thread);
    ++out.back().state;
    return;
  }
  structural_ = true;
  switch (thread.place) {
    case Place::kOpening:
      return out.push_back({.table = program_.calls[std::size_t(thread.table)].goal, .place = Place::kValue});
    case Place::kQuote: return out.push_back({.frame = thread.frame, .table = thread.table, .place = Place::kText});
    case Place::kUnquote: return end_value(thread.frame, tagged(thread.hash, 's'), byte, out, true);
    default: return out.push_back({.place = Place::kDone});
  }
}

bool Machine::step_in_text(Thread& thread, std::uint8_t byte) const {
  const Dfa& characters = table(thread.table);
  if (thread.place == Place::kKey) {
    const Frame& frame = pool_.frames[std::size_t(thread.frame)];
    const auto allowed = [&](int state) { return key_possible(frame, state); };
    TextReader<decltype(allowed)> reader(characters, thread, allowed);
    return program_.syntax == Syntax::kJson ? reader.json_byte(byte) : reader.raw_byte(byte);
  }
  const auto allowed = [](int) { return true; };
  TextReader<decltype(allowed)> reader(characters, thread, allowed);
  const bool json = thread.place == Place::kText && program_.syntax == Syntax::kJson;
  return json ? reader.json_byte(byte) : reader.raw_byte(byte);
}

// ---- values

void Machine::value(const Thread& at, int goal_index, std::uint8_t byte, std::vector<Thread>& out) {
  const Goal& goal = program_.goals[std::size_t(goal_index)];
  if (program_.syntax == Syntax::kToolCall ? byte == std::uint8_t(kQuoteMark[0]) : byte == '"') {
    if (goal.text < 0) return;
    if (program_.syntax == Syntax::kJson)
      out.push_back({.frame = at.frame, .table = goal.text, .place = Place::kText});
    else
      out.push_back({.frame = at.frame, .table = goal.text, .state = 1, .place = Place::kQuote});
  } else if (byte == '[') {
    for (const int form : goal.arrays)
      if (const int frame = open(at, form, true); frame >= 0)
        out.push_back({.frame = frame, .place = Place::kFirstItem});
  } else if (byte == '{') {
    for (const int form : goal.objects)
      if (const int frame = open(at, form, false); frame >= 0)
        out.push_back({.frame = frame, .place = Place::kFirstKey});
  } else if (is_in_number(byte)) {
    if (goal.number >= 0) number({.frame = at.frame, .table = goal.number, .place = Place::kNumber}, byte, out);
  } else {
    for (std::size_t i = 0; i < kConstants.size(); ++i)
      if ((goal.constants >> i & 1) != 0 && char(byte) == kConstants[i][0])
        out.push_back({.frame = at.frame, .table = int(i), .state = 1, .place = Place::kConstant});
  }
}

void Machine::number(Thread thread, std::uint8_t byte, std::vector<Thread>& out) {
  const Dfa& numbers = table(thread.table);
  if (!is_in_number(byte)) {
    if (numbers.label(thread.state) == 0) return;
    structural_ = true;
    return end_value(thread.frame, tagged(number_hash(thread), 'n'), byte, out, false);
  }
  const int to = numbers.step(thread.state, byte);
  if (to == kDead || (strict_ && numbers.is_preferred(thread.state) && !numbers.is_preferred(to))) return;
  read_for_hash(thread, byte);
  thread.state = to;
  out.push_back(thread);
}

int Machine::open(const Thread& thread, int form, bool is_array) {
  const int depth = thread.frame < 0 ? 1 : pool_.frames[std::size_t(thread.frame)].depth + 1;
  if (depth > kLimits.depth) return -1;
  Frame frame{.parent = thread.frame, .form = form, .is_array = is_array, .depth = std::uint8_t(depth)};
  if (!is_array) {
    const ObjectForm& object = program_.objects[std::size_t(form)];
    frame.missing = object.n_required;
    frame.seen = std::uint32_t(pool_.seen.size());
    pool_.seen.resize(pool_.seen.size() + object.words());
  }
  return add(frame);
}

int Machine::add(const Frame& frame) {
  pool_.frames.push_back(frame);
  return int(pool_.frames.size()) - 1;
}

// A value ended inside `frame`, with this byte or, if it is not `consumed`, before it.
void Machine::end_value(int frame, std::uint64_t hash, std::uint8_t byte, std::vector<Thread>& out, bool consumed) {
  if (frame >= 0) {
    const Frame around = pool_.frames[std::size_t(frame)];
    if (around.is_array && array(around).unique) {
      if (has_value(around, hash)) return;
      pool_.values.push_back({hash, around.values});
      frame = add(around);
      pool_.frames.back().values = int(pool_.values.size()) - 1;
    }
  }
  const Thread behind{.frame = frame, .place = Place::kAfter};
  if (consumed)
    out.push_back(behind);
  else
    step(behind, byte, out);
}

void Machine::after(const Thread& thread, std::uint8_t byte, std::vector<Thread>& out) {
  if (thread.frame < 0) {
    if (program_.syntax == Syntax::kToolCall) step_in_mark({.place = Place::kClosing}, byte, out);
    return;
  }
  const Frame frame = pool_.frames[std::size_t(thread.frame)];
  if (byte == (frame.is_array ? ']' : '}')) {
    if (complete(frame)) out.push_back({.frame = frame.parent, .place = Place::kAfter});
  } else if (byte == ',') {
    if (frame.is_array)
      next_item(thread.frame,
                [&](int next, int goal) { out.push_back({.frame = next, .table = goal, .place = Place::kValue}); });
    else if (key_possible(frame, 0))
      out.push_back({.frame = thread.frame, .place = Place::kNextKey});
  }
}

// ---- items and members

void Machine::next_item(int index, FunctionRef<void(int frame, int goal)> go) {
  const Frame frame = pool_.frames[std::size_t(index)];
  const ArrayForm& form = array(frame);
  if (frame.count >= form.max) return;
  for (const Choice& choice : form.choices(frame.count)) {
    Frame next = frame;
    ++next.count;
    if (count(form.counters, choice.counted, form.max - next.count, next)) go(add(next), choice.goal);
  }
}

// Counts for the chosen counters; false where that is too often, or leaves no room for what must still come.
bool Machine::count(const std::vector<Counter>& counters, std::uint32_t chosen, std::uint32_t room,
                    Frame& frame) const {
  for (std::size_t i = 0; i < counters.size(); ++i) {
    const Counter& counter = counters[i];
    std::uint32_t n = counted(frame, i);
    if ((chosen >> i & 1) != 0) {
      if (n == counter.max || (counter.max == kNoLimit && n == counter.min)) return false;  // need not count
      frame.counted += std::uint64_t(1) << (16 * i);
      ++n;
    }
    if (n < counter.min && counter.min - n > room) return false;
  }
  return true;
}

bool Machine::counters_complete(const std::vector<Counter>& counters, const Frame& frame) const {
  for (std::size_t i = 0; i < counters.size(); ++i)
    if (counted(frame, i) < counters[i].min) return false;
  return true;
}

bool Machine::complete(const Frame& frame) const {
  if (frame.is_array) return frame.count >= array(frame).min && counters_complete(array(frame).counters, frame);
  return frame.missing == 0 && frame.count >= object(frame).min && counters_complete(object(frame).counters, frame);
}

// Whether a key that has been read up to `state` can become one that may come now.
bool Machine::key_possible(const Frame& frame, int state) const {
  const ObjectForm& form = object(frame);
  if (frame.count >= form.max || state >= int(form.reach.size())) return false;
  const bool only_required = frame.missing >= form.max - frame.count;
  const ObjectForm::Reach& reach = form.reach[std::size_t(state)];
  if (reach.open && !only_required) return true;
  for (int name = reach.first_name; name <= reach.last_name; name = (name / 64 + 1) * 64) {
    const std::size_t word = std::size_t(name) / 64;
    std::uint64_t free = ~pool_.seen[frame.seen + word] & ~std::uint64_t(0) << (name % 64);
    if (reach.last_name / 64 == int(word)) free &= ~std::uint64_t(0) >> (63 - reach.last_name % 64);
    if (only_required) free &= form.required[word];
    if (free != 0) return true;
  }
  return false;
}

void Machine::end_key(const Thread& thread, std::vector<Thread>& out) {
  const Frame frame = pool_.frames[std::size_t(thread.frame)];
  const ObjectForm& form = object(frame);
  const ObjectForm::KeyClass& key_class = form.classes[table(thread.table).label(thread.state) - 1];
  const bool only_required = frame.missing >= form.max - frame.count;
  const std::size_t word = std::size_t(std::max(key_class.name, 0)) / 64;
  const std::uint64_t bit = std::uint64_t(1) << (std::max(key_class.name, 0) % 64);
  const bool required = key_class.name >= 0 && (form.required[word] & bit) != 0;
  if (only_required && !required) return;
  if (key_class.name >= 0 ? (pool_.seen[frame.seen + word] & bit) != 0 : has_value(frame, thread.hash)) return;
  for (const Choice& choice : key_class.choices) {
    Frame next = frame;
    ++next.count;
    if (!count(form.counters, choice.counted, form.max - next.count, next)) continue;
    if (required) --next.missing;
    if (key_class.name >= 0) {
      next.seen = std::uint32_t(pool_.seen.size());
      for (std::size_t i = 0; i < form.words(); ++i) pool_.seen.push_back(pool_.seen[frame.seen + i]);
      pool_.seen[next.seen + word] |= bit;
    } else {
      pool_.values.push_back({thread.hash, frame.values});
      next.values = int(pool_.values.size()) - 1;
    }
    const Place behind = program_.syntax == Syntax::kJson ? Place::kColon : Place::kValue;
    out.push_back({.frame = add(next), .table = choice.goal, .place = behind});
  }
}

bool Machine::has_value(const Frame& frame, std::uint64_t hash) const {
  for (int i = frame.values; i >= 0; i = pool_.values[std::size_t(i)].previous)
    if (pool_.values[std::size_t(i)].hash == hash) return true;
  return false;
}

// ---- threads that have become equal

bool Machine::same_frames(int a, int b) const {
  for (;;) {
    if (a == b) return true;
    if (a < 0 || b < 0) return false;
    const Frame &x = pool_.frames[std::size_t(a)], &y = pool_.frames[std::size_t(b)];
    if (x.form != y.form || x.is_array != y.is_array || x.depth != y.depth || x.count != y.count ||
        x.missing != y.missing || x.counted != y.counted || x.values != y.values)
      return false;
    if (!x.is_array) {
      const auto seen = [&](const Frame& frame) { return pool_.seen.begin() + frame.seen; };
      if (!std::equal(seen(x), seen(x) + std::ptrdiff_t(object(x).words()), seen(y))) return false;
    }
    a = x.parent;
    b = y.parent;
  }
}

void Machine::merge(std::vector<Thread>& threads, std::size_t from) const {
  std::size_t kept = from;
  for (std::size_t i = from; i < threads.size(); ++i) {
    const bool known =
        std::any_of(threads.begin() + std::ptrdiff_t(from), threads.begin() + std::ptrdiff_t(kept), [&](Thread other) {
          if (!same_frames(other.frame, threads[i].frame)) return false;
          other.frame = threads[i].frame;
          return other == threads[i];
        });
    if (!known) threads[kept++] = threads[i];
  }
  threads.resize(kept);
}

void Machine::compact(std::vector<Thread>& threads) const {
  Pool old;
  std::swap(old, pool_);
  std::map<int, int> frames, values;
  const auto move_values = [&](int last) {
    std::vector<int> chain;
    for (; last >= 0 && !values.contains(last); last = old.values[std::size_t(last)].previous) chain.push_back(last);
    int previous = last < 0 ? -1 : values.at(last);
    for (; !chain.empty(); chain.pop_back()) {
      pool_.values.push_back({old.values[std::size_t(chain.back())].hash, previous});
      values[chain.back()] = previous = int(pool_.values.size()) - 1;
    }
    return previous;
  };
  for (Thread& thread : threads) {
    std::vector<int> chain;
    int at = thread.frame;
    for (; at >= 0 && !frames.contains(at); at = old.frames[std::size_t(at)].parent) chain.push_back(at);
    int parent = at < 0 ? -1 : frames.at(at);
    for (; !chain.empty(); chain.pop_back()) {
      Frame frame = old.frames[std::size_t(chain.back())];
      frame.parent = parent;
      if (!frame.is_array) {
        const auto begin = old.seen.begin() + frame.seen;
        frame.seen = std::uint32_t(pool_.seen.size());
        pool_.seen.insert(pool_.seen.end(), begin, begin + std::ptrdiff_t(object(frame).words()));
      }
      frame.values = move_values(frame.values);
      pool_.frames.push_back(frame);
      frames[chain.back()] = parent = int(pool_.frames.size()) - 1;
    }
    thread.frame = parent;
  }
}

}  // namespace nibble::grammar
