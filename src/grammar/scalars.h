// Formulas about numbers and texts, as tables. Also answers what a formula says of one text, for keys.
#pragma once

#include <map>
#include <vector>

#include "grammar/normal_form.h"
#include "grammar/program.h"

namespace nibble::grammar {

// The languages that some formulas speak of, to be read at once.
class Vocabulary {
 public:
  Vocabulary(Schema& schema, Budget& budget) : schema_(schema), budget_(budget) {}
  void add(int formula);  // a specialised one, of texts or of numbers
  void add_text(int text) { texts_.push_back(text); }
  void close();  // after the last add

  std::vector<Language*> parts;
  int n_names() const { return int(texts_.size()); }
  int name(int index) const { return texts_[std::size_t(index)]; }  // in the order of their bytes
  // The name that is read completely in these states; -1: none.
  int name_read(std::span<const int> states) const;
  bool accepts(int formula, std::span<const int> states) const;
  Fate fate(int formula, std::span<const int> states) const;

 private:
  int label(std::size_t part, std::span<const int> states) const {
    return states[part] == kDead ? 0 : parts[part]->label(states[part]);
  }

  Schema& schema_;
  Budget& budget_;
  std::map<int, std::size_t> part_of_language_;
  std::vector<int> texts_;
  std::unique_ptr<Texts> names_;
  std::size_t names_part_ = 0;
};

class Scalars {
 public:
  Scalars(Schema& schema, NormalForm& forms, Program& program, Budget& budget)
      : schema_(schema), forms_(forms), program_(program), budget_(budget) {}

  // In program.tables; -1 where no number, or no text, fulfils the expression.
  int numbers(int expression);
  int texts(int expression);
  // Whether the text fulfils the expression.
  bool fulfils(int text, int expression);

 private:
  int build_numbers(int formula);
  int build_texts(int formula);
  int keep(Dfa table);

  Schema& schema_;
  NormalForm& forms_;
  Program& program_;
  Budget& budget_;
  std::map<int, int> numbers_, texts_;  // by formula
  std::map<std::pair<int, int>, bool> fulfilled_;
};

}  // namespace nibble::grammar
