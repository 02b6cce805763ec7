// nibble run: one answer, a conversation at the terminal, or one line of a pipe after the other.
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>

#include "base/error.h"
#include "cli/chat_session.h"
#include "cli/cli.h"
#include "cli/interrupt.h"
#include "cli/turn_reader.h"
#include "tokenizer/utf8.h"

namespace nibble::cli {
namespace {

struct Options {
  ChatOptions chat;
  std::optional<std::string> prompt;
  bool stats = false;
};

constexpr const char* kHelp =
    "/system TEXT  set what the model is told about its role, and begin anew; alone: show it\n"
    "/clear        forget the conversation\n"
    "/stats        context in use, and the speed of the last answer\n"
    "/help         this\n"
    "/quit         leave (Ctrl-D as well); Ctrl-C stops an answer\n"
    "Several lines: between \"\"\" and \"\"\", or each but the last ends in a backslash.\n";

// A terminal obeys control characters: of those a model may say, only line feeds and tabs get there.
std::string harmless(std::string_view text) {
  std::string shown;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::uint8_t byte = std::uint8_t(text[i]);
    const bool c1 = byte == 0xC2 && i + 1 < text.size() && std::uint8_t(text[i + 1]) < 0xA0;  // U+0080 to U+009F
    if (c1 || byte == 0x7F || (byte < 0x20 && byte != '\n' && byte != '\t')) {
      shown += tokenizer::kReplacementCharacter;
      i += c1 ? 1 : 0;
    } else {
      shown += text[i];
    }
  }
  return shown;
}

void write(std::FILE* to, std::string_view text, const char* name) {
  if (text.empty()) return;
  const std::string shown = isatty(fileno(to)) != 0 ? harmless(text) : std::string(text);
  if (std::fwrite(shown.data(), 1, shown.size(), to) != shown.size() || std::fflush(to) != 0)
    throw system_error(name, errno);
}

void print_stats(const AnswerStats& stats) { std::fprintf(stderr, "%s\n", stats.text().c_str()); }

AnswerStats answer(ChatSession& session, const Options& options, const std::string& text,
                   const std::function<bool()>& stop) {
  const AnswerStats stats = session.answer(
      text,
      [&](const Said& said) {
        if (options.chat.enable_thinking) write(stderr, said.thought, "standard error");
        write(stdout, said.answer, "standard output");
      },
      stop);
  write(stdout, "\n", "standard output");
  if (options.stats) print_stats(stats);
  return stats;
}

// False: the user wants to leave.
bool obey(const std::string& command, ChatSession& session, const std::optional<AnswerStats>& last) {
  const std::size_t space = command.find_first_of(" \n");
  const std::string word = command.substr(0, space);
  const std::string rest = space == std::string::npos ? "" : command.substr(space + 1);
  if (word == "/quit" || word == "/exit") return false;
  if (word == "/help") {
    std::fputs(kHelp, stderr);
  } else if (word == "/clear") {
    session.clear();
  } else if (word == "/system" && rest.empty()) {
    std::fprintf(stderr, "%s\n", session.system().empty() ? "no system text" : session.system().c_str());
  } else if (word == "/system") {
    session.set_system(rest);
  } else if (word == "/stats") {
    std::fprintf(stderr, "%s\n", session.describe().c_str());
    if (last) print_stats(*last);
  } else {
    std::fprintf(stderr, "no command %s; /help lists them, and a space before the slash makes it text\n", word.c_str());
  }
  return true;
}

void converse(ChatSession& session, const Options& options) {
  Interrupt interrupt;
  const auto reader = make_terminal_reader(interrupt);
  std::fputs("Ask something; /help lists commands, Ctrl-D ends.\n", stderr);
  std::optional<AnswerStats> last;
  while (const std::optional<std::string> turn = reader->next()) {
    if (turn->find_first_not_of(" \t\n") == std::string::npos) continue;
    try {
      if (turn->front() != '/')
        last = answer(session, options, *turn, [&] { return interrupt.taken(); });
      else if (!obey(*turn, session, last))
        return;
    } catch (const Error& error) {
      std::fprintf(stderr, "nibble: %s\n", error.what());
    }
  }
}

void run(const Options& options) {
  ChatSession session(options.chat);
  const auto never = [] { return false; };
  if (options.prompt) {
    answer(session, options, *options.prompt, never);
  } else if (isatty(STDIN_FILENO) != 0) {
    converse(session, options);
  } else {
    const auto reader = make_pipe_reader();
    while (const std::optional<std::string> turn = reader->next())
      if (!turn->empty()) answer(session, options, *turn, never);
  }
}

}  // namespace

void add_run(CLI::App& app) {
  const auto options = std::make_shared<Options>();
  ChatOptions& chat = options->chat;
  add_model_options(app, chat.model);
  add_sampling_options(app, chat.sampling);
  app.add_option("prompt", options->prompt, "answer this and end; without it, a conversation")->type_name("PROMPT");
  app.add_option("--max-new-tokens", chat.sampling.max_new_tokens, "at most this many an answer");
  app.add_option("--stop", chat.sampling.stop, "text that ends an answer, repeatable")->allow_extra_args(false);
  app.add_option("--system", chat.system, "what the model is told about its role");
  app.add_option("--chat-template", chat.chat_template, "a Jinja file instead of the model's own");
  app.add_flag("--enable-thinking", chat.enable_thinking,
               "let the model think before it answers; its thoughts go to stderr");
  app.add_flag("--raw", chat.raw, "no chat template: the text itself is the prompt");
  app.add_flag("--stats", options->stats, "tokens and speeds after each answer, on stderr");
  app.callback([options] { run(*options); });
}

}  // namespace nibble::cli
