// The texts that a W4A4 model is calibrated with: a file of them, or those built in.
#pragma once

#include <string>
#include <vector>

namespace nibble::quantize {

// JSON lines of {"input_ids": [...]}, {"text": "..."} or {"messages": [...]}, in any mix; a text is encoded with the
// model's tokenizer, messages first go through its chat template. Errors name the line.
std::vector<std::vector<int>> read_calibration(const std::string& path, const std::string& model_directory);

// A few hundred tokens of prose, code, mathematics, JSON and several languages.
std::vector<std::vector<int>> default_calibration(const std::string& model_directory);

}  // namespace nibble::quantize
