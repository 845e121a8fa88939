// A captioner or question answerer in one file: the CNN, its head, and the words that they know.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

#include "engine/graph/network.hpp"
#include "kernels/preprocess/preprocess.hpp"
#include "models/language/cnns.hpp"
#include "models/language/vocabulary.hpp"
#include "models/scenes_net.hpp"
#include "weights/checkpoint.hpp"
#include "weights/safetensors.hpp"

namespace backlight::language {

enum class LanguageTask : std::uint8_t { caption, vqa, coattention };
/// "caption", "vqa", "coattention".
std::string_view name_of(LanguageTask task);

struct LanguageModel {
  LanguageTask task = LanguageTask::caption;
  Network cnn;   ///< picture → map: the network of make_cnn(cnn_name)
  Network head;  ///< map and tokens → scores
  Vocabulary vocabulary;
  /// The CNN's, at the size that the head was trained on.
  Preprocessing preprocessing = scenes_preprocessing();
  /// How it saw pictures in training; `none` for a head that reads maps of any size.
  Fit fit = Fit::crop;
  std::string cnn_name = std::string(kScenesCnn);
  std::filesystem::path weights = {};
  std::string weights_sha256 = {};
  std::filesystem::path cnn_weights = {};  ///< empty where the weights hold the CNN, too
  std::string cnn_weights_sha256 = {};
  std::map<std::string, std::string> metadata = {};  ///< all that the file says of itself
};

/// Whether a file says that it is one.
bool is_language_model(const Checkpoint& checkpoint);

/// Reads what write_language_model wrote. Sizes are those of the tensors: the CNN's have names beginning with `cnn.`, the
/// head's those of its parameters. The file's `cnn` is its name, without which it is `backlight_scenes`, and its
/// `input_size` the side of the pictures, without which it is the CNN's own. Throws Error naming the file: unsupported
/// for one that is of no such model (an image network's, for instance), of another CNN, or has tensors that neither
/// network has, bad_input for tensors that are missing, of another shape, or not finite, and for a vocabulary or a size
/// that does not fit them.
LanguageModel load_language_model(const std::filesystem::path& path);
LanguageModel load_language_model(const Checkpoint& checkpoint);

/// `metadata` is written beside what the reader needs: task, vocabulary, the CNN and its input's size, and how the head
/// scales the picture's vector. Throws as write_safetensors does.
void write_language_model(const std::filesystem::path& path, const LanguageModel& model,
                          const SafetensorsOptions& options = {});

}  // namespace backlight::language
