// Options of explain that say what of a class a map shows, and how it is made.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tools/backlight/explain_picture.hpp"

namespace CLI {
class App;
}

namespace backlight::tools {

struct MapOptions {
  std::vector<std::string> against;
  std::optional<std::string> target, channels, smooth, baseline, rule;
  std::optional<int> samples, steps, path, window, stride, masks, grid;
  std::optional<double> noise, keep;
  std::optional<std::uint64_t> seed;
  bool counterfactual = false, eigen_smooth = false;
};

void add_map_options(CLI::App& command, MapOptions& options);

/// The question of every picture but for its class and layer, as far as it needs no network, and what names of results
/// hold of it. Throws Error(usage) for what has no meaning.
void parse_map_options(const MapOptions& options, Request& request);

/// The rest, and the members of the document that say all of it. Throws Error(usage) for a class that is not there, and
/// what reading a picture throws.
Json ask_map_options(const MapOptions& options, const Model& model, Request& request, Console& console);

}  // namespace backlight::tools
