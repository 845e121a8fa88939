// The one way to launch a CUDA kernel, and to declare shared memory in one. The same kernels are built by
// nvcc for a GPU and, with BACKLIGHT_CUDA_EMULATED, by the host's compiler for the emulator in
// tests/emulator.
//
//   SHARED(float, tile, [8][33]);   float tile[8][33] in shared memory
//   DYN_SMEM(float4, buffer);       float4* buffer, of as many bytes as the launch asks for
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <utility>

#ifdef BACKLIGHT_CUDA_EMULATED
#include <emulated_launch.hpp>
#else
#define SHARED(T, name, dimensions) __shared__ T name dimensions
#define DYN_SMEM(T, name)                                               \
  extern __shared__ __align__(16) unsigned char dynamic_shared_bytes[]; \
  T* name = reinterpret_cast<T*>(dynamic_shared_bytes)
#endif

namespace backlight::cuda {

/// Enqueues `kernel`. The arguments convert to the kernel's parameters and are copied at once.
template <class... P, class... A>
cudaError_t launch(void (*kernel)(P...), dim3 grid, dim3 block, std::size_t shared_bytes, cudaStream_t stream,
                   A&&... arguments) {
#ifdef BACKLIGHT_CUDA_EMULATED
  return emulator::launch_kernel(kernel, grid, block, shared_bytes, stream, std::forward<A>(arguments)...);
#else
  cudaLaunchConfig_t config{};
  config.gridDim = grid;
  config.blockDim = block;
  config.dynamicSmemBytes = shared_bytes;
  config.stream = stream;
  return cudaLaunchKernelEx(&config, kernel, static_cast<P>(std::forward<A>(arguments))...);
#endif
}

}  // namespace backlight::cuda
