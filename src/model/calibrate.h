// What a W4A4 checkpoint must know of its activations: the largest magnitude that each linear's input reaches while the
// unquantized model reads sample texts.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "device/device.h"

namespace nibble::model {

// module name -> largest |input|. Each sample runs from an empty cache; samples longer than max_tokens are cut.
std::map<std::string, float> input_ranges(const std::string& directory, std::span<const std::vector<int>> samples,
                                          device::Device& device, int max_tokens,
                                          const std::function<void(std::size_t samples_done)>& progress = {});

}  // namespace nibble::model
