// Scores every row of a BF16 matrix from a smaller copy of it, and says how far a score can be from what the exact kernels
// compute: |score - exact| <= errors[row] * factors[token].error + norms[row] * factors[token].norm.
// docs/numerics.md, "Screened head", proves it for both copies.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "base/threads.h"
#include "device/cpu/kernels.h"

namespace nibble::device::cpu {

class HeadScreen {
 public:
  virtual ~HeadScreen() = default;

  // scores: [tokens of x, padded rows]. x: up to kTileTokens tokens, rounded to bf16 as for the exact product. False where it
  // has something that is no number.
  virtual bool score(ThreadTeam& team, const Kernels& kernels, const Operand& x, Array scores) = 0;

  int n_panels = 0;
  std::size_t bytes = 0;
  std::vector<float> errors;  // [padded rows], rounded up; infinite where the row has something that is no number
  std::vector<float> norms;   // [padded rows], rounded up
  struct Factors {
    double error = 0, norm = 0;
  };
  std::vector<Factors> factors;  // of the tokens scored last
};

// The bound holds always.
std::unique_ptr<HeadScreen> make_int8_screen(const PanelMatrix& w, ThreadTeam& team);

// The bound holds for all rows of a token but with this probability, over the dither that `seed` chooses.
inline constexpr double kScreenFailure = 1e-9;
std::unique_ptr<HeadScreen> make_int4_screen(const PanelMatrix& w, ThreadTeam& team, double failure_probability,
                                             std::uint64_t seed);

}  // namespace nibble::device::cpu
