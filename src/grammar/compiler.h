// What compiling a schema keeps between its steps.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "grammar/normal_form.h"
#include "grammar/program.h"
#include "grammar/scalars.h"

namespace nibble::grammar {

class Compiler {
 public:
  Compiler(Schema& schema, Syntax syntax, Budget& budget)
      : schema_(schema), budget_(budget), forms_(schema, budget), scalars_(schema, forms_, program_, budget) {
    program_.syntax = syntax;
  }
  Program compile();

 private:
  // A demand that as many values as the counter says must fulfil.
  struct Counted {
    int expression = 0;
    int key = 0;             // of members: a formula for the keys that may count
    std::uint32_t from = 0;  // of items: the first that may count
    Counter counter;
  };

  int goal_of(int expression);
  std::string path_of(int expression) const;
  bool excluded(const Way& way, int depth);
  bool nothing_fulfils(int expression, int depth);
  int member_demand(const Way& way, int key);
  int item_demand(const Way& way, std::uint32_t item);
  int make_array(const Way& way);   // in program_.arrays; -1: impossible
  int make_object(const Way& way);  // in program_.objects; -1: impossible
  void make_keys(const Way& way, const std::vector<Counted>& counted, const std::vector<int>& required,
                 const std::vector<int>& forbidden, ObjectForm& form);
  std::vector<Choice> choices(int demand, const std::vector<Counted>& counted, const std::vector<int>& active);
  Expressions& expressions() { return schema_.expressions; }

  Schema& schema_;
  Budget& budget_;
  Program program_;
  NormalForm forms_;
  Scalars scalars_;
  std::map<int, int> goal_ids_;
  std::vector<int> pending_;  // the expression of each goal
};

}  // namespace nibble::grammar
