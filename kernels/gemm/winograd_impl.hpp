// Winograd's transforms of a vector of tiles, in terms of a vector type as micro_kernels_impl.hpp describes it, which
// includes this. kernels/conv2d/winograd.hpp has the mathematics.
//
// V has besides, for n = 2 and 4: split(p, part), part[j] = elements j, n + j, 2·n + j ... of n·kLanes from p on, and
// merge(part, p), the way back.
#pragma once

#include "kernels/gemm/epilogue_impl.hpp"
#include "kernels/gemm/micro_kernels.hpp"

namespace backlight::cpu {
namespace {

/// d := Bᵀ d, of a tile of 2
template <class V>
inline void winograd_input_line(typename V::Reg (&d)[4]) {
  const auto difference = d[2] - d[1];
  d[0] = d[0] - d[2];
  d[3] = d[1] - d[3];
  d[1] = d[1] + d[2];
  d[2] = difference;
}

/// of 4
template <class V>
inline void winograd_input_line(typename V::Reg (&d)[6]) {
  using T = typename V::T;
  const auto minus_half = V::set(T(-0.5)), minus_two = V::set(T(-2)), minus_sum = V::set(T(-2.5));
  const auto near = V::set(T(kWinogradNear)), minus_near = V::set(T(-kWinogradNear)),
             far = V::set(T(kWinogradFar)), minus_far = V::set(T(-kWinogradFar));
  const auto even_near = V::fma(minus_two, d[2], d[4]), odd_near = V::fma(minus_two, d[1], d[3]);
  const auto even_far = V::fma(minus_half, d[2], d[4]), odd_far = V::fma(minus_half, d[1], d[3]);
  d[0] = V::fma(minus_sum, d[2], d[4] + d[0]);
  d[5] = V::fma(minus_sum, d[3], d[5] + d[1]);
  d[1] = V::fma(near, odd_near, even_near);
  d[2] = V::fma(minus_near, odd_near, even_near);
  d[3] = V::fma(far, odd_far, even_far);
  d[4] = V::fma(minus_far, odd_far, even_far);
}

/// o = Aᵀ m, of a tile of 2
template <class V>
inline void winograd_output_line(const typename V::Reg (&m)[4], typename V::Reg (&o)[2]) {
  o[0] = m[0] + m[1] + m[2];
  o[1] = m[1] - m[2] - m[3];
}

/// of 4
template <class V>
inline void winograd_output_line(const typename V::Reg (&m)[6], typename V::Reg (&o)[4]) {
  using T = typename V::T;
  const auto half = V::set(T(0.5)), two = V::set(T(2)), near = V::set(T(kWinogradNear)),
             far = V::set(T(kWinogradFar));
  const auto near_cubed = V::set(T(kWinogradNear / 2)), far_cubed = V::set(T(kWinogradFar * 2));
  const auto near_sum = m[1] + m[2], near_difference = m[1] - m[2];
  const auto far_sum = m[3] + m[4], far_difference = m[3] - m[4];
  o[0] = m[0] + near_sum + far_sum;
  o[1] = V::fma(far, far_difference, near * near_difference);
  o[2] = V::fma(two, far_sum, half * near_sum);
  o[3] = V::fma(far_cubed, far_difference, V::fma(near_cubed, near_difference, m[5]));
}

template <class V, int kTile>
void winograd_input(const LineRun* runs, int run_count, const typename V::T* plane, typename V::T* lines,
                    typename V::T* v, std::int64_t v_stride) {
  using Reg = typename V::Reg;
  constexpr int kPatch = kTile + 2, kLine = kTile * V::kLanes;
  for (int i = 0; i < run_count; ++i) {
    const LineRun& run = runs[i];
    const auto mask = V::mask(0, run.count);
    V::store(lines + run.line, mask, V::load(V::zero(), mask, plane + run.plane));
  }
  Reg rows[kPatch][kPatch];
  for (int i = 0; i < kPatch; ++i) {
    Reg d[kPatch], part[kTile];
    V::split(lines + 2 * i * kLine, part);
#pragma GCC unroll 4
    for (int j = 0; j < kTile; ++j) d[j] = part[j];
    V::split(lines + (2 * i + 1) * kLine, part);
    d[kTile] = part[0];
    d[kTile + 1] = part[1];
    winograd_input_line<V>(d);
#pragma GCC unroll 6
    for (int j = 0; j < kPatch; ++j) rows[i][j] = d[j];
  }
  for (int j = 0; j < kPatch; ++j) {
    Reg d[kPatch];
#pragma GCC unroll 6
    for (int i = 0; i < kPatch; ++i) d[i] = rows[i][j];
    winograd_input_line<V>(d);
#pragma GCC unroll 6
    for (int i = 0; i < kPatch; ++i) V::store(v + (kPatch * i + j) * v_stride, d[i]);
  }
}

template <class V, int kTile>
void winograd_output(const typename V::T* m, std::int64_t m_stride, typename V::T bias, const LineRun* runs,
                     int run_count, const Epilogue<typename V::T>& epilogue, typename V::T* plane) {
  using Reg = typename V::Reg;
  using T = typename V::T;
  constexpr int kPatch = kTile + 2, kLine = kTile * V::kLanes;
  Reg columns[kTile][kPatch];
  for (int j = 0; j < kPatch; ++j) {
    Reg d[kPatch], o[kTile];
#pragma GCC unroll 6
    for (int i = 0; i < kPatch; ++i) d[i] = V::load(m + (kPatch * i + j) * m_stride);
    winograd_output_line<V>(d, o);
#pragma GCC unroll 4
    for (int i = 0; i < kTile; ++i) columns[i][j] = o[i];
  }
  alignas(64) T lines[kTile * kLine + V::kLanes];  // runs are read as whole vectors
  const Reg shift = V::set(bias);
  for (int i = 0; i < kTile; ++i) {
    Reg o[kTile];
    winograd_output_line<V>(columns[i], o);
#pragma GCC unroll 4
    for (int j = 0; j < kTile; ++j) o[j] = o[j] + shift;
    V::merge(o, lines + i * kLine);
  }
  for (int i = 0; i < run_count; ++i) {
    const LineRun& run = runs[i];
    const auto mask = V::mask(0, run.count);
    const Reg residual =
        epilogue.residual ? V::load(V::zero(), mask, epilogue.residual + run.plane) : V::zero();
    V::store(plane + run.plane, mask, followed<V>(V::load(lines + run.line), residual, epilogue));
  }
}

}  // namespace
}  // namespace backlight::cpu
