// Scenes of the world, drawn by all of a context's threads, as networks take them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/runtime/device.hpp"
#include "models/language/world.hpp"

namespace backlight::language {

std::vector<Scene> render_all(const Context& context, std::uint64_t seed,
                              std::span<const std::uint64_t> indices);

/// N×3×96×96 in the context's memory; the scenes' pictures are moved out.
Tensor input_of(Context& context, std::vector<Scene>& scenes);

}  // namespace backlight::language
