// Philox 4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): random words as a pure
// function of a counter and a key. A draw depends on nothing that happened before it, so the same seed gives the same
// text whatever else runs.
#pragma once

#include <array>
#include <cstdint>

namespace nibble::engine {

std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter, std::array<std::uint32_t, 2> key);

// Uniform in [0, 1) for draw number `draw` at `position` of the sequence with that seed; 53 bits.
double uniform(std::uint64_t seed, std::uint64_t position, std::uint32_t draw = 0);

}  // namespace nibble::engine
