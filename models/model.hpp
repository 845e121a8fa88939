// A network with its weights: what `explain` and `classify` work with.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "models/model_card.hpp"
#include "models/registry.hpp"
#include "models/scores.hpp"
#include "weights/checkpoint.hpp"

namespace backlight {

struct LoadOptions {
  /// The network's name; empty: recognised from the keys.
  std::string model = {};
  /// Which state dict of a training checkpoint; empty: the only one.
  std::string key = {};
  /// Which network of a file that holds several (CheckpointOptions::prefix).
  std::string prefix = {};
  /// Goes on where the file has tensors that the network does not have and that would compute something.
  bool ignore_unused = false;
  /// Names of classes, preprocessing and scores: as in CardOptions.
  std::filesystem::path labels = {};
  LabelSet label_set = LabelSet::none;
  std::optional<Preprocessing> preprocessing = {};
  std::vector<PreprocessingParts> preprocessing_parts = {};
  std::optional<ScoreFunction> scores = {};
};

struct Model {
  ModelInfo info;  ///< the registry's entry; the preprocessing is the one to use with these weights
  Network network;
  std::vector<std::string> labels;       ///< one per class; a network of one output has two (classes_of)
  std::vector<std::string> wordnet_ids;  ///< one per class, or empty
  LabelsFrom labels_from = LabelsFrom::none;
  PreprocessingOrigins preprocessing_from;  ///< of info.preprocessing
  std::filesystem::path weights;
  std::string weights_sha256;
  /// Tensors of the file that the network does not have, by the names that the file gives them.
  std::vector<std::string> left_out;
  std::vector<std::string> notes;  ///< what a careful user wants to know of the file, a line each
  /// What the file does not say and was taken to be so, a sentence each: it could be otherwise.
  std::vector<std::string> assumptions;
  ScoreFunction scores = ScoreFunction::softmax;
  std::int64_t outputs = 0;  ///< of the network
};

/// Opens a checkpoint of any container, builds the network that its keys are of with the number of classes
/// that its last layer has, and loads one tensor at a time. What the file says of itself (Metadata) holds
/// where the options say nothing else. Throws Error naming the file: bad_input for a damaged one, for tensors
/// that are missing or mis-shaped or of which no network can be built, for a value that is NaN, infinite, or a
/// negative variance, and for metadata that cannot be; unsupported where no known network fits, or where the
/// file has tensors that the network would not use and that compute something; usage where the file holds
/// several networks or states another than its keys tell, and where the options do not fit the network.
Model load_model(const std::filesystem::path& weights, const LoadOptions& options = {});
/// The same for an opened checkpoint, which was opened with the key and the prefix. Of it nothing is needed
/// afterwards.
Model load_model(const Checkpoint& checkpoint, const LoadOptions& options = {});

/// Loads a network that the caller built, by names and shapes, one tensor at a time: by the names that the
/// file has, and only where those do not fit, without a prefix or in torchvision's names. `architecture` is
/// what errors call it. Returns the names of tensors that were left out because they compute nothing; with
/// `ignore_unused` also of those that may. Throws Error naming the file: bad_input for what is missing,
/// mis-shaped or not usable, unsupported for tensors that would compute something and are not used.
std::vector<std::string> load_parameters(const Checkpoint& checkpoint, Network& network,
                                         const std::string& architecture, bool ignore_unused = false);

/// What load_model would make of a file, without reading a value of its tensors.
struct LoadCheck {
  std::string architecture;              ///< the network's name; empty where it would refuse
  std::optional<ModelCard> card;         ///< nothing where it would refuse
  std::vector<std::string> assumptions;  ///< as Model has them; empty where it would refuse
  /// Tensors that compute nothing or lie beside the prefix asked for; they would be left out.
  std::vector<std::string> left_out;
  /// Tensors that the network does not use and that would compute something.
  std::vector<std::string> unexpected;
  /// Why it would refuse; empty where it would not.
  std::string refusal;
  ErrorKind refusal_kind = ErrorKind::bad_input;
};
LoadCheck check_load(const Checkpoint& checkpoint, const LoadOptions& options = {});

}  // namespace backlight
