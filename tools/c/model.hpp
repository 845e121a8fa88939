// What the handles of backlight.h hold, and its pictures.
#pragma once

#include <memory>
#include <string>

#include "engine/run/programs.hpp"
#include "models/pictures.hpp"
#include "tools/c/backlight.h"

/// Read by any number of threads.
struct bl_model {
  backlight::Model model;
  int threads;
  backlight::cpu::Isa isa;
  std::string assumptions;
  /// Shared by the threads that share the model.
  mutable backlight::Programs programs{model.network, backlight::Optimisations::exact()};
};

namespace backlight::c {

/// A copy of the caller's pixels. Throws Error(usage) for an image that is none.
Image image_of(const bl_image* image, Alpha alpha);
/// Throws Error(usage) for a value that is no bl_fit.
Fit fit_of(std::int32_t fit);
/// Samples of a pixel; throws Error(usage) for a value that is no bl_format.
std::size_t samples_of(std::int32_t format);
/// Writes height rows of width pixels, `stride` bytes apart (0: without gaps), to `capacity` bytes. Throws
/// Error(usage) where they do not fit, and for BL_GREY.
void write_pixels(const Image& image, std::int32_t format, std::uint8_t* out, std::size_t stride,
                  std::size_t capacity);

}  // namespace backlight::c
