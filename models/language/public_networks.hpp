// Captioners and question answerers of other people, by the keys of their files:
//
// - yunjey's image captioning tutorial: a file of the decoder, and one of the encoder, a ResNet with its last layers;
// - `show_tell` of ImageCaptioning.pytorch, and the ResNet-101 that its features were made with, which has Caffe's
//   strides (torchvision's weights fit by name, but their network is another one);
// - tbmoon's basic_vqa, in one file.
//
// Files like them of other depths and sizes are read, too. Words, and answers, lie in files beside them.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "models/language/language_model.hpp"
#include "models/language/tensor_shapes.hpp"

namespace backlight::language {

/// The files of one network.
struct LanguageFiles {
  std::filesystem::path weights;
  std::filesystem::path cnn = {};         ///< where the CNN is not in the weights
  std::filesystem::path vocabulary = {};  ///< as read_words reads it
  std::filesystem::path answers = {};     ///< as read_labels reads it
};

/// What names and shapes of tensors tell: networks whose parameters have no values yet, and where those are found.
struct PublicNetwork {
  struct Place {
    std::string key;        ///< in the file
    std::string parameter;  ///< of the network
    bool of_head = true, in_cnn_file = false;
  };
  /// Words that are none; an empty one has the id 0.
  struct SpecialWords {
    std::string_view pad = {}, start = {}, end = {}, unknown = {};
  };

  std::string_view name = {};
  LanguageTask task = LanguageTask::caption;
  Network cnn = Network(), head = Network();
  std::string cnn_name = {};
  std::vector<Place> places = {};
  SpecialWords special = {};
  std::int64_t max_length = 0;
  Filter interpolation = Filter::bilinear;
  Fit fit = Fit::stretch;
  bool hidden_before_cell = false;  ///< the columns of "q.weight", layer by layer
};

/// Nothing for tensors of no network that is known here. `cnn`: of the other file; null without one. Throws Error:
/// usage where a file is missing or one too many, bad_input naming the file for tensors that give no size, unsupported
/// for relatives that are known and not built, such as the `fc` model, whose LSTM has five gates.
std::optional<PublicNetwork> recognise_public(const TensorShapes& weights, const TensorShapes* cnn);

/// A network of backlight's own, as load_language_model(path) reads it, or a public one. Throws as both that and
/// recognise_public do; usage for files that an own network does not need or a public one lacks, bad_input for words or
/// answers that are not as many as the network's, or lack a special one.
LanguageModel load_language_model(const LanguageFiles& files);

}  // namespace backlight::language
