// Predicted limit: a launch; two channels of a small map.
#include "engine/runtime/cuda/enqueue.hpp"
#include "kernels/coordinates/coordinates.hpp"
#include "kernels/reduce.cuh"

namespace backlight::cuda {
namespace {

/// A thread per place of every item.
__global__ void __launch_bounds__(kRowThreads)
    coordinates_kernel(CoordinatesParams p, float* __restrict__ y) {
  const std::int64_t plane = p.height * p.width;
  const std::int64_t index = std::int64_t{blockIdx.x} * kRowThreads + threadIdx.x;
  if (index >= p.batch * plane) return;
  const std::int64_t n = index / plane, k = index - n * plane;
  float* const across = y + (n * (p.channels + 2) + p.channels) * plane;
  across[k] = coordinate<float>(k % p.width, p.width);
  across[plane + k] = coordinate<float>(k / p.width, p.height);
}

}  // namespace

void coordinates(Context& context, const CoordinatesParams& p, float* y) {
  const std::int64_t count = p.batch * p.height * p.width;
  if (count == 0) return;
  CUDA_CHECK(launch(coordinates_kernel, blocks_for(count, kRowThreads, "coordinates"), kRowThreads, 0,
                    stream_of(context), p, y));
}

}  // namespace backlight::cuda
