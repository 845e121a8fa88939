// DejaVu Sans, embedded in the program so that pictures with text need nothing at run time.
#pragma once

#include <cstdint>
#include <span>

namespace backlight {

std::span<const std::uint8_t> dejavu_sans();
std::span<const std::uint8_t> dejavu_sans_bold();

}  // namespace backlight
