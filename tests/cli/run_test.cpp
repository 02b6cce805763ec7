// nibble run: one answer, a pipe, and the conversation at a terminal (a pseudo terminal here).
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <regex>

#include "support/chat_model.h"
#include "tokenizer/utf8.h"

namespace nibble {
namespace {

using testing::ChatModel;
using testing::Outcome;
using testing::run_nibble;

std::vector<std::string> arguments(const ChatModel& model, std::vector<std::string> more) {
  std::vector<std::string> all = {"run", model.path(), "--log-level", "off", "--temperature", "0"};
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

Outcome ask(const ChatModel& model, const std::vector<std::string>& more, const std::string& input = {}) {
  return run_nibble(arguments(model, more), input);
}

std::string only_line(const Outcome& outcome) {
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  return outcome.err.substr(0, outcome.err.find('\n'));
}

// The numbers of --stats, one line an answer.
struct Stats {
  int n_prompt = 0, n_cached = 0, n_new = 0;
  std::string end;
};
std::vector<Stats> stats_of(const std::string& err) {
  static const std::regex line(
      "prompt (\\d+) tokens \\((\\d+) cached\\), answer (\\d+) tokens, first token after (?:[0-9.]+|-) s, "
      "decode (?:[0-9.]+|-) tok/s, (stop|length|interrupted)\r?\n");
  std::vector<Stats> all;
  for (std::sregex_iterator m(err.begin(), err.end(), line); m != std::sregex_iterator(); ++m)
    all.push_back({std::stoi((*m)[1]), std::stoi((*m)[2]), std::stoi((*m)[3]), (*m)[4]});
  return all;
}

TEST(RunCommand, OneAnswer) {
  const ChatModel model;
  const Outcome once = ask(model, {"hello", "--max-new-tokens", "20", "--ignore-eos"});
  EXPECT_EQ(once.exit_code, 0) << once.err;
  EXPECT_EQ(once.err, "");
  EXPECT_GT(once.out.size(), 1u);
  EXPECT_EQ(once.out.back(), '\n');
  const Outcome again = ask(model, {"hello", "--max-new-tokens", "20", "--ignore-eos", "--stats"});
  EXPECT_EQ(again.out, once.out);
  only_line(again);
  const auto stats = stats_of(again.err);
  ASSERT_EQ(stats.size(), 1u) << again.err;
  // <bos>, then <|turn> "user\nhello" <turn|> "\n", then <|turn> "model\n": one token a letter.
  EXPECT_EQ(stats[0].n_prompt, 1 + 1 + 10 + 1 + 1 + 1 + 6);
  EXPECT_EQ(stats[0].n_cached, 0);
  EXPECT_EQ(stats[0].n_new, 20);
  EXPECT_EQ(stats[0].end, "length");
  EXPECT_EQ(
      stats_of(ask(model, {"hello", "--system", "Be brief.", "--max-new-tokens", "2", "--stats"}).err)[0].n_prompt,
      stats[0].n_prompt + 1 + 16 + 1 + 1);
}

// Every kind of token comes up in noise: what is shown is whole characters, and never a special token.
TEST(RunCommand, OnlyWholeCharactersAndNoSpecialTokens) {
  const ChatModel model;
  std::string all;
  for (const char* seed : {"1", "2", "3"}) {
    const Outcome outcome =
        run_nibble({"run", model.path(), "hello", "--temperature", "3", "--seed", seed, "--top-k", "0", "--top-p", "1",
                    "--max-new-tokens", "300", "--ignore-eos", "--log-level", "off"});
    EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
    all += outcome.out;
  }
  EXPECT_GT(all.size(), 200u);
  EXPECT_EQ(tokenizer::find_invalid_utf8(all), std::nullopt);
  for (const char* token : {"<turn|>", "<|turn>", "<|channel>", "<channel|>", "<|think|>", "<eos>", "<pad>", "<0x"})
    EXPECT_EQ(all.find(token), std::string::npos) << token;
}

TEST(RunCommand, TheEndTokenEndsAnAnswer) {
  const ChatModel model;
  const std::vector<std::string> forced = {"hello", "--max-new-tokens", "20", "--stats", "--logit-bias", "187:100"};
  const Outcome outcome = ask(model, forced);  // 187: <turn|>
  EXPECT_EQ(outcome.out, "\n");
  EXPECT_EQ(stats_of(outcome.err).at(0).n_new, 1);
  EXPECT_EQ(stats_of(outcome.err).at(0).end, "stop");
  // Sampling that the model's makers recommend is the default: a greedy one here, so no seed is needed.
  std::ofstream(model.file("generation_config.json"))
      << R"({"do_sample": false, "max_new_tokens": 7, "eos_token_id": 1})";
  const std::vector<std::string> plain = {"run",         model.path(), "hello",       "--stats",
                                          "--log-level", "off",        "--ignore-eos"};
  const Outcome once = run_nibble(plain);
  EXPECT_EQ(stats_of(once.err).at(0).n_new, 7);
  EXPECT_EQ(run_nibble(plain).out, once.out);
  EXPECT_EQ(ask(model, {"hello", "--max-new-tokens", "7", "--ignore-eos"}).out, once.out);
}

// The second line is a second turn of one conversation, whose beginning is cached; the answer is the one that a process
// gives that never had a cache.
TEST(RunCommand, APipeIsAConversation) {
  const ChatModel model;
  const std::vector<std::string> options = {"--max-new-tokens", "12", "--ignore-eos", "--stats"};
  const Outcome both = ask(model, options, "hello\n\n\"\"\"two\nlines\"\"\"\n");
  EXPECT_EQ(both.exit_code, 0) << both.err;
  const auto stats = stats_of(both.err);
  ASSERT_EQ(stats.size(), 2u) << both.err;
  EXPECT_GE(stats[1].n_cached, stats[0].n_prompt);
  EXPECT_GT(stats[1].n_prompt, stats[0].n_prompt + 10);
  const Outcome first = ask(model, options, "hello");
  ASSERT_TRUE(both.out.starts_with(first.out)) << both.out;
  EXPECT_EQ(ask(model, options, "").out, "");
  EXPECT_EQ(ask(model, options, "hello\r\n").out, first.out);

  // The same two turns spelled out as a prompt.
  const auto text_of = [](std::string line) { return line.pop_back(), line; };
  const std::string prompt = "<bos><|turn>user\nhello<turn|>\n<|turn>model\n" + text_of(first.out) +
                             "<turn|>\n<|turn>user\ntwo\nlines<turn|>\n<|turn>model\n";
  std::vector<std::string> raw = options;
  raw.insert(raw.end(), {prompt, "--raw"});
  const Outcome spelled = ask(model, raw);
  EXPECT_EQ(both.out, first.out + spelled.out);
  EXPECT_EQ(stats_of(spelled.err).at(0).n_prompt, stats[1].n_prompt);
  EXPECT_EQ(stats_of(spelled.err).at(0).n_cached, 0);
}

// A turn cannot be ended from inside: the user's "<turn|>" is seven letters.
TEST(RunCommand, SpecialTokensThatAUserWritesAreText) {
  const ChatModel model;
  const auto n_prompt = [&](const std::vector<std::string>& more) {
    std::vector<std::string> all = {"--max-new-tokens", "1", "--stats"};
    all.insert(all.end(), more.begin(), more.end());
    return stats_of(ask(model, all).err).at(0).n_prompt;
  };
  const int plain = n_prompt({"ab"});
  EXPECT_EQ(n_prompt({"a<turn|>b"}), plain + 7);
  EXPECT_EQ(n_prompt({"ab", "--system", "<|think|>"}), plain + 1 + 7 + 9 + 2);
  EXPECT_EQ(n_prompt({"a<turn|>b", "--raw"}), 3);
}

TEST(RunCommand, StopStringsAreNotShown) {
  const ChatModel model;
  const std::string all = ask(model, {"hello", "--max-new-tokens", "30", "--ignore-eos"}).out;
  ASSERT_GT(all.size(), 8u);
  const std::string stop = all.substr(4, 2);
  const Outcome cut = ask(model, {"hello", "--max-new-tokens", "30", "--ignore-eos", "--stop", stop});
  EXPECT_EQ(cut.out, all.substr(0, all.find(stop)) + "\n");
}

TEST(RunCommand, EachMistakeIsOneLine) {
  const ChatModel model;
  struct Case {
    std::vector<std::string> more;
    int exit_code;
    std::string line;
  };
  for (const Case& c : {
           Case{{"caf\xe9"}, 1, "nibble: the prompt is not UTF-8: byte 3 is 0xe9"},
           Case{{"hello", "--system", "\xff"}, 1, "nibble: the system text is not UTF-8: byte 0 is 0xff"},
           Case{{std::string(300, 'x'), "--max-model-len", "64"},
                1,
                "nibble: the prompt has 316 tokens: with at least one to answer, a context of 64 holds at most 63"},
           Case{{"hello", "--max-new-tokens", "-3"}, 2, "nibble: max_new_tokens must be in [1, 2147483648], got -3"},
           Case{{"hello", "--top-p", "0"}, 2, "nibble: top_p must be in (0, 1], got 0"},
           Case{{"hello", "--stop", ""},
                2,
                "nibble: stop has an empty string: it would end every answer before it begins"},
           Case{{"hello", "--stop-token-ids", "192"},
                2,
                "nibble: stop_token_ids names token 192: the vocabulary has ids 0 to 191"},
           Case{{"hello", "--max-model-len", "1"},
                2,
                "nibble: --max-model-len: expected 2 to 131072, as far as this model's positions reach, got 1"},
           Case{{"", "--raw"}, 1, "nibble: the prompt is empty: at least one token is needed"},
       }) {
    const Outcome outcome = ask(model, c.more);
    EXPECT_EQ(outcome.exit_code, c.exit_code) << c.line;
    EXPECT_EQ(only_line(outcome), c.line);
    EXPECT_EQ(outcome.out, "");
  }
  const Outcome piped = ask(model, {}, "caf\xe9\n");
  EXPECT_EQ(piped.exit_code, 1);
  EXPECT_EQ(only_line(piped), "nibble: the prompt is not UTF-8: byte 3 is 0xe9");
  std::filesystem::remove(model.file("tokenizer.json"));
  const Outcome no_tokenizer = ask(model, {"hello"});
  EXPECT_EQ(no_tokenizer.exit_code, 1);
  EXPECT_NE(only_line(no_tokenizer).find("tokenizer.json"), std::string::npos) << no_tokenizer.err;
}

// nibble run at a pseudo terminal.
class Terminal {
 public:
  explicit Terminal(const std::vector<std::string>& arguments, const std::string& state_home) {
    std::vector<char*> argv = {const_cast<char*>(NIBBLE_BINARY)};
    for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    child_ = forkpty(&descriptor_, nullptr, nullptr, nullptr);
    if (child_ == 0) {
      setenv("XDG_STATE_HOME", state_home.c_str(), 1);
      setenv("TERM", "dumb", 1);
      execv(NIBBLE_BINARY, argv.data());
      _exit(127);
    }
  }
  ~Terminal() {
    if (child_ > 0) {
      kill(child_, SIGKILL);
      waitpid(child_, nullptr, 0);
    }
    close(descriptor_);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  void type(const std::string& text) { ASSERT_EQ(write(descriptor_, text.data(), text.size()), ssize_t(text.size())); }

  // What was shown up to and including `text`, from where the last call ended. Fails after 20 seconds.
  std::string shown_until(const std::string& text) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (shown_.find(text) == std::string::npos) {
      if (!read_some() || std::chrono::steady_clock::now() > deadline) {
        ADD_FAILURE() << "'" << text << "' never came; shown: " << shown_;
        return {};
      }
    }
    const std::size_t end = shown_.find(text) + text.size();
    const std::string before = shown_.substr(0, end);
    shown_.erase(0, end);
    return before;
  }

  int exit_code() {
    while (read_some()) {
    }
    int status = 0;
    waitpid(child_, &status, 0);
    child_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  bool read_some() {
    pollfd input{.fd = descriptor_, .events = POLLIN, .revents = 0};
    if (poll(&input, 1, 20000) <= 0) return false;
    char buffer[4096];
    const ssize_t n = read(descriptor_, buffer, sizeof buffer);
    if (n > 0) shown_.append(buffer, std::size_t(n));
    return n > 0;  // at the child's end: EIO
  }

  int descriptor_ = -1;
  pid_t child_ = -1;
  std::string shown_;
};

// The terminal drops what was typed before Ctrl-C and not yet read, so the tests wait for each echo.
TEST(RunTerminal, CtrlCStopsTheAnswerAndNotTheProgram) {
  const ChatModel model;
  // Token 40 is the letter C: the answer is that letter, over and over.
  const auto options = arguments(model, {"--logit-bias", "40:100", "--max-model-len", "100000", "--stats"});
  Terminal terminal(options, model.file("state"));
  terminal.shown_until(">>> ");
  terminal.type("hello\n");
  terminal.shown_until("CCC");  // it answers, and would go on for minutes
  terminal.type("\x03");
  const auto first = stats_of(terminal.shown_until(">>> "));
  ASSERT_EQ(first.size(), 1u);
  EXPECT_EQ(first[0].end, "interrupted");
  EXPECT_GT(first[0].n_new, 0);
  terminal.type("half a line");  // at the prompt it gives up the line
  terminal.shown_until("half a line");
  terminal.type("\x03");
  terminal.shown_until("^C");
  terminal.shown_until(">>> ");
  terminal.type("\"\"\"half a\n");  // and the lines before it
  terminal.shown_until("... ");
  terminal.type("\x03");
  terminal.shown_until(">>> ");
  terminal.type("again\n");
  terminal.shown_until("CCC");
  terminal.type("\x03");
  const auto second = stats_of(terminal.shown_until(">>> "));
  ASSERT_EQ(second.size(), 1u);
  // What was said before Ctrl-C is part of the conversation, and all but its last token was in the cache: the end of that
  // turn, "again" as a turn, and the beginning of the answer's are new.
  EXPECT_EQ(second[0].n_prompt, first[0].n_prompt + first[0].n_new + 2 + 13 + 7);
  EXPECT_EQ(second[0].n_cached, first[0].n_prompt + first[0].n_new - 1);
  terminal.type("\x04");
  EXPECT_EQ(terminal.exit_code(), 0);
}

TEST(RunTerminal, CommandsLinesAndHistory) {
  const ChatModel model;
  const auto options = arguments(model, {"--max-new-tokens", "5"});
  {
    Terminal terminal(options, model.file("state"));
    terminal.shown_until(">>> ");
    terminal.type("/system\n");
    EXPECT_NE(terminal.shown_until(">>> ").find("no system text"), std::string::npos);
    terminal.type("/system You are terse.\n");
    terminal.shown_until(">>> ");
    terminal.type("/system\n");
    EXPECT_NE(terminal.shown_until(">>> ").find("\r\nYou are terse."), std::string::npos);
    terminal.type("\"\"\"first\n");
    terminal.shown_until("... ");
    terminal.type("second\"\"\"\n");
    EXPECT_TRUE(stats_of(terminal.shown_until(">>> ")).empty());  // only where asked for
    // <bos>, the system turn, the user's, the model's beginning.
    terminal.type("/stats\n");
    const std::string shown = terminal.shown_until(">>> ");
    EXPECT_NE(shown.find("context: "), std::string::npos) << shown;
    ASSERT_EQ(stats_of(shown).size(), 1u) << shown;
    EXPECT_EQ(stats_of(shown)[0].n_prompt, 1 + (1 + 21 + 2) + (1 + 17 + 2) + 7);
    terminal.type("one\\\n");
    terminal.shown_until("... ");
    terminal.type("two\n");
    terminal.shown_until(">>> ");
    terminal.type("/clear\n");
    terminal.shown_until(">>> ");
    terminal.type("x\n");
    terminal.shown_until(">>> ");
    terminal.type("/stats\n");
    EXPECT_EQ(stats_of(terminal.shown_until(">>> ")).at(0).n_prompt, 1 + (1 + 21 + 2) + (1 + 6 + 2) + 7);
    terminal.type("/help\n");
    EXPECT_NE(terminal.shown_until(">>> ").find("/system TEXT"), std::string::npos);
    terminal.type("/nonsense\n");
    EXPECT_NE(terminal.shown_until(">>> ").find("no command /nonsense"), std::string::npos);
    terminal.type(std::string(3000, 'x') + "\n");
    terminal.shown_until(">>> ");
    terminal.type("/quit\n");
    EXPECT_EQ(terminal.exit_code(), 0);
  }
  const std::string history = testing::read_all(model.file("state/nibble/history"));
  EXPECT_NE(history.find("/system You are terse.\n"), std::string::npos) << history;
  EXPECT_EQ(std::filesystem::status(model.file("state/nibble/history")).permissions() & std::filesystem::perms(077),
            std::filesystem::perms::none);
  Terminal terminal(options, model.file("state"));
  terminal.shown_until(">>> ");
  terminal.type("\x10");  // Ctrl-P: the line before
  terminal.shown_until("/quit");
  terminal.type("\n");
  EXPECT_EQ(terminal.exit_code(), 0);
}

// A context that overflows in a conversation is said in one line, and the conversation goes on.
TEST(RunTerminal, ATurnThatFailsIsForgotten) {
  const ChatModel model;
  const auto options = arguments(model, {"--max-new-tokens", "3", "--max-model-len", "60", "--stats", "--ignore-eos"});
  Terminal terminal(options, model.file("state"));
  terminal.shown_until(">>> ");
  terminal.type(std::string(200, 'y') + "\n");
  EXPECT_NE(terminal.shown_until(">>> ").find("a context of 60 holds at most 59"), std::string::npos);
  terminal.type("x\n");
  const auto stats = stats_of(terminal.shown_until(">>> "));
  ASSERT_EQ(stats.size(), 1u);
  EXPECT_EQ(stats[0].n_prompt, 1 + (1 + 6 + 2) + 7);
  terminal.type("/system \xff\n");
  EXPECT_NE(terminal.shown_until(">>> ").find("not UTF-8"), std::string::npos);
  terminal.type("\x04");
  EXPECT_EQ(terminal.exit_code(), 0);
}

}  // namespace
}  // namespace nibble
