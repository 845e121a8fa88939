// Mistakes in kernels that only a sanitizer finds. `planted NAME` runs one of them; built with a sanitizer,
// it ends with that sanitizer's report. `planted none` runs the same kernels without the mistakes, in three
// thread orders.
#include <cstdio>
#include <string_view>
#include <vector>

#include "emulator.hpp"
#include "kernels/launch.hpp"

using backlight::cuda::launch;
namespace emulator = backlight::emulator;

namespace {

enum class Mistake { none, first, second };

/// first: reads one past the end of x. second: writes one past the end of y.
template <Mistake mistake>
__global__ void scale(const float* x, float* y, int count) {
  const int i = static_cast<int>(blockIdx.x * blockDim.x + threadIdx.x);
  if (i < count + (mistake == Mistake::first)) y[mistake == Mistake::second ? i + 1 : i % count] = 2 * x[i];
}

/// first: no barrier between writing and reading the tile. second: none before the tile is overwritten.
template <Mistake mistake>
__global__ void mirror_tiles(const float* x, float* y, int tiles) {
  SHARED(float, tile, [64]);
  for (int k = 0; k < tiles; ++k) {
    tile[threadIdx.x] = x[k * 64 + static_cast<int>(threadIdx.x)];
    if (mistake != Mistake::first) __syncthreads();
    y[k * 64 + static_cast<int>(threadIdx.x)] = tile[63 - threadIdx.x];
    if (mistake != Mistake::second) __syncthreads();
  }
}

/// first: no __syncwarp between the lanes' writing and reading. second: a row too wide by one for the last
/// thread.
template <Mistake mistake>
__global__ void mirror_warp(const float* x, float* y) {
  SHARED(float, row, [32]);
  float* slot = row + threadIdx.x + (mistake == Mistake::second && threadIdx.x == 31);
  *slot = x[threadIdx.x];
  if (mistake != Mistake::first) __syncwarp();
  y[threadIdx.x] = row[31 - threadIdx.x];
}

/// first: adds without an atomic, from several blocks.
template <Mistake mistake>
__global__ void add_up(const float* x, float* sum) {
  const float value = x[blockIdx.x * blockDim.x + threadIdx.x];
  if (mistake == Mistake::first)
    *sum += value;
  else
    atomicAdd(sum, value);
}

/// first: 16-byte loads from an address that is a multiple of 4 only.
template <Mistake mistake>
__global__ void load4(const float* x, float* y) {
  const float4 v = __ldg(reinterpret_cast<const float4*>(x + (mistake == Mistake::first)) + threadIdx.x);
  y[threadIdx.x] = v.x + v.y + v.z + v.w;
}

/// first: reads a block that was freed before this one was launched, through a pointer that lies in memory.
template <Mistake mistake>
__global__ void follow(float* const* pointer, float* y) {
  y[threadIdx.x] = (*pointer)[threadIdx.x];
}

template <class T>
T* on_device(const std::vector<T>& values) {
  void* block = nullptr;
  cudaMalloc(&block, values.size() * sizeof(T));
  cudaMemcpy(block, values.data(), values.size() * sizeof(T), cudaMemcpyHostToDevice);
  return static_cast<T*>(block);
}

template <Mistake mistake>
void run_follow(float* x, float* y) {
  float* target = on_device(std::vector<float>(64, 1.0f));
  float** pointer = on_device(std::vector<float*>{target});
  if (mistake == Mistake::first) cudaFree(target);
  launch(follow<mistake>, 1, 32, 0, nullptr, pointer, y);
  cudaDeviceSynchronize();
  if (mistake == Mistake::none) cudaFree(target);
  cudaFree(pointer);
  (void)x;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view name = argc > 1 ? argv[1] : "";
  float* x = on_device(std::vector<float>(256, 1.0f));
  float* y = on_device(std::vector<float>(256, 0.0f));
  float* sum = on_device(std::vector<float>{0.0f});
  constexpr Mistake kNone = Mistake::none, kFirst = Mistake::first, kSecond = Mistake::second;

  if (name == "none") {
    for (const emulator::Order order :
         {emulator::Order::forward, emulator::Order::reverse, emulator::Order::shuffled}) {
      emulator::options().order = order;
      launch(scale<kNone>, 2, 128, 0, nullptr, x, y, 255);
      launch(mirror_tiles<kNone>, 2, 64, 0, nullptr, x, y, 1);
      launch(mirror_tiles<kNone>, 1, 64, 0, nullptr, x, y, 4);
      launch(mirror_warp<kNone>, 1, 32, 0, nullptr, x, y);
      launch(add_up<kNone>, 2, 128, 0, nullptr, x, sum);
      launch(load4<kNone>, 1, 32, 0, nullptr, x, y);
      run_follow<kNone>(x, y);
    }
  } else if (name == "global-read") {
    launch(scale<kFirst>, 2, 256, 0, nullptr, x, y, 256);
  } else if (name == "global-write") {
    launch(scale<kSecond>, 2, 128, 0, nullptr, x, y, 256);
  } else if (name == "shared-write") {
    launch(mirror_warp<kSecond>, 1, 32, 0, nullptr, x, y);
  } else if (name == "freed") {
    run_follow<kFirst>(x, y);
  } else if (name == "misaligned") {
    launch(load4<kFirst>, 1, 32, 0, nullptr, x, y);
  } else if (name == "no-barrier-after-write") {
    launch(mirror_tiles<kFirst>, 1, 64, 0, nullptr, x, y, 1);
  } else if (name == "no-barrier-before-reuse") {
    launch(mirror_tiles<kSecond>, 1, 64, 0, nullptr, x, y, 4);
  } else if (name == "no-syncwarp") {
    launch(mirror_warp<kFirst>, 1, 32, 0, nullptr, x, y);
  } else if (name == "no-atomic") {
    launch(add_up<kFirst>, 2, 128, 0, nullptr, x, sum);
  } else if (name == "leak") {
    cudaDeviceSynchronize();
    return 0;
  } else {
    std::fprintf(stderr, "planted: no such mistake\n");
    return 2;
  }
  if (cudaDeviceSynchronize() != cudaSuccess) return 3;
  std::vector<float> result(256);
  if (cudaMemcpy(result.data(), y, 1024, cudaMemcpyDeviceToHost) != cudaSuccess) return 3;
  cudaFree(x);
  cudaFree(y);
  cudaFree(sum);
  const bool clean = emulator::leak_report().empty() && emulator::take_report().empty();
  std::printf("%s: ran to its end, y[0] = %g, %s\n", argv[1], static_cast<double>(result[0]),
              clean ? "clean" : "unclean");
  return clean ? 0 : 4;
}
