// How the emulated build launches a kernel, and the macros by which kernels declare shared memory. Included
// by kernels/launch.hpp.
#pragma once

#include <cstddef>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "cuda_runtime.h"

#define SHARED(T, name, dimensions)                                                              \
  using name##_type = T dimensions;                                                              \
  static constinit ::backlight::emulator::SharedArray name##_array{#name, {__FILE__, __LINE__}}; \
  name##_type& name =                                                                            \
      *static_cast<name##_type*>(::backlight::emulator::shared_memory(name##_array, sizeof(name##_type)))

#define DYN_SMEM(T, name) T* name = static_cast<T*>(::backlight::emulator::dynamic_shared_memory())

namespace backlight::emulator {

struct PointerArgument {
  std::size_t position;
  const void* address;
  std::size_t alignment;  ///< of what it points to
};

struct Launch {
  const void* kernel;
  dim3 grid, block;
  std::size_t shared_bytes;
  std::vector<PointerArgument> pointers;
  std::shared_ptr<void> call;  ///< the kernel and its arguments, copied when it is launched
  void (*body)(void* call);    ///< what each CUDA thread runs
};
cudaError_t enqueue(Launch launch, cudaStream_t stream);

template <class T>
void collect_pointer(std::vector<PointerArgument>& pointers, std::size_t position, const T& argument) {
  if constexpr (std::is_pointer_v<T>) {
    using Pointee = std::remove_pointer_t<T>;
    std::size_t alignment = 1;
    if constexpr (!std::is_void_v<Pointee>) alignment = alignof(Pointee);
    pointers.push_back({position, argument, alignment});
  }
}

template <class... P, class... A>
cudaError_t launch_kernel(void (*kernel)(P...), dim3 grid, dim3 block, std::size_t shared_bytes,
                          cudaStream_t stream, A&&... arguments) {
  static_assert((std::is_trivially_copyable_v<P> && ...), "kernel arguments are copied byte by byte");
  struct Call {
    void (*kernel)(P...);
    std::tuple<P...> arguments;
  };
  auto call = std::make_shared<Call>(Call{kernel, {static_cast<P>(std::forward<A>(arguments))...}});
  std::vector<PointerArgument> pointers;
  std::size_t position = 0;
  std::apply([&](const P&... argument) { (collect_pointer(pointers, position++, argument), ...); },
             call->arguments);
  return enqueue({reinterpret_cast<const void*>(kernel), grid, block, shared_bytes, std::move(pointers),
                  std::move(call),
                  [](void* p) {
                    const Call& c = *static_cast<const Call*>(p);
                    std::apply(c.kernel, c.arguments);
                  }},
                 stream);
}

}  // namespace backlight::emulator
