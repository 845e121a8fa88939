// Whether the process runs under AddressSanitizer or ThreadSanitizer: asked of the process, since the tests' object files
// are compiled once and linked with more than one build of the library.
#pragma once

extern "C" {
[[gnu::weak]] void __asan_init();
[[gnu::weak]] void __tsan_init();
}

namespace backlight::test {

/// Both reserve more address space than any limit that a test sets, and keep freed blocks for a while.
inline bool sanitized() { return __asan_init != nullptr || __tsan_init != nullptr; }

}  // namespace backlight::test
