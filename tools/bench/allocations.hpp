// How often this program has asked for memory.
#pragma once

#include <cstddef>

namespace backlight::bench {

/// Calls of operator new so far, of all threads: what containers and objects ask for, tensors not among them.
std::size_t heap_allocations();

}  // namespace backlight::bench
