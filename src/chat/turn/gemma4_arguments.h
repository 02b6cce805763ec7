// The arguments of a call in Gemma 4's notation, `city:<|"|>Paris<|"|>,days:3`, to JSON while they arrive. Strings stand
// between <|"|>, without escapes; every other value is bare text, which the tool's schema gives a type.
//
// Sent at once is what no later text can change: members that are complete, and the characters of a string that the
// schema lets be nothing but a string. Values in arrays and objects wait for the bracket that closes them.
// Nothing is an error: whatever does not fit is read the way the reference server reads it.
#pragma once

#include <string>
#include <string_view>

#include "chat/turn/schema_types.h"

namespace nibble::chat::turn {

class Gemma4Arguments {
 public:
  // `properties`: schemas by the parameter's name, or nullptr. They outlive it.
  explicit Gemma4Arguments(const json::object* properties) : properties_(properties) {}

  // The text behind the call's opening bracket -> JSON that is certain now.
  std::string push(std::string_view text);
  std::string finish();  // the rest of the object

 private:
  enum class State { kBetween, kKey, kBeforeValue, kString, kNested, kBare, kRefused };

  void consume(std::string_view text);
  std::size_t step(std::string_view text);  // bytes read; 0: more text has to come first
  std::size_t read_between(std::string_view text);
  std::size_t read_key(std::string_view text);
  std::size_t begin_value(std::string_view text);
  std::size_t read_string(std::string_view text);
  std::size_t read_nested(std::string_view text);
  std::size_t read_bare(std::string_view text);
  void begin_member();                       // `, "key": `
  void end_member(const std::string& json);  // with its value
  const json::value* schema() const;         // of the member being read

  const json::object* properties_;
  SchemaTypes types_;
  State state_ = State::kBetween;
  std::string tail_;    // a closing bracket and white space, while they may be the call's own end
  std::string unread_;  // the beginning of a <|"|>, perhaps
  std::string key_, value_, out_;
  bool begun_ = false;             // white space in front of everything is nothing
  long n_open_ = 0, n_close_ = 0;  // parentheses in all of the text
  bool any_member_ = false;
  bool streams_ = false;  // kString: its characters go out as they come
  char bracket_ = 0;      // kNested: the one that opened the value
  int depth_ = 0;         // kNested: of that bracket
  bool in_string_ = false;
};

}  // namespace nibble::chat::turn
