// A network with its weights: what `explain` and `classify` work with.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "models/registry.hpp"
#include "weights/checkpoint.hpp"

namespace backlight {

struct LoadOptions {
  /// The network's name; empty: recognised from the keys.
  std::string model = {};
  /// Which state dict of a training checkpoint; empty: the only one.
  std::string key = {};
  /// A file of class names; empty: the built-in ones where they fit.
  std::filesystem::path labels = {};
  /// Instead of the registry's, e.g. Preprocessing::caffe().
  std::optional<Preprocessing> preprocessing = {};
};

struct Model {
  ModelInfo info;  ///< the registry's entry; the preprocessing is the one to use with these weights
  Network network;
  std::vector<std::string> labels;  ///< one per class
  std::filesystem::path weights;
  std::string weights_sha256;
  std::vector<std::string> notes;  ///< what a careful user wants to know of the file, a line each
};

/// Opens a checkpoint of any container, builds the network that its keys are of with the number of classes
/// that its last layer has, and loads one tensor at a time. Throws Error naming the file: bad_input for a
/// damaged one, for tensors that are missing or mis-shaped, and for NaN or infinity in a value; unsupported
/// where no known network fits; usage where the keys fit several and no model is named.
Model load_model(const std::filesystem::path& weights, const LoadOptions& options = {});

/// Loads a network that the caller built, by names and shapes, one tensor at a time. `architecture` is what
/// errors call it. Returns what a careful user wants to know. Throws Error(bad_input) naming the file and
/// what is missing, mis-shaped or not finite.
std::vector<std::string> load_parameters(const Checkpoint& checkpoint, const Network& network,
                                         const std::string& architecture);

}  // namespace backlight
