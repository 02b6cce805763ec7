// The largest logits of a row without reading the whole BF16 head: a smaller copy scores every row, and those that its bound
// does not rule out are computed by the exact kernels. What comes out for them is the exact head's, bit for bit.
#pragma once

#include <span>
#include <vector>

#include "base/threads.h"
#include "device/cpu/head_screen.h"
#include "device/cpu/kernels.h"

namespace nibble::device::cpu {

class ScreenedHead {
 public:
  explicit ScreenedHead(std::unique_ptr<HeadScreen> screen) : screen_(std::move(screen)) {}

  // out[t] = softcap(x[t] W^T, cap) wherever it can be among the largest[t] largest of its token, equal ones included, and
  // kUnwanted elsewhere. cap 0: none. False where that takes a large part of the head; `out` is then to be computed anew.
  // `w` is the matrix that the screen was made of.
  bool run(ThreadTeam& team, const Kernels& kernels, const PanelMatrix& w, const Operand& x, float cap,
           std::span<const int> largest, Array out, ScreenCounts& counts);

  std::size_t bytes() const { return screen_->bytes; }

 private:
  bool run_tile(ThreadTeam& team, const Kernels& kernels, const PanelMatrix& w, const Operand& x, float cap,
                std::span<const int> largest, Array out, ScreenCounts& counts);
  void want(int row);

  std::unique_ptr<HeadScreen> screen_;
  std::vector<float> scores_;                // [tokens of a tile, padded rows]
  std::vector<std::pair<float, int>> best_;  // (score, row)
  std::vector<char> is_wanted_;              // [panels]
  std::vector<int> wanted_;                  // panels that are to be rescored
};

}  // namespace nibble::device::cpu
