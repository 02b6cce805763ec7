#include "grammar/satisfiable.h"

#include <algorithm>
#include <bit>

namespace nibble::grammar {
namespace {

class Checker {
 public:
  explicit Checker(Program& program) : program_(program) {}

  // A value is finite: one that fulfils a demand is made of values found before it.
  void find() {
    for (bool changed = true; changed;) {
      changed = false;
      for (Goal& goal : program_.goals) {
        if (goal.satisfiable || !fulfilled(goal)) continue;
        goal.satisfiable = true;
        changed = true;
      }
    }
  }

  void drop() {
    for (Goal& goal : program_.goals) {
      std::erase_if(goal.arrays, [&](int form) { return !possible(program_.arrays[std::size_t(form)]); });
      std::erase_if(goal.objects, [&](int form) { return !possible(program_.objects[std::size_t(form)]); });
    }
    for (ArrayForm& array : program_.arrays) {
      for (auto& of_item : array.items) drop(of_item);
      for (std::size_t item = 0; item < array.items.size(); ++item)
        if (array.items[item].empty()) array.max = std::min(array.max, std::uint32_t(item));
    }
    for (ObjectForm& object : program_.objects) drop(object);
  }

 private:
  bool satisfiable(const Choice& choice) const { return program_.goals[std::size_t(choice.goal)].satisfiable; }
  bool any(const std::vector<Choice>& choices, std::uint32_t counting_for = 0) const {
    return std::any_of(choices.begin(), choices.end(), [&](const Choice& choice) {
      return (choice.counted & counting_for) == counting_for && satisfiable(choice);
    });
  }

  bool fulfilled(const Goal& goal) const {
    return goal.constants != 0 || goal.number >= 0 || goal.text >= 0 ||
           std::any_of(goal.arrays.begin(), goal.arrays.end(),
                       [&](int form) { return possible(program_.arrays[std::size_t(form)]); }) ||
           std::any_of(goal.objects.begin(), goal.objects.end(),
                       [&](int form) { return possible(program_.objects[std::size_t(form)]); });
  }

  bool possible(const ArrayForm& array) const {
    std::uint32_t max = array.max;
    for (std::size_t item = 0; item < array.items.size(); ++item)
      if (!any(array.items[item])) max = std::min(max, std::uint32_t(item));
    if (array.min > max) return false;
    for (std::size_t i = 0; i < array.counters.size(); ++i) {
      const Counter& counter = array.counters[i];
      std::uint32_t available = 0;
      for (std::size_t item = 0; item < array.items.size() && item < max; ++item)
        if (any(array.items[item], 1u << i)) available = item + 1 == array.items.size() ? max : available + 1;
      if (counter.min > std::min(counter.max, available)) return false;
    }
    return true;
  }

  bool possible(const ObjectForm& object) const {
    if (object.n_required > object.max) return false;
    std::uint32_t n_names = 0, n_required = 0;
    bool open = false;
    for (const ObjectForm::KeyClass& key_class : object.classes) {
      if (!any(key_class.choices)) continue;
      if (key_class.name < 0) {
        open = true;
      } else {
        ++n_names;
        n_required += object.required[std::size_t(key_class.name) / 64] >> (key_class.name % 64) & 1;
      }
    }
    if (n_required < object.n_required || (!open && n_names < object.min)) return false;
    for (std::size_t i = 0; i < object.counters.size(); ++i) {
      const bool reachable =
          object.max > 0 && std::any_of(object.classes.begin(), object.classes.end(),
                                        [&](const auto& key_class) { return any(key_class.choices, 1u << i); });
      if (!reachable) return false;
    }
    return true;
  }

  void drop(std::vector<Choice>& choices) const {
    std::erase_if(choices, [&](const Choice& choice) { return !satisfiable(choice); });
  }

  void drop(ObjectForm& object) {
    for (ObjectForm::KeyClass& key_class : object.classes) {
      drop(key_class.choices);
      object.has_open_keys = object.has_open_keys || (key_class.name < 0 && !key_class.choices.empty());
    }
    Dfa& keys = program_.tables[std::size_t(object.keys)];
    for (int state = 0; state < keys.n_states(); ++state) {
      const std::uint32_t label = keys.label(state);
      if (label != 0 && object.classes[label - 1].choices.empty()) keys.set_label(state, 0);
    }
    keys.prune();
    reach(object, keys);
    keys.measure_runs([&](int state) { return object.reach[std::size_t(state)].open; });
  }

  // The names below a state are neighbours, since they are sorted: a first and a last one tell them all.
  static void reach(ObjectForm& object, const Dfa& keys) {
    object.reach.assign(std::size_t(keys.n_states()), {.first_name = object.n_names});
    for (int state = 0; state < keys.n_states(); ++state) {
      if (keys.label(state) == 0) continue;
      const int name = object.classes[keys.label(state) - 1].name;
      ObjectForm::Reach& here = object.reach[std::size_t(state)];
      if (name < 0)
        here.open = true;
      else
        here.first_name = here.last_name = name;
    }
    for (bool changed = true; changed;) {
      changed = false;
      for (int state = keys.n_states() - 1; state >= 0; --state) {
        ObjectForm::Reach& here = object.reach[std::size_t(state)];
        const ObjectForm::Reach before = here;
        for (int of_class = 0; of_class < keys.n_classes(); ++of_class) {
          const int to = keys.next(state, of_class);
          if (to == kDead) continue;
          const ObjectForm::Reach& there = object.reach[std::size_t(to)];
          here.open = here.open || there.open;
          here.first_name = std::min(here.first_name, there.first_name);
          here.last_name = std::max(here.last_name, there.last_name);
        }
        changed = changed || before.open != here.open || before.first_name != here.first_name ||
                  before.last_name != here.last_name;
      }
    }
  }

  Program& program_;
};

}  // namespace

void drop_unsatisfiable(Program& program) {
  Checker checker(program);
  checker.find();
  checker.drop();
}

bool unique_items_supported(const Program& program, const ArrayForm& array) {
  if (array.max <= 1) return true;
  for (const auto& of_item : array.items) {
    for (const Choice& choice : of_item) {
      const Goal& goal = program.goals[std::size_t(choice.goal)];
      if (!goal.arrays.empty() || !goal.objects.empty()) return false;
      const auto endless = [&](int table) { return table >= 0 && program.tables[std::size_t(table)].endless(); };
      if (!endless(goal.text) && !endless(goal.number)) return false;
    }
  }
  return true;
}

}  // namespace nibble::grammar
