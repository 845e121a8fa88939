// Kernels whose accesses to memory are known from their source alone.
#include <doctest/doctest.h>

#include <stdexcept>
#include <vector>

#include "counters.hpp"
#include "kernels/launch.hpp"
#include "modes.hpp"
#include "on_device.hpp"

using namespace backlight::test;
using backlight::cuda::launch;
using backlight::emulator::Counters;
using backlight::emulator::Counting;

namespace {

__global__ void copy(const float* __restrict__ x, float* __restrict__ y, int stride) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  y[i] = x[i * stride];
}

__global__ void copy4(const float* __restrict__ x, float* __restrict__ y) {
  const float4 v = __ldg(reinterpret_cast<const float4*>(x) + threadIdx.x);
  reinterpret_cast<float4*>(y)[threadIdx.x] = make_float4(v.x + 1, v.y + 1, v.z + 1, v.w + 1);
}

/// One element after the other, next to each other: no 16-byte access, whatever the host's compiler could
/// make of it.
__global__ void copy_four(const float* __restrict__ x, float* __restrict__ y) {
  for (int k = 0; k < 4; ++k) y[threadIdx.x * 4 + k] = x[threadIdx.x * 4 + k];
}

template <int pitch>
__global__ void transpose(const float* __restrict__ x, float* __restrict__ y) {
  SHARED(float, tile, [32][pitch]);
  tile[threadIdx.y][threadIdx.x] = x[threadIdx.y * 32 + threadIdx.x];
  __syncthreads();
  y[threadIdx.y * 32 + threadIdx.x] = tile[threadIdx.x][threadIdx.y];
}

__global__ void half_warp(const float* __restrict__ x, float* __restrict__ y) {
  if (threadIdx.x % 32 < 16)
    y[threadIdx.x] = x[threadIdx.x];
  else
    y[64 + threadIdx.x] = 2.0f;
}

/// Lane i adds up i + 1 rows.
__global__ void triangle(const float* __restrict__ x, float* __restrict__ y) {
  float sum = 0;
  for (int row = 0; row <= static_cast<int>(threadIdx.x); ++row) sum += x[row * 32 + threadIdx.x];
  y[threadIdx.x] = sum;
}

__global__ void wide_shared(float* __restrict__ y) {
  SHARED(float4, row, [32]);
  row[threadIdx.x] = make_float4(1, 2, 3, 4);
  __syncwarp();
  const float4 v = row[31 - threadIdx.x];
  y[threadIdx.x] = v.x;
}

__global__ void add_up(const float* __restrict__ x, float* sum) {
  float value = x[threadIdx.x];
  for (int delta = 16; delta > 0; delta /= 2) value += __shfl_xor_sync(0xffffffffu, value, delta);
  if (threadIdx.x % 32 == 0) atomicAdd(sum, value);
}

struct Device {
  OnDevice<float> x{std::vector<float>(4096, 1.0f)}, y{std::vector<float>(4096, 0.0f)};
};

template <class... P, class... A>
Counters count(dim3 grid, dim3 block, void (*kernel)(P...), A... arguments) {
  const Counting counting;
  REQUIRE(launch(kernel, grid, block, 0, nullptr, arguments...) == cudaSuccess);
  REQUIRE(cudaDeviceSynchronize() == cudaSuccess);
  return counting.counters();
}

}  // namespace

TEST_CASE("counters: neighbouring floats are four sectors a warp") {
  in_every_mode([] {
    const Device device;
    CHECK(count(2, 64, copy, device.x.data(), device.y.data(), 1) == Counters{.launches = 1,
                                                                              .blocks = 2,
                                                                              .threads = 128,
                                                                              .global_loads = 4,
                                                                              .global_stores = 4,
                                                                              .load_sectors = 16,
                                                                              .store_sectors = 16});
  });
}

TEST_CASE("counters: a stride doubles the sectors until each lane has one of its own") {
  const FreshDevice fresh;
  const Device device;
  const auto sectors = [&](int stride) {
    return count(1, 32, copy, device.x.data(), device.y.data(), stride).load_sectors;
  };
  CHECK(sectors(2) == 8);
  CHECK(sectors(4) == 16);
  CHECK(sectors(8) == 32);
  CHECK(sectors(33) == 32);
  CHECK(sectors(0) == 1);
}

TEST_CASE("counters: a misaligned warp touches a fifth sector") {
  const FreshDevice fresh;
  const Device device;
  const Counters c = count(1, 32, copy, device.x.data() + 1, device.y.data() + 8, 1);
  CHECK(c.load_sectors == 5);
  CHECK(c.store_sectors == 4);
}

TEST_CASE("counters: 16 bytes a lane are one access of sixteen sectors") {
  const FreshDevice fresh;
  const Device device;
  const Counters c = count(1, 32, copy4, device.x.data(), device.y.data());
  CHECK(c.global_loads == 1);
  CHECK(c.global_stores == 1);
  CHECK(c.load_sectors == 16);
  CHECK(c.store_sectors == 16);
}

TEST_CASE("counters: neighbouring elements one after the other are not merged") {
  const FreshDevice fresh;
  const Device device;
  const Counters c = count(1, 32, copy_four, device.x.data(), device.y.data());
  CHECK(c.global_loads == 4);
  CHECK(c.global_stores == 4);
  CHECK(c.load_sectors == 64);
}

TEST_CASE("counters: a column of a 32-wide tile is one bank; padding spreads it over all") {
  in_every_mode([] {
    const Device device;
    const Counters plain = count(1, dim3(32, 32), transpose<32>, device.x.data(), device.y.data());
    CHECK(plain.shared_accesses == 64);
    CHECK(plain.bank_conflicts == 32 * 31);
    CHECK(plain.barriers == 1);
    CHECK(plain.partial_accesses == 0);
    const Counters padded = count(1, dim3(32, 32), transpose<33>, device.x.data(), device.y.data());
    CHECK(padded.shared_accesses == 64);
    CHECK(padded.bank_conflicts == 0);
    CHECK(padded.load_sectors == 128);
    CHECK(padded.store_sectors == 128);
  });
}

TEST_CASE("counters: 16 bytes a lane in shared memory go by quarters of the warp without conflict") {
  const FreshDevice fresh;
  const Device device;
  const Counters c = count(1, 32, wide_shared, device.y.data());
  CHECK(c.shared_accesses == 2);
  CHECK(c.bank_conflicts == 0);
  CHECK(c.warp_collectives == 1);
}

TEST_CASE("counters: both sides of a branch are partial accesses") {
  in_every_mode([] {
    const Device device;
    const Counters c = count(1, 64, half_warp, device.x.data(), device.y.data());
    CHECK(c.global_loads == 2);
    CHECK(c.load_sectors == 4);
    CHECK(c.partial_accesses == 6);
    CHECK(c.partial_accesses == c.global_loads + c.global_stores);
  });
}

TEST_CASE("counters: lanes that leave a loop early leave the others partial accesses") {
  in_every_mode([] {
    const Device device;
    const Counters c = count(1, 32, triangle, device.x.data(), device.y.data());
    CHECK(c.global_loads == 32);
    CHECK(c.partial_accesses == 31);
    CHECK(c.global_stores == 1);
  });
}

TEST_CASE("counters: warp collectives and atomics are counted once a warp") {
  in_every_mode([] {
    const Device device;
    const Counters c = count(3, 64, add_up, device.x.data(), device.y.data());
    CHECK(c.warp_collectives == 3 * 2 * 5);
    CHECK(c.global_atomics == 6);
    CHECK(c.global_loads == 6);
    CHECK(c.store_sectors == 6);
    CHECK(device.y.values()[0] == 3 * 64);
  });
}

TEST_CASE("counters: a block whose last warp is not full has no partial accesses for that") {
  const FreshDevice fresh;
  const Device device;
  const Counters c = count(1, 40, copy, device.x.data(), device.y.data(), 1);
  CHECK(c.global_loads == 2);
  CHECK(c.load_sectors == 5);
  CHECK(c.partial_accesses == 0);
}

TEST_CASE("counters: launches add up and nothing is counted afterwards") {
  const FreshDevice fresh;
  const Device device;
  const auto run = [&] {
    REQUIRE(launch(copy, 1, 32, 0, nullptr, device.x.data(), device.y.data(), 1) == cudaSuccess);
  };
  {
    const Counting counting;
    run();
    run();
    CHECK(counting.counters().global_loads == 2);
    CHECK_THROWS_AS(Counting(), std::logic_error);
    run();
    CHECK(counting.counters().launches == 3);
  }
  run();
  const Counting counting;
  CHECK(counting.counters() == Counters{});
}
