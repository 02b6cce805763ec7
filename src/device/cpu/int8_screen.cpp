#include "device/cpu/head_screen.h"
#include "device/cpu/screen.h"

namespace nibble::device::cpu {
namespace {

class Int8Screen final : public HeadScreen {
 public:
  Int8Screen(const PanelMatrix& w, ThreadTeam& team) : screen_(make_screen(w, team)) {
    n_panels = screen_.n_panels;
    bytes = screen_.bytes;
    errors = std::move(screen_.errors);
    norms = std::move(screen_.norms);
  }

  bool score(ThreadTeam& team, const Kernels& kernels, const Operand& x, Array scores) override {
    if (!input_.fill(x, screen_.n_quads)) return false;
    factors.clear();
    for (const ScreenInput::Token& token : input_.tokens) factors.push_back({token.error_factor, token.norm_factor});
    team.parallel_for(std::size_t(n_panels), 1, [&](std::size_t begin, std::size_t end) {
      kernels.screen(screen_, input_, int(begin), int(end), scores);
    });
    return true;
  }

 private:
  Screen screen_;
  ScreenInput input_;
};

}  // namespace

std::unique_ptr<HeadScreen> make_int8_screen(const PanelMatrix& w, ThreadTeam& team) {
  return std::make_unique<Int8Screen>(w, team);
}

}  // namespace nibble::device::cpu
