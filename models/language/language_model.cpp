#include "models/language/language_model.hpp"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "models/language/heads.hpp"
#include "models/language/tensor_shapes.hpp"
#include "weights/load.hpp"
#include "weights/numbers.hpp"
#include "weights/pickle.hpp"

namespace backlight::language {
namespace {

constexpr std::array kTasks{std::pair{LanguageTask::caption, std::string_view("caption")},
                            std::pair{LanguageTask::vqa, std::string_view("vqa")},
                            std::pair{LanguageTask::coattention, std::string_view("coattention")}};
constexpr std::string_view kArchitecture = "backlight language ";
constexpr std::string_view kCnn = "cnn.";
/// To which the picture's vector is normalised: 1, or the root of its size.
const std::string kCnnName = "cnn", kInputSize = "input_size";
constexpr int kLargestInput = 4096;
const std::string kVectorLength = "vector_length", kOne = "1", kRoot = "root of its size";

LanguageTask task_of(const Checkpoint& checkpoint) {
  const auto& metadata = checkpoint.metadata();
  const auto said = metadata.find("architecture");
  if (said != metadata.end())
    for (const auto& [task, name] : kTasks)
      if (said->second == text(kArchitecture, name)) return task;
  throw Error(ErrorKind::unsupported, checkpoint.path().string(),
              ": is no captioner or question answerer of backlight's: its metadata names ",
              said == metadata.end() ? "no architecture" : "'" + said->second + "'",
              "; `backlight explain` takes image networks");
}

TensorShapes shapes_of(const Checkpoint& checkpoint) {
  return {checkpoint.as_stored(), checkpoint.path().string()};
}

/// What a file says of its CNN, and the shape of its map.
struct Seeing {
  std::string name = std::string(kScenesCnn);
  Cnn cnn = {};
  std::int64_t channels = 0, side = 0;
};

/// Those of `cnn.conv1`, `cnn.conv2` …, each of which reads the one before.
std::vector<std::int64_t> widths_of(const TensorShapes& shapes) {
  std::vector<std::int64_t> widths;
  for (std::int64_t channels = 3;; channels = widths.back()) {
    const StoredTensor* const tensor = shapes.find(text("cnn.conv", widths.size() + 1, ".weight"));
    if (!tensor || tensor->shape().size() != 4 || tensor->shape()[1] != channels) return widths;
    widths.push_back(tensor->shape()[0]);
  }
}

Seeing seeing_of(const Checkpoint& checkpoint, const TensorShapes& shapes) {
  const auto& metadata = checkpoint.metadata();
  const auto said = metadata.find(kCnnName), sized = metadata.find(kInputSize);
  Seeing seeing;
  if (said != metadata.end()) seeing.name = said->second;
  try {
    seeing.cnn = make_cnn(seeing.name, widths_of(shapes));
  } catch (const Error& error) {
    throw Error(ErrorKind::unsupported, checkpoint.path().string(), ": ", error.what());
  }
  int& size = seeing.cnn.preprocessing.input_size;
  if (sized != metadata.end()) {
    const auto number = weights::number_in<int>(sized->second);
    if (!number || *number < 1 || *number > kLargestInput)
      throw Error(ErrorKind::bad_input, checkpoint.path().string(), ": metadata '", kInputSize, "' is ",
                  weights::printable(sized->second), ", expected 1 to ", kLargestInput);
    size = seeing.cnn.preprocessing.resize_size = *number;
  }
  const Shape map = seeing.cnn.network.shapes({1, 3, size, size}).back();
  seeing.channels = map[1], seeing.side = map[3];
  return seeing;
}

EncoderSizes encoder_sizes(const TensorShapes& shapes, const Seeing& seeing) {
  EncoderSizes sizes{.channels = seeing.channels, .pool = seeing.cnn.pools, .layers = {}};
  const auto layer = [](std::int64_t i) { return text("encoder.layers.", i); };
  const std::int64_t cells = shapes.extent(layer(0) + ".weight", 1) / seeing.channels;
  if (cells == 1)
    sizes.grids = {1};
  else if (cells != 1 + 4 * 4)
    sizes.grids = {}, sizes.map_side = seeing.side;
  sizes.batch_norm = shapes.find(layer(1) + ".running_mean") != nullptr;
  const std::int64_t apart = sizes.batch_norm ? 2 : 1;
  for (std::int64_t i = 0; shapes.find(layer(i) + ".weight"); i += apart)
    sizes.layers.push_back(shapes.extent(layer(i) + ".weight", 0));
  return sizes;
}

Network head_of(LanguageTask task, const Checkpoint& checkpoint, const Seeing& seeing, std::int64_t longest) {
  const TensorShapes shapes = shapes_of(checkpoint);
  const std::int64_t words = shapes.extent("embed.weight", 0);
  if (task == LanguageTask::caption)
    return caption_head({.encoder = encoder_sizes(shapes, seeing), .words = words});
  const std::int64_t answers = shapes.extent("out.weight", 0);
  if (shapes.find("joint.weight")) {
    if (shapes.extent("embed.weight", 1) != words)
      throw Error(ErrorKind::bad_input, checkpoint.path().string(), ": 'embed.weight' of a bag of ", words,
                  " words has rows of ", shapes.extent("embed.weight", 1));
    return bag_head({.channels = seeing.channels,
                     .map_side = seeing.side,
                     .words = words,
                     .answers = answers,
                     .longest = longest,
                     .size = shapes.extent("image.weight", 0),
                     .layers = shapes.count([](std::int64_t i) { return text("question.", i, ".weight"); })});
  }
  if (task == LanguageTask::vqa) {
    const auto length = checkpoint.metadata().find(kVectorLength);
    return vqa_head({.encoder = encoder_sizes(shapes, seeing),
                     .words = words,
                     .answers = answers,
                     .word_size = shapes.extent("embed.weight", 1),
                     .hidden = shapes.extent("lstm.weight_hh_l0", 1),
                     .common = shapes.extent("q.weight", 0),
                     .unit_length = length != checkpoint.metadata().end() && length->second == kOne});
  }
  return coattention_head(
      {.channels = seeing.channels,
       .pool = seeing.cnn.pools,
       .words = words,
       .answers = answers,
       .size = shapes.extent("embed.weight", 1),
       .last = shapes.extent("h3.weight", 0),
       .lstm_layers = shapes.count([](std::int64_t i) { return text("lstm.weight_ih_l", i); }),
       .coordinates = shapes.extent("image.weight", 1) == seeing.channels + 2,
       .parallel = shapes.count([](std::int64_t i) { return text("levels.0.w.", i, ".weight"); }) == 3});
}

/// Empty of a head that does not normalise.
std::string vector_length(const Network& head) {
  const auto node = std::ranges::find(head.nodes(), "normalize", &Node::name);
  if (node == head.nodes().end()) return {};
  for (const Attribute& attribute : node->layer->attributes())
    if (attribute.name == "scale" && std::get<double>(attribute.value) == 1) return kOne;
  return kRoot;
}

struct Expected {
  std::vector<ExpectedTensor> tensors;
  std::vector<Tensor*> places;
};

void expect(Network& network, std::string_view prefix, Expected& all) {
  for (const NamedParameter& p : network.parameters()) {
    all.tensors.push_back({text(prefix, p.name), p.tensor->shape()});
    all.places.push_back(p.tensor);
  }
}

void fill(const Checkpoint& checkpoint, Network& cnn, Network& head) {
  Expected expected;
  expect(cnn, kCnn, expected);
  expect(head, "", expected);
  const MatchReport report = match(expected.tensors, checkpoint.as_stored());
  if (!report.complete())
    throw Error(ErrorKind::bad_input, checkpoint.path().string(), ": ", report.describe());
  if (!report.unexpected.empty())
    throw Error(ErrorKind::unsupported, checkpoint.path().string(), ": ",
                report.describe_unexpected(expected.tensors));
  for (const MatchReport::Matched& m : report.matched)
    *expected.places[m.index] = read_parameter(checkpoint, m.tensor);
}

}  // namespace

std::string_view name_of(LanguageTask task) {
  for (const auto& [known, name] : kTasks)
    if (known == task) return name;
  throw Error(ErrorKind::internal, "no such task");
}

bool is_language_model(const Checkpoint& checkpoint) {
  const auto said = checkpoint.metadata().find("architecture");
  return said != checkpoint.metadata().end() && said->second.starts_with(kArchitecture);
}

LanguageModel load_language_model(const Checkpoint& checkpoint) {
  const LanguageTask task = task_of(checkpoint);
  const TensorShapes shapes = shapes_of(checkpoint);
  Seeing seeing = seeing_of(checkpoint, shapes);
  const VocabularySizes sizes{shapes.extent("embed.weight", 0),
                              task == LanguageTask::caption ? 0 : shapes.extent("out.weight", 0)};
  Vocabulary vocabulary = Vocabulary::from_metadata(checkpoint.path(), checkpoint.metadata(), sizes);
  Network head = head_of(task, checkpoint, seeing, vocabulary.max_length());
  fill(checkpoint, seeing.cnn.network, head);
  return {.task = task,
          .cnn = std::move(seeing.cnn.network),
          .head = std::move(head),
          .vocabulary = std::move(vocabulary),
          .preprocessing = seeing.cnn.preprocessing,
          .cnn_name = std::move(seeing.name),
          .weights = checkpoint.path(),
          .weights_sha256 = checkpoint.sha256(),
          .metadata = checkpoint.metadata()};
}

LanguageModel load_language_model(const std::filesystem::path& path) {
  return load_language_model(Checkpoint::open(path));
}

void write_language_model(const std::filesystem::path& path, const LanguageModel& model,
                          const SafetensorsOptions& options) {
  std::map<std::string, std::string> metadata = model.metadata;
  metadata["architecture"] = text(kArchitecture, name_of(model.task));
  metadata[kCnnName] = model.cnn_name;
  metadata[kInputSize] = std::to_string(model.preprocessing.input_size);
  if (std::string length = vector_length(model.head); !length.empty())
    metadata[kVectorLength] = std::move(length);
  for (auto& [key, value] : model.vocabulary.metadata()) metadata[key] = value;
  std::vector<Tensor> values;
  std::vector<std::string> names;
  for (const auto& [network, prefix] :
       {std::pair{&model.cnn, kCnn}, std::pair{&model.head, std::string_view()}})
    for (const ConstNamedParameter& p : network->parameters()) {
      names.push_back(text(prefix, p.name));
      values.push_back(p.tensor->to_host());
    }
  std::vector<TensorToWrite> tensors;
  for (std::size_t i = 0; i < values.size(); ++i) tensors.push_back({names[i], &values[i]});
  write_safetensors(path, tensors, metadata, options);
}

}  // namespace backlight::language
