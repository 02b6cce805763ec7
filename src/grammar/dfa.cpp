#include "grammar/dfa.h"

#include <algorithm>
#include <unordered_map>

namespace nibble::grammar {
namespace {

struct HashStates {
  std::size_t operator()(const std::vector<int>& states) const {
    std::uint64_t hash = 0;
    for (const int state : states) hash = (hash ^ std::uint32_t(state)) * 0x9E3779B97F4A7C15u + (hash >> 29);
    return hash;
  }
};

// The states of one part, with each step computed once.
class Part {
 public:
  Part(Language& language, const std::vector<char32_t>& firsts) : language_(language), firsts_(firsts) {}

  int step(int state, std::size_t range, Budget& budget) {
    if (state == kDead) return kDead;
    const std::size_t at = std::size_t(state) * firsts_.size() + range;
    if (at >= known_.size()) {
      const std::size_t grown = std::max(at + firsts_.size(), known_.size() * 2);
      budget.memory((grown - known_.size()) * sizeof(int));
      known_.resize(grown, kUnknown);
    }
    if (known_[at] == kUnknown) {
      const int to = language_.step(state, firsts_[range], budget);
      known_[at] = to;
    }
    return known_[at];
  }

 private:
  static constexpr int kUnknown = -2;
  Language& language_;
  const std::vector<char32_t>& firsts_;
  std::vector<int> known_;
};

std::vector<char32_t> ranges_of(std::span<Language* const> parts) {
  std::vector<char32_t> firsts = {0, 0x20, '"', '"' + 1, '\\', '\\' + 1, 128};
  for (const Language* part : parts) part->add_cuts(firsts);
  std::sort(firsts.begin(), firsts.end());
  firsts.erase(std::unique(firsts.begin(), firsts.end()), firsts.end());
  while (firsts.back() > kLastCharacter) firsts.pop_back();
  return firsts;
}

}  // namespace

Dfa Dfa::build(std::span<Language* const> languages, const Condition& condition, Budget& budget) {
  const std::vector<char32_t> firsts = ranges_of(languages);
  const std::size_t n_ranges = firsts.size();
  std::vector<Part> parts;
  std::vector<int> tuple;
  for (Language* language : languages) {
    parts.emplace_back(*language, firsts);
    tuple.push_back(language->start());
  }
  std::unordered_map<std::vector<int>, int, HashStates> ids;
  std::vector<const std::vector<int>*> tuples;
  std::vector<int> next;
  Dfa dfa;
  const auto intern = [&](const std::vector<int>& states) {
    if (condition.hopeless(states)) return kDead;
    const auto [entry, added] = ids.try_emplace(states, int(tuples.size()));
    if (added) {
      budget.memory(64 + states.size() * sizeof(int) + n_ranges * sizeof(int) + 16);
      tuples.push_back(&entry->first);
      dfa.labels_.push_back(condition.label(states));
    }
    return entry->second;
  };
  intern(tuple);
  for (std::size_t state = 0; state < tuples.size(); ++state) {
    int last = kDead;
    std::vector<int> last_tuple;
    for (std::size_t range = 0; range < n_ranges; ++range) {
      budget.work(4 + parts.size() * 2);
      for (std::size_t i = 0; i < parts.size(); ++i) tuple[i] = parts[i].step((*tuples[state])[i], range, budget);
      if (range == 0 || tuple != last_tuple) {
        last = intern(tuple);
        last_tuple = tuple;
      }
      next.push_back(last);
    }
  }
  dfa.n_states_ = int(tuples.size());

  // Ranges with the same column are one class.
  std::map<std::vector<int>, std::uint32_t> classes;
  std::vector<std::uint32_t> class_of_range(n_ranges);
  std::vector<std::size_t> range_of_class;
  std::vector<int> column(tuples.size());
  for (std::size_t range = 0; range < n_ranges; ++range) {
    for (std::size_t state = 0; state < tuples.size(); ++state) column[state] = next[state * n_ranges + range];
    budget.work(tuples.size());
    const auto [entry, added] = classes.try_emplace(column, std::uint32_t(classes.size()));
    if (added) range_of_class.push_back(range), dfa.plain_class_.push_back(false);
    class_of_range[range] = entry->second;
    const bool plain = is_plain(firsts[range]);
    if (plain) dfa.plain_class_[entry->second] = true;
  }
  dfa.n_classes_ = int(classes.size());
  for (std::size_t range = 0; range < n_ranges; ++range) {
    const char32_t end = range + 1 < n_ranges ? firsts[range + 1] : kLastCharacter + 1;
    for (char32_t c = firsts[range]; c < end && c < 128; ++c) dfa.ascii_[c] = class_of_range[range];
    if (firsts[range] >= 128) {
      dfa.firsts_.push_back(firsts[range]);
      dfa.range_class_.push_back(class_of_range[range]);
    }
  }
  dfa.next_.reserve(tuples.size() * range_of_class.size());
  for (std::size_t state = 0; state < tuples.size(); ++state)
    for (const std::size_t range : range_of_class) dfa.next_.push_back(next[state * n_ranges + range]);
  budget.memory(dfa.memory_bytes());
  dfa.prune();
  return dfa;
}

std::size_t Dfa::class_beyond_ascii(char32_t c) const {
  const auto after = std::upper_bound(firsts_.begin(), firsts_.end(), c);
  return range_class_[std::size_t(after - firsts_.begin()) - 1];
}

// The states from which some state of `goal` can be reached.
std::vector<char> Dfa::reaching(FunctionRef<bool(int state)> goal) const {
  const std::size_t n = std::size_t(n_states_), width = std::size_t(n_classes_);
  std::vector<std::uint32_t> begin(n + 2), from(next_.size());
  for (const int to : next_)
    if (to != kDead) ++begin[std::size_t(to) + 2];
  for (std::size_t i = 2; i < begin.size(); ++i) begin[i] += begin[i - 1];
  for (std::size_t i = 0; i < next_.size(); ++i)
    if (next_[i] != kDead) from[begin[std::size_t(next_[i]) + 1]++] = std::uint32_t(i / width);
  std::vector<char> reached(n);
  std::vector<int> stack;
  for (int state = 0; state < n_states_; ++state)
    if (goal(state)) reached[std::size_t(state)] = true, stack.push_back(state);
  while (!stack.empty()) {
    const std::size_t state = std::size_t(stack.back());
    stack.pop_back();
    for (std::uint32_t i = begin[state]; i < begin[state + 1]; ++i) {
      if (reached[from[i]]) continue;
      reached[from[i]] = true;
      stack.push_back(int(from[i]));
    }
  }
  return reached;
}

void Dfa::prune() {
  const std::vector<char> live = reaching([&](int state) { return labels_[std::size_t(state)] != 0; });
  dead_.resize(std::size_t(n_states_));
  for (int state = 0; state < n_states_; ++state) dead_[std::size_t(state)] = !live[std::size_t(state)];
  for (int& to : next_)
    if (to != kDead && dead_[std::size_t(to)]) to = kDead;
}

void Dfa::prefer(FunctionRef<bool(std::uint32_t label)> preferred) {
  preferred_ = reaching([&](int state) { return preferred(labels_[std::size_t(state)]); });
}

// A state's run is one more than the shortest of those it goes on to: found outward from the states that have none.
void Dfa::measure_runs(FunctionRef<bool(int state)> wanted) {
  const std::size_t n = std::size_t(n_states_), width = std::size_t(n_classes_);
  runs_.assign(n, kForever);
  std::vector<std::vector<int>> before(n);
  std::vector<int> queue;
  for (std::size_t state = 0; state < n; ++state) {
    bool stops = !wanted(int(state));
    for (std::size_t of_class = 0; of_class < width; ++of_class) {
      if (!plain_class_[of_class]) continue;
      const int to = next_[state * width + of_class];
      if (to == kDead || !wanted(to)) {
        stops = true;
        break;
      }
      if (before[std::size_t(to)].empty() || before[std::size_t(to)].back() != int(state))
        before[std::size_t(to)].push_back(int(state));
    }
    if (stops) runs_[state] = 0, queue.push_back(int(state));
  }
  for (std::size_t i = 0; i < queue.size(); ++i) {
    const int state = queue[i];
    for (const int earlier : before[std::size_t(state)]) {
      if (runs_[std::size_t(earlier)] != kForever) continue;
      runs_[std::size_t(earlier)] = runs_[std::size_t(state)] + 1;
      queue.push_back(earlier);
    }
  }
}

bool Dfa::endless() const {
  enum : char { kNew, kOpen, kDone };
  std::vector<char> seen(std::size_t(n_states_), kNew);
  std::vector<std::pair<int, int>> stack;  // state, the class to look at next
  if (!empty()) stack.emplace_back(0, 0);
  while (!stack.empty()) {
    auto& [state, of_class] = stack.back();
    seen[std::size_t(state)] = kOpen;
    if (of_class == n_classes_) {
      seen[std::size_t(state)] = kDone;
      stack.pop_back();
      continue;
    }
    const int to = next(state, of_class++);
    if (to == kDead || !is_preferred(to)) continue;
    if (seen[std::size_t(to)] == kOpen) return true;  // a circle, and each state leads to an end
    if (seen[std::size_t(to)] == kNew) stack.emplace_back(to, 0);
  }
  return false;
}

std::uint64_t Dfa::memory_bytes() const {
  return next_.size() * sizeof(int) + labels_.size() * (sizeof(std::uint32_t) * 2 + 2) + range_class_.size() * 8;
}

}  // namespace nibble::grammar
