// Between C++ and C: exceptions become statuses, structs are as large as the caller knows them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <type_traits>

#include "engine/core/error.hpp"
#include "tools/c/backlight.h"

namespace backlight::c {

/// The status of the exception that is being handled, whose message becomes this thread's.
bl_status caught() noexcept;
/// This thread's message is that of no error.
void forget_message() noexcept;

/// What every function that can fail is made of: does `work`, and throws nothing.
template <class Work>
bl_status guarded(const Work& work) noexcept {
  try {
    forget_message();
    work();
    return BL_OK;
  } catch (...) {
    return caught();
  }
}

/// Throws Error(usage) unless the argument `name` points somewhere.
void require(const void* argument, const char* name);

/// Throws Error(usage) for a size that no version of the struct has, which is `known` bytes here.
void require_struct_size(std::size_t size, std::size_t known, const char* name);
/// Throws Error(unsupported) where a newer caller's struct asks for something that is not known here.
void require_zeros(const unsigned char* begin, std::size_t count, const char* name);

/// A struct of the caller's; what a caller with an older header does not know is zero.
template <class T>
T taken(const T* from, const char* name) {
  static_assert(std::is_trivially_copyable_v<T> && offsetof(T, struct_size) == 0);
  require(from, name);
  std::size_t size = 0;
  std::memcpy(&size, from, sizeof size);
  require_struct_size(size, sizeof(T), name);
  if (size > sizeof(T))
    require_zeros(reinterpret_cast<const unsigned char*>(from) + sizeof(T), size - sizeof(T), name);
  T result{};
  std::memcpy(&result, from, std::min(size, sizeof(T)));
  return result;
}

/// Fills a struct of the caller's with as much of `value` as it knows, and zeros beyond.
template <class T>
void give(T value, T* to, const char* name) {
  require(to, name);
  std::memcpy(&value.struct_size, to, sizeof value.struct_size);
  require_struct_size(value.struct_size, sizeof(T), name);
  const std::size_t size = value.struct_size;
  std::memcpy(to, &value, std::min(size, sizeof(T)));
  if (size > sizeof(T)) std::memset(reinterpret_cast<unsigned char*>(to) + sizeof(T), 0, size - sizeof(T));
}

}  // namespace backlight::c
