// A hash of a number's value, whatever its spelling: the number itself modulo a prime. 1, 1.0 and 10e-1 have one.
#pragma once

#include "grammar/machine.h"

namespace nibble::grammar {

void read_for_hash(Thread& thread, std::uint8_t byte);  // the next character of a number
std::uint64_t number_hash(const Thread& thread);

}  // namespace nibble::grammar
