#include "models/language/public_networks.hpp"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <utility>

#include "models/labels/label_file.hpp"
#include "models/language/heads.hpp"
#include "models/registry.hpp"
#include "models/resnet.hpp"
#include "models/vgg.hpp"
#include "weights/load.hpp"
#include "weights/prefix.hpp"

namespace backlight::language {
namespace {

constexpr std::string_view kTutorial = "yunjey's image captioning tutorial",
                           kShowTell = "show_tell of ImageCaptioning.pytorch",
                           kBasicVqa = "tbmoon's basic_vqa";

/// What modules are called here, and in a file.
using ModuleNames = std::vector<std::pair<std::string, std::string>>;

/// Adds where the network's parameters are found: those below a module that is named.
void add_places(PublicNetwork& to, const ModuleNames& names, bool of_head, bool in_cnn_file) {
  for (const ConstNamedParameter& p : std::as_const(of_head ? to.head : to.cnn).parameters())
    for (const auto& [ours, theirs] : names)
      if (p.name.starts_with(ours)) {
        to.places.push_back({theirs + p.name.substr(ours.size()), p.name, of_head, in_cnn_file});
        break;
      }
}

/// A ResNet of the blocks that the file has; `path(stage)` is where those of stages 1 to 4 lie.
template <class Path>
void add_resnet(PublicNetwork& to, const TensorShapes& file, Path&& path, ResNetStrides strides) {
  std::array<int, 4> blocks{};
  for (std::size_t stage = 0; stage < blocks.size(); ++stage)
    blocks[stage] = static_cast<int>(
        file.count([&](std::int64_t i) { return text(path(stage + 1), i, ".conv1.weight"); }));
  const bool bottleneck = file.find(text(path(1), "0.conv3.weight")) != nullptr;
  const auto* const design = std::ranges::find_if(kResNetDesigns, [&](const ResNetDesign& each) {
    return each.blocks == blocks && each.bottleneck == bottleneck;
  });
  if (design == kResNetDesigns.end())
    throw Error(ErrorKind::bad_input, file.where(), ": has no ResNet at ", path(1), " to ", path(4),
                ", whose stages have ", blocks[0], ", ", blocks[1], ", ", blocks[2], " and ", blocks[3],
                " blocks");
  to.cnn_name = design->name;
  to.cnn = resnet_features(*design, describe(design->name, 1), strides);
}

std::int64_t map_channels(const PublicNetwork& of) { return of.cnn.shapes({1, 3, 224, 224}).back()[1]; }

/// Of "lstm.weight_ih_l0", "lstm.weight_ih_l1" … in the file's names.
std::int64_t lstm_layers(const TensorShapes& file, std::string_view lstm) {
  return file.count([&](std::int64_t i) { return text(lstm, "weight_ih_l", i); });
}

PublicNetwork tutorial(const TensorShapes& decoder, const TensorShapes* encoder) {
  if (!encoder)
    throw Error(ErrorKind::usage, decoder.where(), ": is the decoder of ", kTutorial,
                "; name its encoder's file with --cnn");
  const auto stage_path = [](std::size_t stage) { return text("resnet.", stage + 3, "."); };
  PublicNetwork all{.name = kTutorial,
                    .special = {"<pad>", "<start>", "<end>", "<unk>"},
                    .max_length = 20,
                    .interpolation = Filter::lanczos};
  add_resnet(all, *encoder, stage_path, ResNetStrides::torchvision);
  all.head = show_and_tell_head({.channels = map_channels(all),
                                 .words = decoder.extent("embed.weight", 0),
                                 .word_size = decoder.extent("embed.weight", 1),
                                 .hidden = decoder.extent("lstm.weight_hh_l0", 1),
                                 .layers = lstm_layers(decoder, "lstm.")});
  ModuleNames cnn{{"conv1.", "resnet.0."}, {"bn1.", "resnet.1."}};
  for (std::size_t stage = 1; stage <= 4; ++stage)
    cnn.emplace_back(text("layer", stage, "."), stage_path(stage));
  add_places(all, cnn, false, true);
  add_places(all, {{"image.bn.", "bn."}, {"image.", "linear."}}, true, true);
  add_places(all, {{"embed.", "embed."}, {"lstm.", "lstm."}, {"logit.", "linear."}}, true, false);
  return all;
}

PublicNetwork show_tell(const TensorShapes& file, const TensorShapes* cnn) {
  const std::int64_t hidden = file.extent("core.weight_hh_l0", 1);
  if (const std::int64_t rows = file.extent("core.weight_hh_l0", 0); rows != 4 * hidden)
    throw Error(ErrorKind::unsupported, file.where(), ": is ", kShowTell, ", but its recurrent layer has ",
                rows / hidden, " gates of ", hidden, ", expected an LSTM's 4; take one of rnn_type LSTM");
  if (!cnn)
    throw Error(ErrorKind::usage, file.where(), ": is ", kShowTell,
                ", which has no CNN; name the file of the ResNet that its features were made with "
                "(resnet101.pth) with --cnn");
  PublicNetwork all{.name = kShowTell, .special = {"", "", "", "UNK"}, .max_length = 17, .fit = Fit::none};
  const auto stage_path = [](std::size_t stage) { return text("layer", stage, "."); };
  add_resnet(all, *cnn, stage_path, ResNetStrides::caffe);
  all.head = show_and_tell_head({.channels = map_channels(all),
                                 .words = file.extent("embed.weight", 0),
                                 .word_size = file.extent("embed.weight", 1),
                                 .hidden = hidden,
                                 .layers = lstm_layers(file, "core."),
                                 .lstm_bias = file.find("core.bias_ih_l0") != nullptr,
                                 .batch_norm = false});
  add_places(all, {{"", ""}}, false, true);
  add_places(all, {{"image.", "img_embed."}, {"lstm.", "core."}, {"", ""}}, true, false);
  return all;
}

PublicNetwork basic_vqa(const TensorShapes& file, const TensorShapes* cnn) {
  if (cnn)
    throw Error(ErrorKind::usage, file.where(), ": is ", kBasicVqa,
                ", which holds its CNN itself; leave --cnn out");
  const std::string features = "img_encoder.model.features.", image = "img_encoder.model.classifier.";
  int convolutions = 0;
  for (const StoredTensor& tensor : file.tensors())
    convolutions += tensor.name().starts_with(features) && tensor.shape().size() == 4 ? 1 : 0;
  const int depth = convolutions + 3;
  if (depth != 11 && depth != 13 && depth != 16 && depth != 19)
    throw Error(ErrorKind::bad_input, file.where(), ": has ", convolutions, " convolutions at ", features,
                ", expected a VGG's 8, 10, 13 or 16");
  const bool batch_norm = file.find(features + "1.running_mean") != nullptr;
  PublicNetwork all{.name = kBasicVqa,
                    .task = LanguageTask::vqa,
                    .special = {"<pad>", "<pad>", "<pad>", "<unk>"},
                    .max_length = 30,
                    .interpolation = Filter::lanczos,
                    .hidden_before_cell = true};
  all.cnn_name = text("vgg", depth, batch_norm ? "_bn" : "");
  all.cnn = vgg_features(depth, batch_norm, describe(all.cnn_name, 1));
  all.head = basic_vqa_head({.image = {file.extent(image + "0.weight", 0), file.extent(image + "3.weight", 0),
                                       file.extent("img_encoder.fc.weight", 0)},
                             .words = file.extent("qst_encoder.word2vec.weight", 0),
                             .answers = file.extent("fc2.weight", 0),
                             .word_size = file.extent("qst_encoder.word2vec.weight", 1),
                             .hidden = file.extent("qst_encoder.lstm.weight_hh_l0", 1),
                             .layers = lstm_layers(file, "qst_encoder.lstm.")});
  add_places(all, {{"", "img_encoder.model."}}, false, false);
  add_places(all,
             {{"image.0.", image + "0."},
              {"image.1.", image + "3."},
              {"image.2.", "img_encoder.fc."},
              {"embed.", "qst_encoder.word2vec."},
              {"lstm.", "qst_encoder.lstm."},
              {"q.", "qst_encoder.fc."},
              {"joint.", "fc1."},
              {"out.", "fc2."}},
             true, false);
  return all;
}

/// Tensors by the file's own names, but for the wrapper of DataParallel.
TensorShapes public_shapes(const Checkpoint& checkpoint) {
  constexpr std::string_view kWrapper = "module.";
  std::vector<StoredTensor> tensors = checkpoint.as_stored();
  if (covers(kWrapper, tensors)) tensors = without_prefix(tensors, kWrapper);
  return {std::move(tensors), checkpoint.path().string()};
}

/// [h₁ c₁ h₂ c₂ …] of every row to [c₁ h₁ c₂ h₂ …].
void put_cells_first(Tensor& weight, std::int64_t hidden) {
  const std::span<float> values = weight.values();
  for (std::size_t at = 0, half = static_cast<std::size_t>(hidden); at < values.size(); at += 2 * half)
    std::ranges::swap_ranges(values.subspan(at, half), values.subspan(at + half, half));
}

void fill_public(PublicNetwork& network, const Checkpoint& checkpoint, const TensorShapes& file,
                 bool cnn_file) {
  std::unordered_map<std::string, Tensor*> cnn, head;
  for (const NamedParameter& p : network.cnn.parameters()) cnn.emplace(p.name, p.tensor);
  for (const NamedParameter& p : network.head.parameters()) head.emplace(p.name, p.tensor);
  std::vector<ExpectedTensor> expected;
  std::vector<Tensor*> values;
  for (const PublicNetwork::Place& place : network.places) {
    if (place.in_cnn_file != cnn_file) continue;
    values.push_back((place.of_head ? head : cnn).at(place.parameter));
    expected.push_back({place.key, values.back()->shape()});
  }
  MatchReport report = match(expected, file.tensors());
  if (!report.complete())
    throw Error(ErrorKind::bad_input, file.where(), ": of ", network.name, ": ", report.describe());
  // A CNN's own classes are not asked for.
  std::erase_if(report.unexpected,
                [&](const StoredTensor& each) { return cnn_file && each.name().starts_with("fc."); });
  if (!report.unexpected.empty())
    throw Error(ErrorKind::unsupported, file.where(), ": of ", network.name, ": ",
                report.describe_unexpected(expected));
  for (const MatchReport::Matched& m : report.matched)
    *values[m.index] = read_parameter(checkpoint, m.tensor);
}

std::vector<std::string> public_words(const std::filesystem::path& path, std::vector<std::string> words,
                                      std::int64_t count, const char* what, const TensorShapes& file) {
  if (std::cmp_not_equal(words.size(), count))
    throw Error(ErrorKind::bad_input, path.string(), ": has ", words.size(), " ", what, ", the network of ",
                file.where(), " has ", count);
  return words;
}

Vocabulary public_vocabulary(const PublicNetwork& network, const LanguageFiles& files,
                             const TensorShapes& file) {
  const auto rows = [&](std::string_view name) -> std::int64_t {
    for (const ConstNamedParameter& p : network.head.parameters())
      if (p.name == name) return p.tensor->shape()[0];
    return 0;
  };
  const bool answers = network.task != LanguageTask::caption;
  if (files.vocabulary.empty())
    throw Error(ErrorKind::usage, file.where(), ": is ", network.name,
                ", which carries no words; name their file with --vocabulary");
  if (files.answers.empty() == answers)
    throw Error(ErrorKind::usage, file.where(), ": is ", network.name,
                answers ? ", which carries no answers; name their file with --answer-names"
                        : ", which gives no answers; leave --answer-names out");
  std::vector<std::string> words =
      public_words(files.vocabulary, read_words(files.vocabulary), rows("embed.weight"), "words", file);
  const auto find = [&](std::string_view word) -> std::optional<std::int32_t> {
    const auto found = std::ranges::find(words, word);
    return found == words.end() ? std::nullopt
                                : std::optional(static_cast<std::int32_t>(found - words.begin()));
  };
  const auto id_of = [&](std::string_view word) {
    const auto found = word.empty() ? std::optional(0) : find(word);
    if (!found)
      throw Error(ErrorKind::bad_input, files.vocabulary.string(), ": has no word \"", word, "\", which ",
                  network.name, " needs");
    return *found;
  };
  const SpecialIds special{.pad = id_of(network.special.pad),
                           .start = id_of(network.special.start),
                           .end = id_of(network.special.end),
                           .unknown = find(network.special.unknown)};
  std::vector<std::string> said;
  if (answers)
    said =
        public_words(files.answers, read_labels(files.answers, 0).names, rows("out.weight"), "answers", file);
  return {std::move(words), std::move(said), special, network.max_length, files.vocabulary.string()};
}

}  // namespace

std::optional<PublicNetwork> recognise_public(const TensorShapes& weights, const TensorShapes* cnn) {
  const auto has = [&](const char* name) { return weights.find(name) != nullptr; };
  const auto refuse = [&](const char* what) {
    return Error(ErrorKind::unsupported, weights.where(), ": is a network of ImageCaptioning.pytorch, ", what,
                 "; take its show_tell");
  };
  if (has("core.i2h.weight") && has("img_embed.weight"))
    throw refuse("its fc model, whose LSTM has five gates (the candidate is a maximum of two)");
  if (has("att_embed.0.weight") || has("ctx2att.weight"))
    throw refuse("a captioner that attends to places, which is not built here");
  if (has("img_embed.weight") && has("core.weight_hh_l0") && has("logit.weight"))
    return show_tell(weights, cnn);
  if (has("embed.weight") && has("lstm.weight_hh_l0") && has("linear.weight")) return tutorial(weights, cnn);
  if (has("resnet.0.weight") && has("linear.weight"))
    throw Error(ErrorKind::usage, weights.where(), ": is the encoder of ", kTutorial,
                "; name it with --cnn and the decoder's file with --weights");
  if (has("img_encoder.fc.weight") && has("qst_encoder.word2vec.weight") && has("fc2.weight"))
    return basic_vqa(weights, cnn);
  return std::nullopt;
}

LanguageModel load_language_model(const LanguageFiles& files) {
  const Checkpoint checkpoint = Checkpoint::open(files.weights);
  const std::array<std::pair<const char*, const std::filesystem::path*>, 3> beside{
      {{"--cnn", &files.cnn}, {"--vocabulary", &files.vocabulary}, {"--answer-names", &files.answers}}};
  if (is_language_model(checkpoint)) {
    for (const auto& [option, path] : beside)
      if (!path->empty())
        throw Error(ErrorKind::usage, files.weights.string(),
                    ": is a network of backlight's, which holds all that it "
                    "needs; leave ",
                    option, " out");
    return load_language_model(checkpoint);
  }
  const TensorShapes weights = public_shapes(checkpoint);
  std::optional<Checkpoint> cnn_checkpoint;
  std::optional<TensorShapes> cnn;
  if (!files.cnn.empty()) {
    cnn_checkpoint = Checkpoint::open(files.cnn);
    cnn = public_shapes(*cnn_checkpoint);
  }
  std::optional<PublicNetwork> network = recognise_public(weights, cnn ? &*cnn : nullptr);
  if (!network) return load_language_model(checkpoint);
  Vocabulary vocabulary = public_vocabulary(*network, files, weights);
  fill_public(*network, checkpoint, weights, false);
  if (cnn) fill_public(*network, *cnn_checkpoint, *cnn, true);
  if (network->hidden_before_cell)
    for (const NamedParameter& p : network->head.parameters())
      if (p.name == "q.weight")
        put_cells_first(*p.tensor, weights.extent("qst_encoder.lstm.weight_hh_l0", 1));
  Preprocessing how = Preprocessing::torchvision(224, 224);
  how.interpolation = network->interpolation;
  return {.task = network->task,
          .cnn = std::move(network->cnn),
          .head = std::move(network->head),
          .vocabulary = std::move(vocabulary),
          .preprocessing = how,
          .fit = network->fit,
          .cnn_name = std::move(network->cnn_name),
          .weights = checkpoint.path(),
          .weights_sha256 = checkpoint.sha256(),
          .cnn_weights = files.cnn,
          .cnn_weights_sha256 = cnn_checkpoint ? cnn_checkpoint->sha256() : "",
          .metadata = {{"source", std::string(network->name)}}};
}

}  // namespace backlight::language
