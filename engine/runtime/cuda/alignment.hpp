// How addresses are aligned, which decides what the libraries' kernels may load at once.
#pragma once

#include <cstdint>

namespace backlight::cuda {

/// Bytes: of the least aligned array, up to the 16 that the widest accesses need. A null pointer limits nothing.
template <class... Pointers>
std::uint32_t common_alignment(const Pointers*... pointers) {
  return ((reinterpret_cast<std::uintptr_t>(pointers) % 16 == 0) && ...) ? 16 : 4;
}

}  // namespace backlight::cuda
