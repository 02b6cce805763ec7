// TurnReader over readline, through its callbacks: the wait for a key is ours, so Ctrl-C ends it without a jump out of a
// signal handler.
#include <poll.h>
#include <readline/history.h>
#include <readline/readline.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "cli/turn_reader.h"

namespace nibble::cli {
namespace {

constexpr int kMaxHistoryLines = 2000;
constexpr int kPollMilliseconds = 200;  // how late an interrupt between two looks is seen

std::filesystem::path history_path() {
  const char* state = std::getenv("XDG_STATE_HOME");
  const char* home = std::getenv("HOME");
  if (state != nullptr && *state == '/') return std::filesystem::path(state) / "nibble" / "history";
  if (home != nullptr && *home == '/') return std::filesystem::path(home) / ".local/state/nibble/history";
  return {};
}

// readline calls back with a plain function: where the line goes.
std::optional<std::string> finished_line;
bool line_done = false;

void on_line(char* line) {
  rl_callback_handler_remove();
  line_done = true;
  finished_line.reset();
  if (line == nullptr) return;  // Ctrl-D
  finished_line = line;
  std::free(line);
}

class TerminalReader : public TurnReader {
 public:
  explicit TerminalReader(Interrupt& interrupt) : interrupt_(interrupt), path_(history_path()) {
    rl_outstream = stderr;  // stdout is for answers
    using_history();
    stifle_history(kMaxHistoryLines);
    if (path_.empty()) return;
    // A history that cannot be kept is no reason to refuse a conversation.
    std::error_code ignored;
    std::filesystem::create_directories(path_.parent_path(), ignored);
    std::filesystem::permissions(path_.parent_path(), std::filesystem::perms::owner_all, ignored);
    read_history(path_.c_str());
  }

  std::optional<std::string> next() override {
    interrupt_.taken();
    TurnBuilder turn;
    while (true) {
      bool given_up = false;
      const std::optional<std::string> line = read_line(turn.started() ? "... " : ">>> ", given_up);
      if (given_up) return "";
      if (!line) return std::nullopt;
      remember(*line);
      if (turn.add(*line)) return turn.take();
    }
  }

 private:
  std::optional<std::string> read_line(const char* prompt, bool& given_up) {
    line_done = false;
    rl_callback_handler_install(prompt, on_line);
    while (!line_done) {
      pollfd input{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0};
      const int ready = poll(&input, 1, kPollMilliseconds);
      rl_check_signals();  // readline catches signals, tidies the terminal and raises them again for us
      if (interrupt_.taken()) {
        given_up = true;
        rl_callback_handler_remove();
        std::fputs("^C\n", stderr);
        return std::nullopt;
      }
      if (ready > 0) rl_callback_read_char();
    }
    return finished_line;
  }

  void remember(const std::string& line) {
    const HIST_ENTRY* last = history_length > 0 ? history_get(history_base + history_length - 1) : nullptr;
    if (line.empty() || (last != nullptr && line == last->line)) return;
    add_history(line.c_str());
    if (!path_.empty()) write_history(path_.c_str());
  }

  Interrupt& interrupt_;
  std::filesystem::path path_;
};

}  // namespace

std::unique_ptr<TurnReader> make_terminal_reader(Interrupt& interrupt) {
  return std::make_unique<TerminalReader>(interrupt);
}

}  // namespace nibble::cli
