#include "tokenizer/tokenizer_json.h"

#include <boost/json/basic_parser_impl.hpp>
#include <limits>
#include <unordered_set>

#include "base/error.h"

namespace nibble::tokenizer {
namespace {

// What Boost's parser calls for each thing it meets. Outside of the two large parts it builds a value on Boost's own
// stack; a problem that is ours to name is left in `problem` and ends the parse.
struct Handler {
  constexpr static std::size_t max_object_size = std::size_t(-1);
  constexpr static std::size_t max_array_size = std::size_t(-1);
  constexpr static std::size_t max_key_size = std::size_t(-1);
  constexpr static std::size_t max_string_size = std::size_t(-1);

  enum class Part { kRest, kVocabulary, kMerges };

  TokenizerJson out;
  std::string problem;
  json::value_stack stack;
  std::vector<std::unordered_set<std::string>> keys;  // of the open objects of the rest
  std::vector<std::string> path;                      // the current key of each open object of the rest
  int open_arrays = 0;                                // of the rest
  Part part = Part::kRest;
  std::string text;      // of a key or string that comes in parts
  std::string token;     // kVocabulary: the key whose id comes next
  int merge_level = 0;   // kMerges: 1 in the list, 2 in one merge
  int merge_tokens = 0;  // kMerges: of the merge being read
  std::size_t n_merges = 0;

  bool fail(json::error_code& error, std::string what) {
    problem = std::move(what);
    error = json::error::syntax;
    return false;
  }
  bool at(std::string_view key) const {
    return open_arrays == 0 && path.size() == 2 && path[0] == "model" && path[1] == key;
  }
  // Each of these is asked by every event that has no place in the part it occurs in.
  bool misplaced(json::error_code& error, std::string_view found) {
    if (part == Part::kVocabulary)
      return fail(error, fmt::format("model.vocab: \"{}\": expected an id of 0 to {}, found {}", token,
                                     Vocabulary::kMaxTokens - 1, found));
    return fail(error, fmt::format("model.merges[{}]: expected two tokens, found {}", n_merges, found));
  }

  bool on_document_begin(json::error_code&) {
    stack.reset();
    return true;
  }
  bool on_document_end(json::error_code&) { return true; }

  bool on_object_begin(json::error_code& error) {
    if (part != Part::kRest) return misplaced(error, "an object");
    if (at("vocab")) {
      part = Part::kVocabulary;
      return true;
    }
    keys.emplace_back();
    path.emplace_back();
    return true;
  }
  bool on_object_end(std::size_t n, json::error_code&) {
    if (part == Part::kVocabulary) {
      part = Part::kRest;
      stack.push_bool(true);
      return true;
    }
    keys.pop_back();
    path.pop_back();
    stack.push_object(n);
    return true;
  }
  bool on_array_begin(json::error_code& error) {
    if (part == Part::kMerges && merge_level == 1) {
      merge_level = 2;
      merge_tokens = 0;
      return true;
    }
    if (part != Part::kRest) return misplaced(error, "a list");
    if (at("merges")) {
      part = Part::kMerges;
      merge_level = 1;
      return true;
    }
    ++open_arrays;
    return true;
  }
  bool on_array_end(std::size_t n, json::error_code& error) {
    if (part == Part::kMerges && merge_level == 2) {
      if (merge_tokens != 2) return misplaced(error, fmt::format("{}", merge_tokens));
      merge_level = 1;
      ++n_merges;
      return true;
    }
    if (part == Part::kMerges) {
      part = Part::kRest;
      stack.push_bool(true);
      return true;
    }
    --open_arrays;
    stack.push_array(n);
    return true;
  }

  bool on_key_part(json::string_view s, std::size_t, json::error_code&) {
    text.append(s.data(), s.size());
    return true;
  }
  bool on_key(json::string_view s, std::size_t, json::error_code& error) {
    text.append(s.data(), s.size());
    if (part == Part::kVocabulary) {
      token.swap(text);
      text.clear();
      return true;
    }
    stack.push_key(text);
    if (!keys.back().insert(text).second)
      return fail(error, fmt::format("key \"{}\" appears twice in one object", text));
    path.back().swap(text);
    text.clear();
    return true;
  }
  bool on_string_part(json::string_view s, std::size_t, json::error_code&) {
    text.append(s.data(), s.size());
    return true;
  }
  bool on_string(json::string_view s, std::size_t, json::error_code& error) {
    text.append(s.data(), s.size());
    if (part == Part::kVocabulary) return misplaced(error, "a string");
    if (part == Part::kMerges) {
      if (!on_merge_text(error)) return false;
    } else {
      stack.push_string(text);
    }
    text.clear();
    return true;
  }
  // Two strings in a list, or one with a space between them as older files have it.
  bool on_merge_text(json::error_code& error) {
    if (merge_level == 2) {
      if (++merge_tokens > 2) return misplaced(error, "more");
      add_merge_text(text);
      return true;
    }
    const std::size_t space = text.find(' ');
    if (space == std::string::npos || text.find(' ', space + 1) != std::string::npos)
      return misplaced(error, fmt::format("\"{}\"", text));
    add_merge_text(std::string_view(text).substr(0, space));
    add_merge_text(std::string_view(text).substr(space + 1));
    ++n_merges;
    return true;
  }
  void add_merge_text(std::string_view one) {
    out.merge_texts.append(one);
    out.merge_ends.push_back(std::uint32_t(out.merge_texts.size()));
  }

  bool on_id(std::int64_t id, json::string_view digits, json::error_code& error) {
    if (id < 0 || id >= Vocabulary::kMaxTokens) return misplaced(error, std::string_view(digits));
    switch (out.vocabulary.add(token, int(id))) {
      case Vocabulary::Added::kYes: return true;
      case Vocabulary::Added::kSameText: return fail(error, fmt::format("model.vocab: \"{}\" appears twice", token));
      case Vocabulary::Added::kSameId: break;
    }
    return fail(error, fmt::format("model.vocab: \"{}\" and \"{}\" have the same id {}", out.vocabulary.text(int(id)),
                                   token, id));
  }

  bool on_number_part(json::string_view s, json::error_code&) {
    text.append(s.data(), s.size());
    return true;
  }
  bool on_int64(std::int64_t i, json::string_view s, json::error_code& error) {
    text.clear();
    if (part == Part::kVocabulary) return on_id(i, s, error);
    if (part == Part::kMerges) return misplaced(error, "a number");
    stack.push_int64(i);
    return true;
  }
  bool on_uint64(std::uint64_t u, json::string_view s, json::error_code& error) {
    text.clear();
    if (part != Part::kRest) return misplaced(error, std::string_view(s));
    stack.push_uint64(u);
    return true;
  }
  bool on_double(double d, json::string_view s, json::error_code& error) {
    text.clear();
    if (part != Part::kRest) return misplaced(error, std::string_view(s));
    stack.push_double(d);
    return true;
  }
  bool on_bool(bool b, json::error_code& error) {
    if (part != Part::kRest) return misplaced(error, "a boolean");
    stack.push_bool(b);
    return true;
  }
  bool on_null(json::error_code& error) {
    if (part != Part::kRest) return misplaced(error, "null");
    stack.push_null();
    return true;
  }
  bool on_comment_part(json::string_view, json::error_code&) { return true; }
  bool on_comment(json::string_view, json::error_code&) { return true; }
};

}  // namespace

std::vector<std::string_view> TokenizerJson::merges() const {
  std::vector<std::string_view> texts;
  texts.reserve(merge_ends.size());
  std::uint32_t begin = 0;
  for (const std::uint32_t end : merge_ends) {
    texts.push_back(std::string_view(merge_texts).substr(begin, end - begin));
    begin = end;
  }
  return texts;
}

TokenizerJson read_tokenizer_json(std::string_view text, const std::string& source) {
  // Offsets into the texts are 32 bits wide; Gemma 4's file has 32 MB.
  constexpr std::size_t kMaxBytes = 256u << 20;
  if (text.size() > kMaxBytes) throw Error("{}: expected at most {} bytes, found {}", source, kMaxBytes, text.size());
  json::parse_options options;
  options.max_depth = kMaxJsonDepth;
  json::basic_parser<Handler> parser(options);
  json::error_code error;
  const std::size_t used = parser.write_some(false, text.data(), text.size(), error);
  Handler& handler = parser.handler();
  if (!handler.problem.empty()) throw Error("{}: {}", source, handler.problem);
  if (error == json::error::too_deep) throw Error("{}: nested deeper than {} levels", source, kMaxJsonDepth);
  if (error) throw Error("{}: byte {}: not valid JSON ({})", source, used, error.message());
  if (const std::size_t more = text.find_first_not_of(" \t\r\n", used); more != std::string_view::npos)
    throw Error("{}: byte {}: unexpected text behind the JSON value", source, more);
  handler.out.rest = handler.stack.release();
  return std::move(handler.out);
}

}  // namespace nibble::tokenizer
