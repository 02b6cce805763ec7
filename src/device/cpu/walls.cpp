#include "device/cpu/walls.h"

#include <immintrin.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <vector>

#include "device/cpu/memory.h"

namespace nibble::device::cpu {
namespace {

// Of many short runs the time that a tenth of them beat: neighbours on the machine can only slow a run down.
template <typename Task>
double typical_seconds(const Task& task) {
  using Clock = std::chrono::steady_clock;
  constexpr double kBudget = 0.4;
  std::vector<double> times;
  double spent = 0;
  for (int i = 0; i < 10 || spent < kBudget; ++i) {
    const auto start = Clock::now();
    task();
    times.push_back(std::chrono::duration<double>(Clock::now() - start).count());
    spent += times.back();
  }
  std::sort(times.begin(), times.end());
  return times[times.size() / 10];
}

double read_bytes_per_second(ThreadTeam& team) {
  constexpr std::size_t kWords = std::size_t{1} << 26;  // 512 MiB: a cache keeps little of it from run to run
  Memory memory(kWords * 8);
  std::memset(memory.data(), 1, memory.bytes());
  std::atomic<std::uint64_t> total{0};
  const double seconds = typical_seconds([&] {
    team.parallel_for(kWords, 4096, [&](std::size_t begin, std::size_t end) {
      const std::uint64_t* words = memory.as<std::uint64_t>();
      std::uint64_t sum[8] = {};
      for (std::size_t at = begin; at < end; at += 8)
        for (std::size_t j = 0; j < 8; ++j) sum[j] += words[at + j];
      for (const std::uint64_t s : sum) total += s;
    });
  });
  return double(memory.bytes()) / seconds;
}

// Each runs ten independent chains, writes what keeps the compiler from dropping them and returns the operations done.
// The empty assembly hides from it that the chains are equal, which it would compute once.
constexpr int kRounds = 1 << 15;
constexpr int kChains = 10;
using Multiply = double (*)(void* keep);

[[gnu::target("avx2,fma")]] double fma_avx2(void* keep) {
  const __m256 a = _mm256_set1_ps(0.999f), b = _mm256_set1_ps(1e-3f);
  __m256 c[kChains];
  for (__m256& chain : c) {
    chain = b;
    asm("" : "+x"(chain));
  }
  for (int i = 0; i < kRounds; ++i)
    for (__m256& chain : c) chain = _mm256_fmadd_ps(chain, a, b);
  for (int i = 1; i < kChains; ++i) c[0] = _mm256_add_ps(c[0], c[i]);
  _mm256_storeu_ps(static_cast<float*>(keep), c[0]);
  return 2.0 * 8 * kChains * kRounds;
}

// Four products of bytes added up in 16 bits, then widened: the best there is without VNNI.
[[gnu::target("avx2,fma")]] double bytes_avx2(void* keep) {
  constexpr int kSums = 4;
  const __m256i a = _mm256_set1_epi8(1), ones = _mm256_set1_epi16(1);
  __m256i b = _mm256_set1_epi8(2);
  __m256i c[kSums];
  for (__m256i& chain : c) chain = _mm256_setzero_si256();
  for (int i = 0; i < kRounds; ++i) {
    for (__m256i& chain : c) {
      asm("" : "+x"(b));  // another input each time, as far as the compiler knows
      const __m256i first = _mm256_add_epi16(_mm256_maddubs_epi16(a, b), _mm256_maddubs_epi16(b, a));
      asm("" : "+x"(b));
      const __m256i second = _mm256_add_epi16(_mm256_maddubs_epi16(a, b), _mm256_maddubs_epi16(b, a));
      chain = _mm256_add_epi32(chain, _mm256_madd_epi16(_mm256_add_epi16(first, second), ones));
    }
  }
  for (int i = 1; i < kSums; ++i) c[0] = _mm256_add_epi32(c[0], c[i]);
  _mm256_storeu_si256(static_cast<__m256i*>(keep), c[0]);
  return 2.0 * 128 * kSums * kRounds;
}

[[gnu::target("avx512f,avx512bw,avx512bf16")]] double bf16_avx512(void* keep) {
  const auto a = reinterpret_cast<__m512bh>(_mm512_set1_epi32(0x3f003f00));
  __m512 c[kChains];
  for (__m512& chain : c) {
    chain = _mm512_setzero_ps();
    asm("" : "+v"(chain));
  }
  for (int i = 0; i < kRounds; ++i)
    for (__m512& chain : c) chain = _mm512_dpbf16_ps(chain, a, a);
  for (int i = 1; i < kChains; ++i) c[0] = _mm512_add_ps(c[0], c[i]);
  _mm512_storeu_ps(keep, c[0]);
  return 2.0 * 32 * kChains * kRounds;
}

[[gnu::target("avx512f,avx512bw,avx512vnni")]] double bytes_avx512(void* keep) {
  const __m512i a = _mm512_set1_epi8(1);
  __m512i c[kChains];
  for (__m512i& chain : c) {
    chain = _mm512_setzero_si512();
    asm("" : "+v"(chain));
  }
  for (int i = 0; i < kRounds; ++i)
    for (__m512i& chain : c) chain = _mm512_dpbusd_epi32(chain, a, a);
  for (int i = 1; i < kChains; ++i) c[0] = _mm512_add_epi32(c[0], c[i]);
  _mm512_storeu_si512(keep, c[0]);
  return 2.0 * 64 * kChains * kRounds;
}

double operations_per_second(ThreadTeam& team, Multiply multiply) {
  struct alignas(64) Keep {
    std::byte bytes[64];
  };
  std::vector<Keep> keep(static_cast<std::size_t>(team.size()));
  double done = 0;
  const double seconds = typical_seconds([&] {
    team.run([&](int thread) {
      const double mine = multiply(keep[std::size_t(thread)].bytes);
      if (thread == 0) done = mine;
    });
  });
  return done * team.size() / seconds;
}

}  // namespace

Walls measure_walls(ThreadTeam& team, std::string_view kernels) {
  Walls walls{.read_bytes_per_second = read_bytes_per_second(team)};
  if (kernels == "avx2") {
    walls.float_flops = operations_per_second(team, fma_avx2);
    walls.int8_ops = operations_per_second(team, bytes_avx2);
  } else if (kernels == "avx512") {
    walls.float_flops = operations_per_second(team, bf16_avx512);
    if (__builtin_cpu_supports("avx512vnni")) walls.int8_ops = operations_per_second(team, bytes_avx512);
  }
  return walls;
}

}  // namespace nibble::device::cpu
