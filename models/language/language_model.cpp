#include "models/language/language_model.hpp"

#include <array>
#include <utility>
#include <vector>

#include "models/language/heads.hpp"
#include "models/scenes_net.hpp"
#include "weights/listed.hpp"
#include "weights/load.hpp"

namespace backlight::language {
namespace {

constexpr std::array kTasks{std::pair{LanguageTask::caption, std::string_view("caption")},
                            std::pair{LanguageTask::vqa, std::string_view("vqa")},
                            std::pair{LanguageTask::coattention, std::string_view("coattention")}};
constexpr std::string_view kArchitecture = "backlight language ";
constexpr std::string_view kCnn = "cnn.";
/// To which the picture's vector is normalised: 1, or the root of its size.
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

/// Sizes by the shapes of the file's tensors.
class Shapes {
 public:
  explicit Shapes(const Checkpoint& checkpoint) : checkpoint_(checkpoint) {}

  const StoredTensor* find(const std::string& name) const {
    for (const StoredTensor& tensor : checkpoint_.as_stored())
      if (tensor.name() == name) return &tensor;
    return nullptr;
  }
  /// Throws Error(bad_input) for a tensor that is not there or has no such dimension.
  std::int64_t extent(const std::string& name, std::size_t dimension) const {
    const StoredTensor* tensor = find(name);
    if (!tensor)
      throw Error(ErrorKind::bad_input, checkpoint_.path().string(), ": has no tensor '", name,
                  "', from whose shape a size of the network is read");
    if (tensor->shape().size() <= dimension || tensor->shape()[dimension] < 1)
      throw Error(ErrorKind::bad_input, checkpoint_.path().string(), ": '", name, "' is ",
                  weights::extents_text(tensor->shape()), ", from which no size of the network can be read");
    return tensor->shape()[dimension];
  }
  /// How many of `name(0)`, `name(1)` … there are.
  template <class Name>
  std::int64_t count(Name&& name) const {
    std::int64_t n = 0;
    while (find(name(n))) ++n;
    return n;
  }

 private:
  const Checkpoint& checkpoint_;
};

EncoderSizes encoder_sizes(const Shapes& shapes, std::int64_t channels) {
  EncoderSizes sizes{.channels = channels, .layers = {}};
  const auto layer = [](std::int64_t i) { return text("encoder.layers.", i); };
  sizes.batch_norm = shapes.find(layer(1) + ".running_mean") != nullptr;
  const std::int64_t apart = sizes.batch_norm ? 2 : 1;
  for (std::int64_t i = 0; shapes.find(layer(i) + ".weight"); i += apart)
    sizes.layers.push_back(shapes.extent(layer(i) + ".weight", 0));
  return sizes;
}

Network head_of(LanguageTask task, const Checkpoint& checkpoint, std::int64_t channels) {
  const Shapes shapes(checkpoint);
  const std::int64_t words = shapes.extent("embed.weight", 0);
  if (task == LanguageTask::caption)
    return caption_head({.encoder = encoder_sizes(shapes, channels), .words = words});
  const std::int64_t answers = shapes.extent("out.weight", 0);
  if (task == LanguageTask::vqa) {
    const auto length = checkpoint.metadata().find(kVectorLength);
    return vqa_head({.encoder = encoder_sizes(shapes, channels),
                     .words = words,
                     .answers = answers,
                     .word_size = shapes.extent("embed.weight", 1),
                     .hidden = shapes.extent("lstm.weight_hh_l0", 1),
                     .common = shapes.extent("q.weight", 0),
                     .unit_length = length != checkpoint.metadata().end() && length->second == kOne});
  }
  return coattention_head(
      {.channels = channels,
       .words = words,
       .answers = answers,
       .size = shapes.extent("embed.weight", 1),
       .last = shapes.extent("h3.weight", 0),
       .lstm_layers = shapes.count([](std::int64_t i) { return text("lstm.weight_ih_l", i); }),
       .coordinates = shapes.extent("image.weight", 1) == channels + 2,
       .parallel = shapes.count([](std::int64_t i) { return text("levels.0.w.", i, ".weight"); }) == 3});
}

const std::string& vector_length(const Network& head) {
  for (const Attribute& attribute : head.node(head.find("normalize")).layer->attributes())
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
  const Shapes shapes(checkpoint);
  Network cnn = scenes_features(shapes.extent("cnn.conv1.weight", 0));
  const std::int64_t channels = cnn.shapes({1, 3, 96, 96}).back()[1];
  Network head = head_of(task, checkpoint, channels);
  const VocabularySizes sizes{shapes.extent("embed.weight", 0),
                              task == LanguageTask::caption ? 0 : shapes.extent("out.weight", 0)};
  Vocabulary vocabulary = Vocabulary::from_metadata(checkpoint.path(), checkpoint.metadata(), sizes);
  fill(checkpoint, cnn, head);
  return {.task = task,
          .cnn = std::move(cnn),
          .head = std::move(head),
          .vocabulary = std::move(vocabulary),
          .preprocessing = scenes_preprocessing(),
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
  if (model.task == LanguageTask::vqa) metadata[kVectorLength] = vector_length(model.head);
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
