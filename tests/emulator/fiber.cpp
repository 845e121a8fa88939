#include "fiber.hpp"

#include <sys/mman.h>

#include <boost/context/detail/fcontext.hpp>
#include <cstdlib>
#include <new>

#ifdef EMULATOR_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#ifdef EMULATOR_TSAN
#include <sanitizer/tsan_interface.h>
#endif

namespace backlight::emulator {

// boost::context::fiber would unwind abandoned stacks with an exception; a deadlocked kernel's stacks are
// simply dropped, so the layer below it is used.
namespace context = boost::context::detail;

struct FiberSwitch {
  static inline Fiber* from = nullptr;
  static inline Fiber* to = nullptr;

  /// First thing to happen on the new stack.
  static void finish() {
#ifdef EMULATOR_ASAN
    __sanitizer_finish_switch_fiber(to->fake_stack_, &from->stack_, &from->stack_bytes_);
#endif
  }
  static void start(context::transfer_t arrival) {
    from->context_ = arrival.fctx;
    finish();
    to->entry_();
    std::abort();
  }
};

Fiber::Fiber() {
#ifdef EMULATOR_TSAN
  tsan_ = __tsan_get_current_fiber();
#endif
}

Fiber::Fiber(std::size_t stack_bytes, unsigned colour, void (*entry)()) : entry_(entry) {
  constexpr std::size_t kPage = 4096, kCacheLine = 64, kColours = 61;
  map_bytes_ = stack_bytes + kPage;
  void* map =
      mmap(nullptr, map_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (map == MAP_FAILED) throw std::bad_alloc();
  map_ = static_cast<unsigned char*>(map);
  mprotect(map_, kPage, PROT_NONE);
  unsigned char* stack = map_ + kPage;
  stack_ = stack;
  stack_bytes_ = stack_bytes - colour % kColours * kCacheLine;
#ifdef EMULATOR_ASAN
  __asan_unpoison_memory_region(stack, stack_bytes);
#endif
#ifdef EMULATOR_TSAN
  tsan_ = __tsan_create_fiber(0);
#endif
  context_ = context::make_fcontext(stack + stack_bytes_, stack_bytes_, &FiberSwitch::start);
}

Fiber::~Fiber() {
  if (!map_) return;
#ifdef EMULATOR_ASAN
  __asan_unpoison_memory_region(stack_, stack_bytes_);
#endif
#ifdef EMULATOR_TSAN
  __tsan_destroy_fiber(tsan_);
#endif
  munmap(map_, map_bytes_);
}

void Fiber::resume_from(Fiber& from) {
  FiberSwitch::from = &from;
  FiberSwitch::to = this;
#ifdef EMULATOR_ASAN
  __sanitizer_start_switch_fiber(&from.fake_stack_, stack_, stack_bytes_);
#endif
#ifdef EMULATOR_TSAN
  // A switch is no synchronisation, or no race between two CUDA threads would ever show.
  __tsan_switch_to_fiber(tsan_, __tsan_switch_to_fiber_no_sync);
#endif
  const context::transfer_t arrival = context::jump_fcontext(context_, nullptr);
  FiberSwitch::from->context_ = arrival.fctx;
  FiberSwitch::finish();
}

}  // namespace backlight::emulator
