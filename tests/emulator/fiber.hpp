// One stackful fiber. AddressSanitizer and ThreadSanitizer are told of every switch.
#pragma once

#include <cstddef>

#if defined(__SANITIZE_ADDRESS__)
#define EMULATOR_ASAN 1
#endif

namespace backlight::emulator {

/// The stack is mapped on construction and has a guard page below it. A fiber is never destroyed by running
/// to its end: `entry` must not return.
class Fiber {
 public:
  /// Stands for the calling thread's own stack: something to switch away from and back to.
  Fiber();
  /// `colour` shifts the stack's top: stacks that start at one page offset fight for the same cache sets.
  Fiber(std::size_t stack_bytes, unsigned colour, void (*entry)());
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  /// Leaves `from`, the running fiber, for this one; returns when somebody switches back to `from`.
  void resume_from(Fiber& from);

 private:
  friend struct FiberSwitch;
  unsigned char* map_ = nullptr;
  std::size_t map_bytes_ = 0;
  const void* stack_ = nullptr;
  std::size_t stack_bytes_ = 0;
  void* context_ = nullptr;
  void* fake_stack_ = nullptr;  // AddressSanitizer's
  void* tsan_ = nullptr;        // ThreadSanitizer's
  void (*entry_)() = nullptr;
};

}  // namespace backlight::emulator
