// The functions that g++ -fsanitize=thread calls before each access to memory and in place of each atomic, as
// ThreadSanitizer's own runtime defines them (gcc's tsan.def, llvm's tsan_interface.h). Here they count.
#include "counters_tsan.hpp"

#include <cstddef>
#include <cstdint>

using backlight::emulator::Access;
using backlight::emulator::count_access;

#define COUNT(kind, bytes) count_access(__builtin_return_address(0), address, bytes, Access::kind)

#define ACCESS(bytes)                                                      \
  void __tsan_read##bytes(void* address) { COUNT(load, bytes); }           \
  void __tsan_write##bytes(void* address) { COUNT(store, bytes); }         \
  void __tsan_unaligned_read##bytes(void* address) { COUNT(load, bytes); } \
  void __tsan_unaligned_write##bytes(void* address) { COUNT(store, bytes); }

#define FETCH(bits, name)                                                                          \
  std::uint##bits##_t __tsan_atomic##bits##_fetch_##name(volatile std::uint##bits##_t* address,    \
                                                         std::uint##bits##_t value, int) {         \
    count_access(__builtin_return_address(0), const_cast<std::uint##bits##_t*>(address), bits / 8, \
                 Access::atomic);                                                                  \
    return __atomic_fetch_##name(address, value, __ATOMIC_SEQ_CST);                                \
  }

#define EXCHANGE(bits, strength)                                                                             \
  int __tsan_atomic##bits##_compare_exchange_##strength(volatile std::uint##bits##_t* address,               \
                                                        std::uint##bits##_t* expected,                       \
                                                        std::uint##bits##_t value, int, int) {               \
    count_access(__builtin_return_address(0), const_cast<std::uint##bits##_t*>(address), bits / 8,           \
                 Access::atomic);                                                                            \
    return __atomic_compare_exchange_n(address, expected, value, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST); \
  }

// A loop of compare and exchange begins with a load, which is no access of its own on a GPU.
#define ATOMIC(bits)                                                                                        \
  std::uint##bits##_t __tsan_atomic##bits##_load(const volatile std::uint##bits##_t* address, int) {        \
    return __atomic_load_n(address, __ATOMIC_SEQ_CST);                                                      \
  }                                                                                                         \
  void __tsan_atomic##bits##_store(volatile std::uint##bits##_t* address, std::uint##bits##_t value, int) { \
    __atomic_store_n(address, value, __ATOMIC_SEQ_CST);                                                     \
  }                                                                                                         \
  FETCH(bits, add)                                                                                          \
  FETCH(bits, sub)                                                                                          \
  EXCHANGE(bits, strong)                                                                                    \
  EXCHANGE(bits, weak)

extern "C" {

void __tsan_init() {}
void __tsan_func_entry(void*) {}
void __tsan_func_exit() {}
void __tsan_vptr_update(void**, void*) {}
void __tsan_vptr_read(void**) {}

ACCESS(1)
ACCESS(2)
ACCESS(4)
ACCESS(8)
ACCESS(16)
ATOMIC(8)
ATOMIC(32)
ATOMIC(64)

void __tsan_read_range(void* address, std::size_t bytes) { COUNT(load, static_cast<unsigned>(bytes)); }
void __tsan_write_range(void* address, std::size_t bytes) { COUNT(store, static_cast<unsigned>(bytes)); }

}  // extern "C"
