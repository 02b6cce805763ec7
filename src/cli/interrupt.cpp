#include "cli/interrupt.h"

#include <atomic>

namespace nibble::cli {
namespace {

std::atomic<bool> pressed = false;
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler may set it");

void on_interrupt(int) { pressed = true; }

}  // namespace

Interrupt::Interrupt() {
  pressed = false;
  struct sigaction action {};
  action.sa_handler = on_interrupt;  // without SA_RESTART: a wait for input ends
  sigaction(SIGINT, &action, &previous_);
}

Interrupt::~Interrupt() { sigaction(SIGINT, &previous_, nullptr); }

bool Interrupt::taken() { return pressed.exchange(false); }

}  // namespace nibble::cli
