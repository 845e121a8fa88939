// A network under attack: pictures before, after, and changed as much by chance, and what the network says of each.
#pragma once

#include <array>
#include <map>
#include <string>
#include <vector>

#include "engine/evaluate/attack.hpp"
#include "engine/explain/probe.hpp"
#include "tools/backlight/common.hpp"
#include "tools/backlight/result_json.hpp"

namespace backlight::tools {

/// Names of the three, in the order in which they are shown.
inline constexpr std::array<std::string_view, 3> kVersions = {"before", "attacked", "random"};
/// Difference pictures are grey where nothing changed, and show it so many times.
inline constexpr int kDifferenceFactor = 16;

/// All are the picture at the network's input, which is what is attacked.
struct AttackedPicture {
  std::array<Image, kVersions.size()> versions;
  int steps = 0;
  double before = 0, probability = 0;  ///< of the false class
  std::int64_t largest_change = 0;     ///< of any sample, in levels
  double changed = 0;                  ///< share of the samples
};

/// What the network says of one picture, and Grad-CAM's raw maps by class.
struct Answer {
  ClassScores scores;
  std::map<std::int64_t, Tensor> maps;
};

/// As the command line has them.
struct AttackSettings {
  AttackOptions options;
  std::uint64_t seed = 1;  ///< of the random change
};

class Attacker {
 public:
  /// Grad-CAM looks at `layer`. Model and context must outlive it.
  Attacker(const Model& model, Context& context, NodeId layer, const DeviceOptions& device,
           AttackSettings settings);

  const Model& model() const { return model_; }
  const AttackSettings& settings() const { return settings_; }
  std::string_view layer() const { return model_.network.node(layer_).name; }

  /// Pictures of one size as the network sees them, by their names, each towards its class. Throws as
  /// backlight::attack.
  std::vector<AttackedPicture> attack(std::span<const Image> seen, std::span<const std::string> names,
                                      std::span<const std::int64_t> towards,
                                      FunctionRef<void(std::size_t done)> done);
  Probe probe(const Image& seen);
  /// Of a probe that was made here.
  Answer answer(Probe& probe, std::span<const std::int64_t> classes) const;
  Answer answer(const Image& seen, std::span<const std::int64_t> classes);

  /// What decides the outcome, for documents.
  Json facts() const;

 private:
  const Model& model_;
  Context& context_;
  NodeId layer_;
  Programs programs_;
  AttackSettings settings_;
};

/// The fit under which a picture of the network's input size comes back as it is: `none` where that was the fit, else
/// `stretch`.
Fit fit_to_read_back(Fit fit);

/// Spearman's correlation of two raw maps at their own resolution; nothing where one of them is constant.
std::optional<double> agreement(const Tensor& a, const Tensor& b);

/// The map over a picture at the network's input.
Image overlay_on_input(const Image& seen, const Tensor& map);

}  // namespace backlight::tools
