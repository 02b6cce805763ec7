// exp and what is made of it, over the vector type V of an instruction set (f32x8.h, f32x16.h). The error
// bounds are derived in docs/numerics.md and asserted by tests/device.
#pragma once

#include <cstddef>

namespace nibble::device::cpu {

// Within 2 ulp of e^x where that is a normal number; +inf beyond f32, NaN for NaN.
template <typename V>
typename V::Vector vector_exp(typename V::Vector x) {
  // e^104 overflows and e^-104 underflows whatever is added; between them the powers of two below stay
  // representable.
  x = V::max(V::set(-104.0f), V::min(V::set(104.0f), x));
  const auto n = V::round(V::multiply(x, V::set(1.44269504f)));
  // r = x - n ln 2, |r| <= ln 2 / 2. The first part of ln 2 has 15 significant bits: n times it is exact.
  auto r = V::multiply_add(n, V::set(-0x1.62e4p-1f), x);
  r = V::multiply_add(n, V::set(-0x1.7f7d1cp-20f), r);
  // Taylor's polynomial: the next term, r^8 / 8!, is below 5.2e-9, a tenth of an ulp.
  auto p = V::set(1.0f / 5040);
  constexpr float kCoefficients[] = {1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f, 1.0f};
  for (const float coefficient : kCoefficients) p = V::multiply_add(p, r, V::set(coefficient));
  return V::scale_by_power(p, n);
}

// x / (1 + e^(-2 sqrt(2 / pi) (x + 0.044715 x^3))), which is 0.5 x (1 + tanh(...)) without its cancellation.
template <typename V>
typename V::Vector vector_gelu(typename V::Vector x) {
  constexpr float kLinear = -1.5957691216057308f;  // -2 sqrt(2 / pi)
  constexpr float kCubic = -0.0713548163f;         // that * 0.044715
  const auto argument = V::multiply(x, V::multiply_add(V::multiply(x, x), V::set(kCubic), V::set(kLinear)));
  return V::divide(x, V::add(V::set(1.0f), vector_exp<V>(argument)));
}

template <typename V>
void gelu_multiply(const float* gate, const float* up, float* out, int n) {
  int i = 0;
  for (; i + V::kLanes <= n; i += V::kLanes)
    V::store(out + i, V::multiply(vector_gelu<V>(V::load(gate + i)), V::load(up + i)));
  if (i == n) return;
  float rest[2][V::kLanes] = {};
  for (int j = 0; i + j < n; ++j) {
    rest[0][j] = gate[i + j];
    rest[1][j] = up[i + j];
  }
  V::store(rest[0], V::multiply(vector_gelu<V>(V::load(rest[0])), V::load(rest[1])));
  for (int j = 0; i + j < n; ++j) out[i + j] = rest[0][j];
}

// Within 5 ulp of tanh(x). Near zero by Pade's quotient of the seventh order (3e-8 off at 1, relatively), beyond by e^2x.
template <typename V>
typename V::Vector vector_tanh(typename V::Vector x) {
  const auto y = V::magnitude(x), y2 = V::multiply(y, y);
  auto upper = V::multiply_add(y2, V::set(1), V::set(378));
  upper = V::multiply_add(upper, y2, V::set(17325));
  upper = V::multiply(V::multiply_add(upper, y2, V::set(135135)), y);
  auto lower = V::multiply_add(y2, V::set(28), V::set(3150));
  lower = V::multiply_add(lower, y2, V::set(62370));
  lower = V::multiply_add(lower, y2, V::set(135135));
  const auto power = vector_exp<V>(V::multiply(y, V::set(-2)));
  const auto far = V::divide(V::add(V::set(1), V::multiply(power, V::set(-1))), V::add(V::set(1), power));
  return V::with_sign_of(V::where_below(y, V::set(1), V::divide(upper, lower), far), x);
}

template <typename V>
void softcap(float* x, float cap, int n) {
  const auto capped = [&](const float* at) {
    return V::multiply(V::set(cap), vector_tanh<V>(V::divide(V::load(at), V::set(cap))));
  };
  int i = 0;
  for (; i + V::kLanes <= n; i += V::kLanes) V::store(x + i, capped(x + i));
  if (i == n) return;
  float rest[V::kLanes] = {};
  for (int j = 0; i + j < n; ++j) rest[j] = x[i + j];
  V::store(rest, capped(rest));
  for (int j = 0; i + j < n; ++j) x[i + j] = rest[j];
}

template <typename V>
float sum_of_squares(const float* x, int n) {
  typename V::Vector sums[4] = {V::set(0), V::set(0), V::set(0), V::set(0)};
  int i = 0;
  for (; i + 4 * V::kLanes <= n; i += 4 * V::kLanes) {
    for (int j = 0; j < 4; ++j) {
      const auto v = V::load(x + i + j * V::kLanes);
      sums[j] = V::multiply_add(v, v, sums[j]);
    }
  }
  float total = V::sum(V::add(V::add(sums[0], sums[1]), V::add(sums[2], sums[3])));
  for (; i < n; ++i) total += x[i] * x[i];
  return total;
}

}  // namespace nibble::device::cpu
