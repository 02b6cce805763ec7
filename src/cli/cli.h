// The subcommands. Each add_NAME gives its options to `app` and sets the callback that runs it; it lives in NAME.cpp.
// A command writes JSON or text to stdout, logs to stderr, and throws Error (exit 1) or UsageError (exit 2).
#pragma once

#include <CLI/CLI.hpp>

namespace nibble::cli {

void add_quantize(CLI::App& app);
void add_inspect(CLI::App& app);
void add_tokenize(CLI::App& app);
void add_detokenize(CLI::App& app);
void add_run(CLI::App& app);
void add_render(CLI::App& app);
void add_parse(CLI::App& app);
void add_grammar(CLI::App& app);
void add_bench(CLI::App& app);
void add_generate(CLI::App& app);
void add_logits(CLI::App& app);

}  // namespace nibble::cli
