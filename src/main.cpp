// nibble: the table of subcommands. Each is one call into src/cli/.
#include <cstdio>
#include <exception>
#include <initializer_list>
#include <string>

#include "base/error.h"
#include "base/log.h"
#include "cli/cli.h"

namespace {

using namespace nibble;

struct Command {
  const char* name;
  const char* summary;
  void (*add)(CLI::App& app);
};

constexpr std::initializer_list<Command> kCommands = {
    {"quantize", "write a 4-bit or FP8 checkpoint of a BF16 one", cli::add_quantize},
    {"inspect", "what a checkpoint holds, and what a token reads of it", cli::add_inspect},
    {"tokenize", "JSON lines of {\"text\"} to {\"ids\"}", cli::add_tokenize},
    {"detokenize", "JSON lines of {\"ids\"} to {\"text\"}", cli::add_detokenize},
    {"run", "ask a model: one answer, or a conversation", cli::add_run},
    {"render", "JSON lines of {\"messages\"} to {\"rendered\"}", cli::add_render},
    {"parse", "JSON lines of a model's turn to {\"content\", \"reasoning_content\", \"tool_calls\"}", cli::add_parse},
    {"grammar", "JSON lines of {\"instance\"} to {\"accepted\"}", cli::add_grammar},
    {"generate", "token ids in, token ids out", cli::add_generate},
    {"bench", "speed of models here, as a model card's table", cli::add_bench},
    {"logits", "write the logits of a prompt to a file", cli::add_logits},
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Gemma 4, quantized to 4 bits and served, in one program", "nibble");
  app.set_version_flag("--version", NIBBLE_VERSION);
  app.require_subcommand(1);
  app.failure_message(CLI::FailureMessage::simple);
  std::string log_level = "info";
  app.add_option("--log-level", log_level, "trace, debug, info, warning, error or off")->capture_default_str();
  app.fallthrough();
  app.parse_complete_callback([&] { start_log(log_level); });
  for (const Command& command : kCommands) command.add(*app.add_subcommand(command.name, command.summary));
  try {
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  } catch (const UsageError& error) {
    std::fprintf(stderr, "nibble: %s\n", error.what());
    return 2;
  } catch (const Interrupted&) {
    std::fprintf(stderr, "nibble: interrupted\n");
    return 130;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "nibble: %s\n", error.what());
    return 1;
  }
}
