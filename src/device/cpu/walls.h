// What this machine does at best, measured in the process that asks: the walls that a benchmark's figures are shares of.
#pragma once

#include "base/threads.h"
#include "device/cpu/kernels.h"
#include "device/device.h"

namespace nibble::device::cpu {

// Reads of memory beyond any cache in huge pages, and multiplications in registers with the instructions that `kernels`
// are made of, by the whole team. Takes about a second.
Walls measure_walls(ThreadTeam& team, const Kernels& kernels);

}  // namespace nibble::device::cpu
