// A program to step through with a debugger: README.md tells how, step.gdb does it.
#include <cstdio>
#include <vector>

#include "kernels/launch.hpp"

/// One block per row, one warp per block.
__global__ void row_mean(const float* x, float* y, unsigned width) {
  float sum = 0;
  for (unsigned i = threadIdx.x; i < width; i += blockDim.x) sum += x[blockIdx.x * width + i];
  for (int delta = 16; delta > 0; delta /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, delta);
  if (threadIdx.x == 0) y[blockIdx.x] = sum / static_cast<float>(width);
}

int main() {
  constexpr unsigned kRows = 4, kWidth = 50;
  std::vector<float> x(kRows * kWidth);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i);
  float *device_x = nullptr, *device_y = nullptr;
  cudaMalloc(reinterpret_cast<void**>(&device_x), x.size() * sizeof(float));
  cudaMalloc(reinterpret_cast<void**>(&device_y), kRows * sizeof(float));
  cudaMemcpy(device_x, x.data(), x.size() * sizeof(float), cudaMemcpyHostToDevice);
  backlight::cuda::launch(row_mean, kRows, 32, 0, nullptr, device_x, device_y, kWidth);
  float means[kRows];
  cudaMemcpy(means, device_y, sizeof means, cudaMemcpyDeviceToHost);
  for (const float mean : means) std::printf("%g\n", static_cast<double>(mean));
  cudaFree(device_x);
  cudaFree(device_y);
}
