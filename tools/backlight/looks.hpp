// Which methods look where in a network, for commands that ask for methods by name.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "tools/backlight/explain_picture.hpp"

namespace backlight::tools {

/// Adds to the request the methods asked for at the layers named, or at the preset's, and what a probe needs for them.
/// `fuse`: one look at all layers. Throws Error(usage) for layers that are not there or that cannot be looked at,
/// Error(unsupported) for a network without the head that a method needs.
void choose_looks(Request& request, std::span<const std::string> layers, bool fuse,
                  std::span<const Method* const> methods, const Model& model);

}  // namespace backlight::tools
