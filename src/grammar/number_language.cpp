#include "grammar/number_language.h"

#include <algorithm>
#include <compare>

#include "base/error.h"
#include "grammar/regex.h"

namespace nibble::grammar {
namespace {

// Where in -12.5e-07 a text ends.
enum class Part : std::uint8_t { kBegin, kSign, kWhole, kFraction, kE, kExponent };

// Gives the states of a language numbers: State is a small struct that can be compared.
template <typename State>
class NumberLanguage : public Language {
 public:
  void add_cuts(std::vector<char32_t>& cuts) const override {
    for (char32_t c = '0'; c <= '9' + 1; ++c) cuts.push_back(c);
    for (const char32_t c : {'+', '-', '.', 'E', 'e'}) {
      cuts.push_back(c);
      cuts.push_back(c + 1);
    }
  }
  int start() override { return intern({}); }
  int step(int state, char32_t c, Budget& budget) override {
    if (c > 127) return kDead;
    State next = states_[std::size_t(state)];
    if (!read(next, char(c))) return kDead;
    const std::size_t before = states_.size();
    const int id = intern(next);
    if (states_.size() > before) budget.memory(sizeof(State) * 2 + 48);
    return id;
  }
  int label(int state) override { return label_of_state(states_[std::size_t(state)]); }

 private:
  virtual bool read(State& state, char c) const = 0;
  virtual int label_of_state(const State& state) const = 0;

  int intern(const State& state) {
    const auto [entry, added] = ids_.try_emplace(state, int(states_.size()));
    if (added) states_.push_back(state);
    return entry->second;
  }

  std::map<State, int> ids_;
  std::vector<State> states_;
};

// An exponent, compared with a target while its digits come.
struct Exponent {
  std::int16_t target = 0, value = 0;
  bool negative = false;

  auto operator<=>(const Exponent&) const = default;
  void read(char digit) { value = std::int16_t(std::min(value * 10 + (digit - '0'), std::abs(target) + 1)); }
  int minus_target() const { return (negative ? -value : value) - target; }
};

struct CompareState {
  Part part = Part::kBegin;
  bool negative = false;
  bool started = false;  // a digit other than zero was read
  bool exponent_allowed = false;
  std::int8_t digits = 0;    // the digits read, against the bound's first ones: -1, 0, 1
  std::int16_t point = 0;    // of the number read, as Decimal has it; saturates where it no longer matters
  std::int16_t n_equal = 0;  // digits of the bound that were read
  Exponent exponent;
  auto operator<=>(const CompareState&) const = default;
};

class Compare : public NumberLanguage<CompareState> {
 public:
  explicit Compare(Decimal bound) : bound_(std::move(bound)) {}

 private:
  bool read(CompareState& s, char c) const override {
    if (c == '-' && s.part == Part::kBegin) return s.negative = true, s.part = Part::kSign, true;
    if (c == '.') return s.part = Part::kFraction, true;
    if (c == 'e' || c == 'E') return read_e(s);
    if (s.part == Part::kE || s.part == Part::kExponent) {
      s.part = Part::kExponent;
      if (c == '-' || c == '+')
        s.exponent.negative = c == '-';
      else
        s.exponent.read(c);
      return true;
    }
    return read_digit(s, c), true;
  }

  void read_digit(CompareState& s, char c) const {
    const bool whole = s.part != Part::kFraction;
    if (whole) s.exponent_allowed = s.part != Part::kWhole;  // the first digit
    if (whole) s.part = Part::kWhole;
    if (!s.started && c == '0') {
      if (!whole && s.point >= bound_.point) --s.point;
      s.exponent_allowed = true;  // it may stay zero
      return;
    }
    if (!s.started && !whole) s.exponent_allowed = false;
    s.started = true;
    if (whole) s.point = std::int16_t(std::min<int>(s.point + 1, std::max(bound_.point, 0) + 1));
    if (s.digits != 0) return;
    const char expected = std::size_t(s.n_equal) < bound_.digits.size() ? bound_.digits[std::size_t(s.n_equal)] : '0';
    if (c != expected)
      s.digits = c < expected ? -1 : 1;
    else if (std::size_t(s.n_equal) < bound_.digits.size())
      ++s.n_equal;
  }

  bool read_e(CompareState& s) const {
    if (!s.exponent_allowed) return false;
    const CompareState mantissa = s;
    s = {.part = Part::kE, .negative = mantissa.negative, .started = mantissa.started, .digits = digits_of(mantissa)};
    if (s.started && !bound_.is_zero()) s.exponent.target = std::int16_t(bound_.point - mantissa.point);
    return true;
  }

  // What was read may be a beginning of the bound's digits.
  std::int8_t digits_of(const CompareState& s) const {
    return s.digits == 0 && s.part < Part::kE && std::size_t(s.n_equal) < bound_.digits.size() ? std::int8_t(-1)
                                                                                               : s.digits;
  }

  int label_of_state(const CompareState& s) const override {
    const auto order = [](int difference) { return difference < 0 ? kLess : difference > 0 ? kGreater : kEqual; };
    const int sign = !s.started ? 0 : s.negative ? -1 : 1;
    const int bound_sign = bound_.is_zero() ? 0 : bound_.negative ? -1 : 1;
    if (sign != bound_sign || sign == 0) return order(sign - bound_sign);
    int magnitude = s.part >= Part::kE ? s.exponent.minus_target() : s.point - bound_.point;
    if (magnitude == 0) magnitude = digits_of(s);
    return order(sign * magnitude);
  }

  Decimal bound_;
};

// Digits behind the point that a number with an exponent may have. A double has 17.
constexpr int kMaxFraction = 24;  // as in kOneDigitBeforeExponent

struct IntegerState {
  Part part = Part::kBegin;
  bool started = false;
  bool exponent_allowed = false;
  std::int8_t place = 0;  // of the digit read, behind the point
  std::int8_t last = 0;   // of the last digit that is not zero
  Exponent exponent;
  auto operator<=>(const IntegerState&) const = default;
};

class Integers : public NumberLanguage<IntegerState> {
 public:
  bool has_shortest_spelling() const override { return true; }

 private:
  bool read(IntegerState& s, char c) const override {
    if (c == '-' && s.part == Part::kBegin) return s.part = Part::kSign, true;
    if (c == '.') return s.part = Part::kFraction, true;
    if (c == 'e' || c == 'E') {
      if (!s.exponent_allowed) return false;
      s = {.part = Part::kE, .started = s.started, .exponent = {.target = s.last}};
      return true;
    }
    if (s.part == Part::kE || s.part == Part::kExponent) {
      s.part = Part::kExponent;
      if (c == '-' || c == '+')
        s.exponent.negative = c == '-';
      else
        s.exponent.read(c);
      return true;
    }
    if (s.part != Part::kFraction) {
      s.exponent_allowed = s.part != Part::kWhole;
      s.part = Part::kWhole;
      s.started = s.started || c != '0';
      return true;
    }
    if (s.exponent_allowed && (s.started || c != '0')) {
      if (!s.started || s.place == kMaxFraction) {
        s.exponent_allowed = false;
        if (s.last > 0) return false;
        s.place = 0;
      } else {
        ++s.place;
        if (c != '0') s.last = s.place;
      }
    }
    return s.exponent_allowed || c == '0';  // no exponent will make it whole again
  }

  int label_of_state(const IntegerState& s) const override {
    if (!s.started) return 1;
    return s.part < Part::kE ? s.last == 0 : s.exponent.minus_target() >= 0;
  }
};

struct MultipleState {
  Part part = Part::kBegin;
  bool started = false;
  std::int16_t place = 0;      // digits read behind the point, as many as the divisor has
  std::int64_t remainder = 0;  // of the digits read
  auto operator<=>(const MultipleState&) const = default;
};

class Multiples : public NumberLanguage<MultipleState> {
 public:
  Multiples(std::int64_t divisor, int n_places) : divisor_(divisor), n_places_(n_places) {}
  bool follows_exponents() const override { return false; }

 private:
  bool read(MultipleState& s, char c) const override {
    if (c == '-' && s.part == Part::kBegin) return s.part = Part::kSign, true;
    if (c == '.') return s.part = Part::kFraction, true;
    if (c == 'e' || c == 'E') return s = {.part = Part::kE, .started = s.started}, !s.started;
    if (s.part >= Part::kE) return true;  // an exponent of zero
    if (s.part != Part::kFraction) s.part = Part::kWhole;
    s.started = s.started || c != '0';
    if (s.part == Part::kFraction) {
      if (s.place == n_places_) return c == '0';
      ++s.place;
    }
    s.remainder = (s.remainder * 10 + (c - '0')) % divisor_;
    return true;
  }

  int label_of_state(const MultipleState& s) const override {
    std::int64_t remainder = s.remainder;
    for (int place = s.place; place < n_places_ && remainder != 0; ++place) remainder = remainder * 10 % divisor_;
    return remainder == 0;
  }

  std::int64_t divisor_;  // divisor and number, both times 10^n_places, are integers
  int n_places_;
};

class ListedNumbers : public Language {
 public:
  explicit ListedNumbers(std::unique_ptr<Language> spellings) : spellings_(std::move(spellings)) {}
  void add_cuts(std::vector<char32_t>& cuts) const override { spellings_->add_cuts(cuts); }
  int start() override { return spellings_->start(); }
  int step(int state, char32_t c, Budget& budget) override { return spellings_->step(state, c, budget); }
  int label(int state) override { return spellings_->label(state); }
  bool has_shortest_spelling() const override { return true; }

 private:
  std::unique_ptr<Language> spellings_;
};

}  // namespace

std::unique_ptr<Language> compare_with(const Decimal& bound) { return std::make_unique<Compare>(bound); }

std::unique_ptr<Language> integers() { return std::make_unique<Integers>(); }

std::unique_ptr<Language> listed_numbers(const std::vector<Decimal>& numbers, Budget& budget) {
  std::string pattern;
  for (const Decimal& number : numbers) pattern += (pattern.empty() ? "" : "|") + spellings(number);
  return std::make_unique<ListedNumbers>(parse_regex(pattern, Anchoring::kWhole, "numbers", budget));
}

std::unique_ptr<Language> multiples_of(const Decimal& divisor, std::string_view place) {
  const int n_digits = int(divisor.digits.size());
  const int n_zeros = std::max(0, divisor.point - n_digits);  // 1500 is 15 and two zeros
  if (n_digits + n_zeros > 15 || n_digits - divisor.point > 400)
    throw Error("{}: multipleOf of more than 15 digits is not supported", place);
  const std::int64_t scaled = std::stoll(divisor.digits + std::string(std::size_t(n_zeros), '0'));
  return std::make_unique<Multiples>(scaled, std::max(0, n_digits - divisor.point));
}

}  // namespace nibble::grammar
