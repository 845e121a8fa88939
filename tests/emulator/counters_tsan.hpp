// What the callbacks of counters_tsan.cpp report.
#pragma once

#include <cstdint>

namespace backlight::emulator {

enum class Access : std::uint8_t { load, store, atomic };

/// `site` is the address of the machine instruction. Does nothing where nothing is counted.
void count_access(const void* site, const void* address, unsigned bytes, Access kind);

}  // namespace backlight::emulator
