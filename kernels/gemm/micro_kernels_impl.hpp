// The micro-kernels in terms of a vector type V. Included by one source file per instruction set, which
// defines V and is compiled with that set's flags: hence everything has internal linkage, and nothing of the
// standard library that the linker could merge between those files is used.
//
// V has: T, Reg, Mask, kLanes, kRows, kVectors, kDotRows, kDotImages, and zero(), set(x), load(p), store(p,
// v), mask(first, last), load(v, mask, p) keeping v's other lanes and reading none of theirs, store(p, mask,
// v), fma(a, b, c) = a·b + c.
#pragma once

#include "kernels/gemm/depthwise_impl.hpp"
#include "kernels/gemm/epilogue_impl.hpp"
#include "kernels/gemm/max_pool_impl.hpp"
#include "kernels/gemm/micro_kernels.hpp"
#include "kernels/gemm/winograd_impl.hpp"

namespace backlight::cpu {
namespace {

template <class V, int R, int N>
void tile(std::int64_t k, const typename V::T* a, const typename V::T* b, const typename V::T* bias,
          bool accumulate, typename V::T* c, std::int64_t ldc, int columns, const typename V::T* ahead,
          std::int64_t ahead_step, const Epilogue<typename V::T>* epilogue) {
  typename V::Reg sum[R][N];
  const typename V::Mask last = V::mask(0, columns - (N - 1) * V::kLanes);
  const auto row_of = [&](const typename V::T* from, typename V::Reg(&row)[N]) {
#pragma GCC unroll 4
    for (int j = 0; j < N - 1; ++j) row[j] = V::load(from + j * V::kLanes);
    row[N - 1] = V::load(V::zero(), last, from + (N - 1) * V::kLanes);
  };
#pragma GCC unroll 16
  for (int i = 0; i < R; ++i) {
    if (accumulate) {
      row_of(c + i * ldc, sum[i]);
    } else {
#pragma GCC unroll 4
      for (int j = 0; j < N; ++j) sum[i][j] = bias ? V::set(bias[i]) : V::zero();
    }
  }
  if (epilogue && epilogue->residual) {
#pragma GCC unroll 16
    for (int i = 0; i < R; ++i) {
#pragma GCC unroll 4
      for (int j = 0; j < N; ++j) __builtin_prefetch(epilogue->residual + i * ldc + j * V::kLanes);
    }
  }
  for (std::int64_t p = 0; p < k; ++p, a += R, b += N * V::kLanes, ahead = at(ahead, ahead_step)) {
    __builtin_prefetch(ahead, 0, 2);
    typename V::Reg column[N];
#pragma GCC unroll 4
    for (int j = 0; j < N; ++j) column[j] = V::load(b + j * V::kLanes);
#pragma GCC unroll 16
    for (int i = 0; i < R; ++i) {
      const typename V::Reg row = V::set(a[i]);
#pragma GCC unroll 4
      for (int j = 0; j < N; ++j) sum[i][j] = V::fma(row, column[j], sum[i][j]);
    }
  }
#pragma GCC unroll 16
  for (int i = 0; i < R; ++i) {
    if (epilogue) {
      typename V::Reg residual[N] = {};
      if (epilogue->residual) row_of(epilogue->residual + i * ldc, residual);
#pragma GCC unroll 4
      for (int j = 0; j < N; ++j) sum[i][j] = followed<V>(sum[i][j], residual[j], *epilogue);
    }
#pragma GCC unroll 4
    for (int j = 0; j < N - 1; ++j) V::store(c + i * ldc + j * V::kLanes, sum[i][j]);
    V::store(c + i * ldc + (N - 1) * V::kLanes, last, sum[i][N - 1]);
  }
}

template <class V>
void pack_rows(const typename V::T* x, std::int64_t x_stride, int count, std::int64_t depth, int width,
               typename V::T* panel) {
  typename V::Reg block[V::kLanes];
  for (std::int64_t k = 0; k < depth; k += V::kLanes) {
    const int length = depth - k < V::kLanes ? static_cast<int>(depth - k) : V::kLanes;
    for (int i0 = 0; i0 < width; i0 += V::kLanes) {
      const int height = count - i0, lanes = width - i0 < V::kLanes ? width - i0 : V::kLanes;
      const auto columns = V::mask(0, length), rows = V::mask(0, lanes);
      const typename V::T* from = x + i0 * x_stride + k;
#pragma GCC unroll 16
      for (int i = 0; i < V::kLanes; ++i)
        block[i] = i < height ? V::load(V::zero(), columns, from + i * x_stride) : V::zero();
      V::transpose(block);
      typename V::T* to = panel + k * width + i0;
#pragma GCC unroll 16
      for (int j = 0; j < V::kLanes; ++j)
        if (j < length) V::store(to + j * width, rows, block[j]);
    }
  }
}

template <class V>
void copy_runs(const Run* runs, int run_count, int width, std::int64_t rows, const typename V::T* x,
               std::int64_t x_stride, typename V::T* panel, std::int64_t panel_stride) {
  using T = typename V::T;
  for (int base = 0; base < width; base += V::kLanes, panel += V::kLanes) {
    typename V::Mask masks[V::kLanes];
    const T* sources[V::kLanes];
    int pieces = 0;
    for (int i = 0; i < run_count; ++i) {
      const Run& run = runs[i];
      const int first = run.first > base ? run.first - base : 0;
      const int last = run.last < base + V::kLanes ? run.last - base : V::kLanes;
      if (first >= last) continue;
      masks[pieces] = V::mask(first, last);
      sources[pieces++] = at(x, run.offset + base - run.first);
    }
    const bool whole = base + V::kLanes <= width;
    const auto lanes = V::mask(0, whole ? V::kLanes : width - base);
    const auto write = [&](const auto& vector) {
      if (whole)
        for (std::int64_t i = 0; i < rows; ++i) V::store(panel + i * panel_stride, vector(i * x_stride));
      else
        for (std::int64_t i = 0; i < rows; ++i)
          V::store(panel + i * panel_stride, lanes, vector(i * x_stride));
    };
    if (pieces == 0) {
      write([](std::int64_t) { return V::zero(); });
    } else if (pieces == 1) {
      const auto mask = masks[0];
      const T* source = sources[0];
      write([=](std::int64_t row) { return V::load(V::zero(), mask, at(source, row)); });
    } else if (pieces == 2) {
      const auto mask0 = masks[0], mask1 = masks[1];
      const T *source0 = sources[0], *source1 = sources[1];
      write([=](std::int64_t row) {
        return V::load(V::load(V::zero(), mask0, at(source0, row)), mask1, at(source1, row));
      });
    } else {
      write([&](std::int64_t row) {
        auto vector = V::zero();
        for (int piece = 0; piece < pieces; ++piece)
          vector = V::load(vector, masks[piece], at(sources[piece], row));
        return vector;
      });
    }
  }
}

template <class V, int N>
void depthwise_slots(const DepthwiseSlot* slots, const typename V::T* x, const typename V::T* w,
                     const std::int64_t* offsets, std::int64_t taps, typename V::T bias, typename V::T* y) {
  typename V::Reg sum[N];
  const typename V::T* from[N];
#pragma GCC unroll 4
  for (int j = 0; j < N; ++j) {
    sum[j] = V::set(bias);
    from[j] = x + slots[j].x_at;
  }
  for (std::int64_t t = 0; t < taps; ++t) {
    const typename V::Reg weight = V::set(w[t]);
#pragma GCC unroll 4
    for (int j = 0; j < N; ++j) sum[j] = V::fma(weight, V::load(from[j] + offsets[t]), sum[j]);
  }
#pragma GCC unroll 4
  for (int j = 0; j < N; ++j) V::store(y + slots[j].y_at, V::mask(0, slots[j].count), sum[j]);
}

template <class V>
void depthwise(const DepthwiseSlot* slots, std::int64_t slot_count, const typename V::T* x,
               const typename V::T* w, const std::int64_t* offsets, std::int64_t taps, typename V::T bias,
               typename V::T* y) {
  std::int64_t i = 0;
  for (; i + 4 <= slot_count; i += 4) depthwise_slots<V, 4>(slots + i, x, w, offsets, taps, bias, y);
  for (; i < slot_count; ++i) depthwise_slots<V, 1>(slots + i, x, w, offsets, taps, bias, y);
}

template <class V, int R, int N>
void dot(std::int64_t in, const typename V::T* w, const typename V::T* x, const typename V::T* bias,
         typename V::T* y, std::int64_t y_stride) {
  constexpr int kChains = 2;
  typename V::Reg sum[R][N][kChains];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int n = 0; n < N; ++n) sum[r][n][0] = sum[r][n][1] = V::zero();
  }
  std::int64_t i = 0;
  for (; i + kChains * V::kLanes <= in; i += kChains * V::kLanes) {
#pragma GCC unroll 2
    for (int chain = 0; chain < kChains; ++chain) {
      const std::int64_t at_i = i + chain * V::kLanes;
      typename V::Reg image[N];
#pragma GCC unroll 4
      for (int n = 0; n < N; ++n) image[n] = V::load(x + n * in + at_i);
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        const typename V::Reg weight = V::load(w + r * in + at_i);
#pragma GCC unroll 4
        for (int n = 0; n < N; ++n) sum[r][n][chain] = V::fma(weight, image[n], sum[r][n][chain]);
      }
    }
  }
  for (int chain = 0; i < in; i += V::kLanes, ++chain) {
    const int left = in - i < V::kLanes ? static_cast<int>(in - i) : V::kLanes;
    const auto mask = V::mask(0, left);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const typename V::Reg weight = V::load(V::zero(), mask, w + r * in + i);
#pragma GCC unroll 4
      for (int n = 0; n < N; ++n) {
        const typename V::Reg image = V::load(V::zero(), mask, x + n * in + i);
        if (chain == 0)
          sum[r][n][0] = V::fma(weight, image, sum[r][n][0]);
        else
          sum[r][n][1] = V::fma(weight, image, sum[r][n][1]);
      }
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int n = 0; n < N; ++n) {
      typename V::T lanes[kChains * V::kLanes];
      V::store(lanes, sum[r][n][0]);
      V::store(lanes + V::kLanes, sum[r][n][1]);
      for (int half = kChains * V::kLanes / 2; half > 0; half /= 2)
        for (int lane = 0; lane < half; ++lane) lanes[lane] += lanes[lane + half];
      y[n * y_stride + r] = bias ? lanes[0] + bias[r] : lanes[0];
    }
  }
}

template <class V>
void apply_epilogue(const Epilogue<typename V::T>& epilogue, std::int64_t count, typename V::T* y) {
  if (!epilogue.residual && !epilogue.relu) return;
  for (std::int64_t i = 0; i < count; i += V::kLanes) {
    const auto lanes = V::mask(0, count - i < V::kLanes ? static_cast<int>(count - i) : V::kLanes);
    const auto residual = epilogue.residual ? V::load(V::zero(), lanes, epilogue.residual + i) : V::zero();
    V::store(y + i, lanes, followed<V>(V::load(V::zero(), lanes, y + i), residual, epilogue));
  }
}

template <class V, int R>
void axpy_rows(const typename V::T* scale, const typename V::T* const* rows, std::int64_t count,
               typename V::T* y) {
  typename V::Reg factor[R];
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) factor[r] = V::set(scale[r]);
  std::int64_t i = 0;
  for (; i + V::kLanes <= count; i += V::kLanes) {
    typename V::Reg sum = V::load(y + i);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) sum = V::fma(factor[r], V::load(rows[r] + i), sum);
    V::store(y + i, sum);
  }
  if (i < count) {
    const auto mask = V::mask(0, static_cast<int>(count - i));
    typename V::Reg sum = V::load(V::zero(), mask, y + i);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) sum = V::fma(factor[r], V::load(V::zero(), mask, rows[r] + i), sum);
    V::store(y + i, mask, sum);
  }
}

template <class V>
void axpy(int row_count, const typename V::T* scale, const typename V::T* const* rows, std::int64_t count,
          typename V::T* y) {
  constexpr int kRows = MicroKernels<typename V::T>::kAxpyRows;
  if (row_count == kRows) return axpy_rows<V, kRows>(scale, rows, count, y);
  for (int r = 0; r < row_count; ++r) axpy_rows<V, 1>(scale + r, rows + r, count, y);
}

template <class V, int R>
constexpr void set_tiles(MicroKernels<typename V::T>& kernels) {
  kernels.tile[R - 1][0] = tile<V, R, 1>;
  kernels.tile[R - 1][1] = tile<V, R, 2>;
  if constexpr (R > 1) set_tiles<V, R - 1>(kernels);
}

template <class V, int R, int N>
constexpr void set_dots(MicroKernels<typename V::T>& kernels) {
  kernels.dot[R - 1][N - 1] = dot<V, R, N>;
  if constexpr (R > 1) set_dots<V, R - 1, N>(kernels);
}

template <class V>
constexpr MicroKernels<typename V::T> make_micro_kernels(Isa isa) {
  MicroKernels<typename V::T> kernels{};
  kernels.isa = isa;
  kernels.lanes = V::kLanes;
  kernels.rows = V::kRows;
  kernels.vectors = 2;
  kernels.dot_rows = V::kDotRows;
  kernels.dot_images = V::kDotImages;
  kernels.pack_rows = pack_rows<V>;
  kernels.copy_runs = copy_runs<V>;
  kernels.depthwise = depthwise<V>;
  kernels.depthwise_plane[0][0] = depthwise_plane<V, 3, 1>;
  kernels.depthwise_plane[0][1] = depthwise_plane<V, 3, 2>;
  kernels.depthwise_plane[1][0] = depthwise_plane<V, 5, 1>;
  kernels.depthwise_plane[1][1] = depthwise_plane<V, 5, 2>;
  kernels.max_pool[0] = max_pool<V, 2>;
  kernels.max_pool[1] = max_pool<V, 3>;
  kernels.axpy = axpy<V>;
  kernels.apply = apply_epilogue<V>;
  kernels.winograd_input[0] = winograd_input<V, 2>;
  kernels.winograd_input[1] = winograd_input<V, 4>;
  kernels.winograd_output[0] = winograd_output<V, 2>;
  kernels.winograd_output[1] = winograd_output<V, 4>;
  set_tiles<V, V::kRows>(kernels);
  set_dots<V, V::kDotRows, 1>(kernels);
  if constexpr (V::kDotImages > 1) set_dots<V, V::kDotRows / 2, 2>(kernels);
  if constexpr (V::kDotImages > 2) set_dots<V, V::kDotRows / 2, 3>(kernels);
  return kernels;
}

}  // namespace
}  // namespace backlight::cpu
