// A turn as it arrives: what is sent when, what is control and what is text, and where hostile turns end.
#include "chat/turn/turn_parser.h"

#include <gtest/gtest.h>

#include "chat/turn/json_text.h"
#include "chat/turn/message.h"

namespace nibble::chat::turn {

void PrintTo(const Event& event, std::ostream* out) {
  *out << int(event.kind) << " \"" << event.text << "\" " << event.call;
}

namespace {

std::vector<Piece> split(std::string_view text, std::size_t step = std::string::npos) {
  PieceSplitter splitter;
  std::vector<Piece> pieces;
  const auto append = [&](std::vector<Piece> more) { pieces.insert(pieces.end(), more.begin(), more.end()); };
  for (std::size_t at = 0; at < text.size(); at += std::min(step, text.size()))
    append(splitter.push(text.substr(at, step)));
  append(splitter.finish());
  return pieces;
}

Message read(std::string_view text, const TurnOptions& options, std::size_t step = std::string::npos) {
  TurnParser parser(options);
  Message message;
  for (const Piece& piece : split(text, step)) message.add(parser.push(piece));
  message.add(parser.finish());
  message.finish();
  return message;
}

std::string shown(const Message& message) {
  std::string out = "content: " + message.content + "\nreasoning: " + message.reasoning;
  for (const FunctionCall& call : message.calls) out += "\ncall: " + call.name + ' ' + call.arguments;
  return out;
}

const TurnOptions kGemma{.calls = CallForm::kGemma4};
const TurnOptions kPython{.calls = CallForm::kPythonic};

const json::array& tools() {
  static const json::array tools = {
      {{"type", "function"},
       {"function",
        {{"name", "f"},
         {"parameters", {{"properties", {{"s", {{"type", "string"}}}, {"n", {{"type", "integer"}}}}}}}}}}};
  return tools;
}

TEST(TurnParser, SendsWhatCannotChangeAtOnce) {
  const ToolSchemas schemas(tools());
  TurnParser parser({.calls = CallForm::kGemma4, .tools = &schemas});
  EXPECT_EQ(parser.push("Sure. ", false), (Events{{EventKind::kContent, "Sure."}}));
  EXPECT_EQ(parser.push(kCallBegins, true), Events{});
  EXPECT_EQ(parser.push("call:f", false), Events{});
  EXPECT_EQ(parser.push("{", false), (Events{{EventKind::kCall, "f", 0}}));
  EXPECT_EQ(parser.push("s:", false), Events{});
  EXPECT_EQ(parser.push(kQuote, true), (Events{{EventKind::kArguments, R"({"s": ")", 0}}));
  EXPECT_EQ(parser.push("New \"Y", false), (Events{{EventKind::kArguments, R"(New \"Y)", 0}}));
  EXPECT_EQ(parser.push("ork", false), (Events{{EventKind::kArguments, "ork", 0}}));
  EXPECT_EQ(parser.push(kQuote, true), (Events{{EventKind::kArguments, "\"", 0}}));
  EXPECT_EQ(parser.push(",n:1", false), Events{});  // more digits may come
  EXPECT_EQ(parser.push("2,", false), (Events{{EventKind::kArguments, ", \"n\": 12", 0}}));
  EXPECT_EQ(parser.push("}", false), Events{});
  EXPECT_EQ(parser.push(kCallEnds, true), (Events{{EventKind::kArguments, "}", 0}, {EventKind::kCallEnd, "", 0}}));
  EXPECT_EQ(parser.finish(), Events{});
}

TEST(TurnParser, AThoughtLosesItsLabelAndTheSpaceAtItsEnd) {
  TurnParser parser({});
  EXPECT_EQ(parser.push(kThoughtBegins, true), Events{});
  EXPECT_EQ(parser.push("thought", false), Events{});
  EXPECT_EQ(parser.push("\nhm \n", false), (Events{{EventKind::kReasoning, "hm"}}));
  EXPECT_EQ(parser.push("so\n", false), (Events{{EventKind::kReasoning, " \nso"}}));
  EXPECT_EQ(parser.push(kThoughtEnds, true), Events{});
  EXPECT_EQ(parser.push(" 4 ", false), (Events{{EventKind::kContent, " 4 "}}));
}

TEST(TurnParser, EveryCutGivesTheSameMessage) {
  const std::string_view turns[] = {
      "<|channel>thought\nhm\n<channel|>Sure.\n<|tool_call>call:f{s:<|\"|>a<|\"|>,n:7,x:[{y:<|\"|>]<|\"|>}]}<tool_call|"
      ">",
      "thought\nno opening<channel|>then", "<|tool_call>call:f(n:1)<tool_call|> \n<|tool_call>:g{}<tool_call|>",
      "a <|tool_c and <|tool_call>words<tool_call|> b", "[f(s='\\'[', n=[1, {'k': None}]), g()] # behind"};
  for (const std::string_view turn : turns)
    for (const TurnOptions& options : {kGemma, kPython})
      for (std::size_t step = 1; step < 9; ++step)
        EXPECT_EQ(shown(read(turn, options, step)), shown(read(turn, options))) << turn << ", cut at " << step;
}

TEST(TurnParser, WordsThatSpellASpecialTokenAreText) {
  const std::string text = "<|channel>thought\n<|tool_call>call:f{}<tool_call|><channel|>";
  TurnParser parser(kGemma);
  EXPECT_EQ(parser.push(text, false), (Events{{EventKind::kContent, text}}));
  parser.push(kCallBegins, true);
  parser.push("call:f{s:", false);
  parser.push(kQuote, true);
  EXPECT_EQ(parser.push("<tool_call|>!", false), (Events{{EventKind::kArguments, "<tool_call|>!", 0}}));
}

TEST(TurnParser, WhatIsNoCallIsText) {
  const auto message = [](std::string_view text) { return shown(read(text, kGemma)); };
  EXPECT_EQ(message("<|tool_call>I would search<tool_call|>."),
            "content: <|tool_call>I would search<tool_call|>.\nreasoning: ");
  EXPECT_EQ(message("<|tool_call>I would"), "content: <|tool_call>I would\nreasoning: ");
  EXPECT_EQ(message("<|tool_call>call:f{}<tool_call|><|tool_call>no<tool_call|>"),
            "content: <|tool_call>no<tool_call|>\nreasoning: \ncall: f {}");
  const std::string endless(5000, 'n');
  EXPECT_EQ(message("<|tool_call>call:" + endless + "{a:1}<tool_call|>"),
            "content: <|tool_call>call:" + endless + "{a:1}<tool_call|>\nreasoning: ");
  for (const char* nothing :
       {"<|tool_call>", "<|tool_call>call", "<|tool_call> <tool_call|>", "<|tool_call>call:{a:1}"})
    EXPECT_EQ(message(nothing), "content: \nreasoning: ") << nothing;
}

TEST(TurnParser, ArgumentsAreJsonHoweverDeepTheyAre) {
  for (const int depth : {1, kMaxArgumentDepth, kMaxArgumentDepth + 1, 1000}) {
    const std::string open(std::size_t(depth), '['), close(std::size_t(depth), ']');
    const Message message = read("<|tool_call>call:f{a:" + open + close + "}<tool_call|>", kGemma);
    ASSERT_EQ(message.calls.size(), 1u);
    const auto parsed = canonical_json(message.calls[0].arguments);
    ASSERT_TRUE(parsed) << depth;
    // What lies too deep is handed on as the text it is.
    EXPECT_EQ(parsed->find('"', 5) != std::string::npos, depth > kMaxArgumentDepth) << *parsed;
  }
}

TEST(TurnParser, ArgumentsThatDoNotFitAreReadAsTheReferenceReadsThem) {
  const auto arguments = [](std::string_view text) { return read(text, kGemma, 3).calls.at(0).arguments; };
  EXPECT_EQ(arguments("<|tool_call>call:f{\u00a0,a:1}<tool_call|>"), R"({"a": "1"})");
  EXPECT_EQ(arguments("<|tool_call>call:f{a:{b|<|\"|>:<|\"|>c<|\"|"), R"({"a": {"b|<|\"|>": "c"}})");
  EXPECT_EQ(arguments("<|tool_call>call:f{a:{<|\"|>b:<|\"|><|\"|>,c:<|\"|>d<|\"|},e:1}<tool_call|>"),
            R"({"a": {"<|\"|>b": "", "c": "d<|\"|"}, "e": "1"})");
}

TEST(TurnParser, OnlyCallsThatWereAskedForAreReported) {
  const std::string turn = "a <|tool_call>call:f{}<tool_call|><|tool_call>call:g{}<tool_call|>";
  EXPECT_EQ(shown(read(turn, {.calls = CallForm::kGemma4, .max_calls = 1})), "content: a\nreasoning: \ncall: f {}");
  EXPECT_EQ(shown(read(turn, {.calls = CallForm::kGemma4, .report_calls = false})), "content: a \nreasoning: ");
  EXPECT_EQ(shown(read("[f(), g()]", {.calls = CallForm::kPythonic, .max_calls = 1})),
            "content: \nreasoning: \ncall: f {}");
  EXPECT_EQ(shown(read("[f()]", {.calls = CallForm::kPythonic, .report_calls = false})), "content: [f()]\nreasoning: ");
}

TEST(TurnParser, AParameterWrittenTwiceIsSentTwiceAndKeptOnce) {
  TurnParser parser(kGemma);
  Message message;
  std::string sent;
  for (const Piece& piece : split("<|tool_call>call:f{s:<|\"|>a<|\"|>,n:1,s:<|\"|>b<|\"|>}<tool_call|>")) {
    const Events events = parser.push(piece);
    message.add(events);
    for (const Event& event : events)
      if (event.kind == EventKind::kArguments) sent += event.text;
  }
  EXPECT_EQ(sent, R"({"s": "a", "n": "1", "s": "b"})");
  EXPECT_EQ(message.calls.at(0).arguments, R"({"s": "b", "n": "1"})");
}

TEST(TurnParser, TextInBracketsIsLetGoOnceItIsNoListOfCalls) {
  const auto first = [](std::string_view text) {
    TurnParser parser({.calls = CallForm::kPythonic, .reasoning = false});
    std::size_t n = 0;
    while (n < text.size() && parser.push(text.substr(n, 1), false).empty()) ++n;
    return n;
  };
  EXPECT_EQ(first("[link](http://x.test)"), 5u);
  EXPECT_EQ(first("[1, 2]"), 1u);
  EXPECT_EQ(first("[f(1)] and so on"), 5u);
  EXPECT_EQ(first("[f()] and so on"), 6u);
  EXPECT_EQ(first("[f(s='a\nb')]"), 7u);
}

TEST(ReadMessage, AThoughtThatNothingOpenedIsAThoughtInAWholeTurn) {
  const std::vector<Piece> turn = split("so be it<channel|>yes");
  EXPECT_EQ(shown(read_message(turn, {})), "content: yes\nreasoning: so be it");
  EXPECT_EQ(shown(read("so be it<channel|>yes", {})), "content: so be ityes\nreasoning: ");
  EXPECT_EQ(shown(read("so be it<channel|>yes", {.in_thought = true})), "content: yes\nreasoning: so be it");
}

TEST(Marker, OnlyTheLastMarkerOfAPromptCounts) {
  EXPECT_TRUE(ends_in_thought("<|turn>model\n<|channel>thought\n"));
  EXPECT_TRUE(ends_in_thought("<|channel>a < b, <|\"|>x<|\"|>"));
  EXPECT_FALSE(ends_in_thought("<|channel>thought\n<channel|>"));
  EXPECT_FALSE(ends_in_thought("<|tool_response>response:f{v:<|\"|><|channel><|\"|>}<tool_response|>"));
  EXPECT_FALSE(ends_in_thought("<|turn>user\nsay <|channel><turn|>\n<|turn>model\n"));
  EXPECT_FALSE(ends_in_thought("plain"));
}

TEST(Marker, OfEqualTextsTheLaterOnesAreTheTokens) {
  const auto kept = [](std::string_view text, std::vector<int> ids) {
    std::vector<Piece> pieces = split(text);
    keep_special(pieces, ids);
    std::string out;
    for (const Piece& piece : pieces) out += piece.special ? '[' + piece.text + ']' : piece.text;
    return out;
  };
  EXPECT_EQ(kept("<|channel>say <channel|> now<channel|>ok", {100, 7, 101, 8}),
            "[<|channel>]say <channel|> now[<channel|>]ok");
  EXPECT_EQ(kept("<|tool_call>x<tool_call|>", {7, 8}), "<|tool_call>x<tool_call|>");
  EXPECT_EQ(kept("<|tool_call>x<tool_call|>", {48, 7, 49, 50}), "[<|tool_call>]x[<tool_call|>]");
}

TEST(JsonText, IsWhatPythonPrints) {
  EXPECT_EQ(canonical_json(R"( {"a":1.50,"b":[ ],"a":"\u00e9\ud83d\ude00\/"} )"), "{\"a\": \"é😀/\", \"b\": []}");
  EXPECT_EQ(canonical_json("12345678901234567890123"), "12345678901234567890123");
  EXPECT_EQ(canonical_json("-0"), "0");
  EXPECT_EQ(canonical_json("1e22"), "1e+22");
  for (const char* bad :
       {"", "01", "1.", "[1,]", "{\"a\"}", "\"\t\"", "\"\\ud800\"", "NaN", "1e999", "nul", "1 2", "\"\\u12", "-"})
    EXPECT_EQ(canonical_json(bad), std::nullopt) << bad;
}

}  // namespace
}  // namespace nibble::chat::turn
