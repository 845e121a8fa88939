// The device side of CUDA C++, as kernels see it.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "kernels/launch.hpp"
#include "modes.hpp"
#include "on_device.hpp"

using backlight::cuda::launch;
using namespace backlight::test;

namespace {

__global__ void write_indices(int* out) {
  const unsigned block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
  const unsigned thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
  out[block * (blockDim.x * blockDim.y * blockDim.z) + thread] = static_cast<int>(1000 * block + thread);
}

__device__ float warp_sum(float value) {
  for (unsigned delta = warpSize / 2; delta > 0; delta /= 2)
    value += __shfl_down_sync(0xffffffffu, value, delta);
  return value;
}

__global__ void __launch_bounds__(256)
    sum_rows(const float* __restrict__ x, float* __restrict__ y, int width) {
  SHARED(float, partial, [8]);
  float sum = 0;
  for (int i = static_cast<int>(threadIdx.x); i < width; i += static_cast<int>(blockDim.x))
    sum += __ldg(x + blockIdx.x * static_cast<unsigned>(width) + i);
  sum = warp_sum(sum);
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x >= 32) return;
  sum = warp_sum(threadIdx.x < blockDim.x / 32 ? partial[threadIdx.x] : 0.0f);
  if (threadIdx.x == 0) y[blockIdx.x] = sum;
}

__global__ void reverse_in_dynamic_memory(const float4* x, float4* y) {
  DYN_SMEM(float4, buffer);
  buffer[threadIdx.x] = __ldg(x + threadIdx.x);
  __syncthreads();
  y[threadIdx.x] = buffer[blockDim.x - 1 - threadIdx.x];
}

__global__ void histogram(const int* x, int count, int* bins, int* largest, int* smallest) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i >= count) return;
  atomicAdd(bins + x[i], 1);
  atomicMax(largest, x[i]);
  atomicMin(smallest, x[i]);
}

struct LaneResults {
  int up, down, across, from;
  unsigned ballot;
  int any, all;
};
__global__ void use_collectives(LaneResults* out) {
  const int lane = static_cast<int>(threadIdx.x % 32);
  const unsigned everyone = 0xffffffffu;
  LaneResults r;
  r.up = __shfl_up_sync(everyone, lane, 3);
  r.down = __shfl_down_sync(everyone, lane, 3, 8);
  r.across = __shfl_xor_sync(everyone, lane, 5);
  r.from = __shfl_sync(everyone, lane, 2, 16);
  r.ballot = __ballot_sync(everyone, lane % 3 == 0);
  r.any = __any_sync(everyone, lane == 31);
  r.all = __all_sync(everyone, lane < 31);
  out[threadIdx.x] = r;
}

__global__ void exchange_in_halves(int* out) {
  const unsigned mask = threadIdx.x < 16 ? 0x0000ffffu : 0xffff0000u;
  SHARED(int, slots, [32]);
  slots[threadIdx.x] = static_cast<int>(threadIdx.x);
  __syncwarp(mask);
  out[threadIdx.x] = slots[threadIdx.x ^ 15] + __shfl_xor_sync(mask, 100, 1);
}

__global__ void count_in_barriers(int* out) {
  const int odd = threadIdx.x % 2;
  const int count = __syncthreads_count(odd), any = __syncthreads_or(threadIdx.x == 7),
            all = __syncthreads_and(odd);
  if (threadIdx.x == 0) {
    out[0] = count;
    out[1] = any;
    out[2] = all;
  }
}

__global__ void read_fresh_shared_memory(float* out) {
  SHARED(float, never_written, [4]);
  out[threadIdx.x] = never_written[threadIdx.x];
  never_written[threadIdx.x] = 1;
}

}  // namespace

TEST_CASE("device side: every thread of a three-dimensional grid runs once with its own indices") {
  in_every_mode([] {
    const OnDevice<int> out(std::size_t{2 * 3 * 4} * (5 * 3 * 2));
    CHECK(launch(write_indices, dim3(2, 3, 4), dim3(5, 3, 2), 0, nullptr, out.data()) == cudaSuccess);
    const std::vector<int> values = out.values();
    for (int i = 0; i < 24 * 30; ++i) CHECK(values[static_cast<std::size_t>(i)] == 1000 * (i / 30) + i % 30);
  });
}

TEST_CASE("device side: a block reduction with shuffles and shared memory adds up each row") {
  in_every_mode([] {
    constexpr int kRows = 3, kWidth = 391;
    std::vector<float> x(kRows * kWidth);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i % 17) - 5;
    const OnDevice<float> dx(x), dy(kRows);
    CHECK(launch(sum_rows, kRows, 256, 0, nullptr, dx.data(), dy.data(), kWidth) == cudaSuccess);
    const std::vector<float> y = dy.values();
    for (int row = 0; row < kRows; ++row)
      CHECK(y[static_cast<std::size_t>(row)] ==
            std::accumulate(x.begin() + row * kWidth, x.begin() + (row + 1) * kWidth, 0.0f));
  });
}

TEST_CASE("device side: dynamic shared memory holds what the launch asked for") {
  in_every_mode([] {
    constexpr unsigned kCount = 70;
    std::vector<float4> x(kCount);
    for (unsigned i = 0; i < kCount; ++i) x[i] = make_float4(static_cast<float>(i), 1, 2, 3);
    const OnDevice<float4> dx(x), dy(kCount);
    CHECK(launch(reverse_in_dynamic_memory, 1, kCount, kCount * sizeof(float4), nullptr, dx.data(),
                 dy.data()) == cudaSuccess);
    const std::vector<float4> y = dy.values();
    for (unsigned i = 0; i < kCount; ++i) CHECK(y[i].x == static_cast<float>(kCount - 1 - i));
  });
}

TEST_CASE("device side: atomics lose no update") {
  in_every_mode([] {
    std::vector<int> x(1000);
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<int>(i * i % 7);
    const OnDevice<int> dx(x), bins(std::vector<int>(7, 0)), largest(std::vector<int>{-1}),
        smallest(std::vector<int>{99});
    CHECK(launch(histogram, 8, 128, 0, nullptr, dx.data(), 1000, bins.data(), largest.data(),
                 smallest.data()) == cudaSuccess);
    const std::vector<int> counts = bins.values();
    for (int bin = 0; bin < 7; ++bin)
      CHECK(counts[static_cast<std::size_t>(bin)] == std::ranges::count(x, bin));
    CHECK(largest.values()[0] == 4);
    CHECK(smallest.values()[0] == 0);
  });
}

TEST_CASE("device side: warp collectives follow the programming guide") {
  in_every_mode([] {
    const OnDevice<LaneResults> out(64);
    CHECK(launch(use_collectives, 1, 64, 0, nullptr, out.data()) == cudaSuccess);
    const std::vector<LaneResults> results = out.values();
    for (int i = 0; i < 64; ++i) {
      const LaneResults& r = results[static_cast<std::size_t>(i)];
      const int lane = i % 32;
      CHECK(r.up == (lane >= 3 ? lane - 3 : lane));
      CHECK(r.down == (lane % 8 + 3 < 8 ? lane + 3 : lane));
      CHECK(r.across == (lane ^ 5));
      CHECK(r.from == lane / 16 * 16 + 2);
      CHECK(r.ballot == 0x49249249u);
      CHECK(r.any == 1);
      CHECK(r.all == 0);
    }
  });
}

TEST_CASE("device side: two halves of a warp meet apart") {
  in_every_mode([] {
    const OnDevice<int> out(32);
    CHECK(launch(exchange_in_halves, 1, 32, 0, nullptr, out.data()) == cudaSuccess);
    const std::vector<int> values = out.values();
    for (int i = 0; i < 32; ++i) CHECK(values[static_cast<std::size_t>(i)] == (i ^ 15) + 100);
  });
}

TEST_CASE("device side: barriers count and combine predicates") {
  in_every_mode([] {
    const OnDevice<int> out(3);
    CHECK(launch(count_in_barriers, 1, 77, 0, nullptr, out.data()) == cudaSuccess);
    CHECK(out.values() == std::vector{38, 1, 0});
  });
}

TEST_CASE("device side: shared memory is NaN at the start of every block") {
  in_every_mode([] {
    const OnDevice<float> out(4);
    for (int repeat = 0; repeat < 2; ++repeat) {
      CHECK(launch(read_fresh_shared_memory, 3, 4, 0, nullptr, out.data()) == cudaSuccess);
      for (const float value : out.values()) CHECK(std::isnan(value));
    }
  });
}

TEST_CASE("device side: intrinsics agree with the host's arithmetic") {
  CHECK(__popc(0xf0f0u) == 8);
  CHECK(__ffs(8) == 4);
  CHECK(__clz(1) == 31);
  CHECK(__int_as_float(__float_as_int(1.5f)) == 1.5f);
  CHECK(rsqrtf(4.0f) == 0.5f);
  CHECK(__saturatef(2.0f) == 1.0f);
  CHECK(__saturatef(-2.0f) == 0.0f);
  CHECK(__saturatef(NAN) == 0.0f);
  CHECK(__expf(0.0f) == 1.0f);
  CHECK(max(2, 3) == 3);
  CHECK(min(2.0f, 3.0f) == 2.0f);
}
