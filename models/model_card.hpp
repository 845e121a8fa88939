// A model card: what goes with a network's weights, the names of its classes and how pictures are prepared.
// It is put together from what is known of the architecture, of the published file, what the file says of
// itself, and the caller.
//
// A safetensors file speaks in its `__metadata__`, under keys that begin with `backlight.`: `architecture`,
// `labels` (JSON as parse_labels takes it), `scores` (`softmax`, `sigmoid`), and the parts of
// PreprocessingParts. Nothing there is trusted.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/labels/labels.hpp"
#include "models/preprocessing_parts.hpp"
#include "models/registry.hpp"
#include "models/scores.hpp"
#include "weights/published.hpp"

namespace backlight {

/// Who says how the classes are called.
enum class LabelsFrom : std::uint8_t {
  option,     ///< the caller
  metadata,   ///< the file of weights
  published,  ///< the published file that has this content is known
  assumed,    ///< nobody: there are as many classes as built-in names that networks of this kind often have
  none,       ///< nobody, and no built-in names fit: `class 0`, `class 1` …
};
/// "option", "metadata", "published", "assumed", "none".
std::string_view name_of(LabelsFrom from);

/// What a caller says of a file of weights.
struct CardOptions {
  /// A file of class names (read_labels), or `label_set`; empty and none: what else is known.
  std::filesystem::path labels = {};
  LabelSet label_set = LabelSet::none;
  /// Instead of the registry's and the file's, e.g. Preprocessing::caffe().
  std::optional<Preprocessing> preprocessing = {};
  /// Single parts that replace what is known so far, one after the other.
  std::vector<PreprocessingParts> parts = {};
  /// How scores become probabilities; empty: what the file says, else softmax, and sigmoid for one output.
  std::optional<ScoreFunction> scores = {};
};

struct ModelCard {
  ClassNames labels;
  LabelsFrom labels_from = LabelsFrom::none;
  Preprocessing preprocessing;
  PreprocessingOrigins origins;
  ScoreFunction scores = ScoreFunction::softmax;
  bool scores_said = false;  ///< by the caller or the file
};

/// What a file says of itself.
class Metadata {
 public:
  /// `values` must outlive this.
  Metadata(const std::filesystem::path& file, const std::map<std::string, std::string>& values);

  /// A name of the registry, or empty; other programs' `architecture` counts where it is one. Throws
  /// Error(unsupported) for `backlight.architecture` of another name.
  std::string architecture() const;
  /// Throws Error(bad_input) naming file and key, also for another number of names than classes.
  std::optional<ClassNames> labels(std::int64_t outputs) const;
  /// These throw Error(bad_input) naming file and key.
  std::optional<ScoreFunction> scores() const;
  PreprocessingParts preprocessing() const;
  /// Throws Error(unsupported) naming file and key where a key of ours is not known here: what it says would
  /// be missing.
  void require_known() const;
  const std::string& file() const { return file_; }
  /// Whether a key is one of these, known or not.
  static bool is_own(std::string_view key) { return key.starts_with("backlight."); }

 private:
  const std::string* find(const std::string& key) const;

  std::string file_;
  const std::map<std::string, std::string>& values_;
};

/// The caller's word counts more than the file's, and the file's more than what is known of `published` (null
/// where the content is of no published file). Throws Error naming file and key or option: what Metadata
/// throws, a label set of another size, the softmax of one output, and sizes of which the crop is larger than
/// the resized picture.
ModelCard make_card(const ModelInfo& info, std::int64_t outputs, const Metadata& metadata,
                    const PublishedWeights* published, const CardOptions& options);

/// The keys and values that make a file say this of itself: whatever is not the architecture's own default or
/// assumed.
std::map<std::string, std::string> metadata_of(const std::string& architecture, const ModelCard& card);

}  // namespace backlight
