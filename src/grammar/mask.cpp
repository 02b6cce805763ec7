// Which tokens may come next: a walk through the vocabulary that leaves out each subtree where no thread goes on.
#include <algorithm>

#include "grammar/grammar.h"

namespace nibble::grammar {
namespace {

// The plain tokens that a table has steps for. A run of any plain characters that the table takes needs no walk.
void allow_plain(const TokenTrie& tokens, const Dfa& table, int state, std::span<std::uint64_t> allowed) {
  const std::size_t run = std::min<std::size_t>(table.run(state), tokens.longest_plain());
  const std::span<const std::uint64_t> free = tokens.plain_up_to(run);
  for (std::size_t i = 0; i < free.size(); ++i) allowed[i] |= free[i];
  if (run == tokens.longest_plain()) return;
  const auto& nodes = tokens.plain().nodes;
  std::array<int, TokenTrie::kLongestPlain + 1> states{};
  states[0] = state;
  for (std::size_t i = 0; i < nodes.size();) {
    const auto& node = nodes[i];
    const int to = node.longest <= run ? kDead : table.step(states[node.depth - 1u], node.unit);
    if (to == kDead) {
      i = node.end;
      continue;
    }
    states[node.depth] = to;
    if (node.token >= 0) tokens.allow(node.token, allowed);
    ++i;
  }
}

}  // namespace

void Matcher::mask(const TokenTrie& trie, std::span<std::uint64_t> allowed) {
  std::fill(allowed.begin(), allowed.end(), 0);
  if (adds_plain_text(trie, allowed))
    walk(trie, trie.not_plain(), allowed);
  else
    walk(trie, trie.all(), allowed);
  if (!may_end()) return;
  for (const int id : trie.end_ids()) allowed[std::size_t(id) / 64] |= std::uint64_t(1) << (id % 64);
}

// If all threads stand between two characters of a text, their tables alone decide about plain tokens. Keys do if none
// of the plain tokens can make one that may not come.
bool Matcher::adds_plain_text(const TokenTrie& trie, std::span<std::uint64_t> allowed) const {
  const auto decides = [&](const Thread& thread) {
    if (thread.escape != 0 || thread.remaining != 0) return false;
    if (thread.place == Place::kText || thread.place == Place::kRaw) return true;
    if (thread.place != Place::kKey) return false;
    const Frame& frame = pool_.frames[std::size_t(thread.frame)];
    const ObjectForm& form = program_->objects[std::size_t(frame.form)];
    return frame.missing < form.max - frame.count &&
           program_->tables[std::size_t(thread.table)].run(thread.state) >= trie.longest_plain();
  };
  if (!std::all_of(threads_.begin(), threads_.end(), decides)) return false;
  for (const Thread& thread : threads_)
    allow_plain(trie, program_->tables[std::size_t(thread.table)], thread.state, allowed);
  return true;
}

template <typename Bytes>
void Matcher::walk(const TokenTrie& tokens, const Bytes& trie, std::span<std::uint64_t> allowed) {
  Machine machine(*program_, pool_, true);
  struct Level {
    std::size_t end;  // of its threads
    Pool::Mark mark;
  };
  std::vector<Level> levels(trie.depth + 1u);
  std::vector<Thread> threads = threads_, next;
  levels[0] = {threads.size(), pool_.mark()};
  const auto& nodes = trie.nodes;
  for (std::size_t i = 0; i < nodes.size();) {
    const auto& node = nodes[i];
    const Level& above = levels[node.depth - 1u];
    const std::size_t begin = node.depth == 1 ? 0 : levels[node.depth - 2u].end;
    threads.resize(above.end);
    pool_.cut(above.mark);
    next.clear();
    machine.step(std::span(threads).subspan(begin, above.end - begin), node.unit, next);
    if (next.empty()) {
      i = node.end;
      continue;
    }
    threads.insert(threads.end(), next.begin(), next.end());
    levels[node.depth] = {threads.size(), pool_.mark()};
    if (node.token >= 0) tokens.allow(node.token, allowed);
    ++i;
  }
  pool_.cut(levels[0].mark);
}

}  // namespace nibble::grammar
