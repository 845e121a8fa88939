// From a file of weights to a network that is ready: recognition, classes, labels, and what is refused.
#include <doctest/doctest.h>

#include <fstream>
#include <limits>

#include "engine/run/run.hpp"
#include "engine/train/init.hpp"
#include "kernels/conv2d/conv2d_layer.hpp"
#include "models/filled_model.hpp"
#include "models/model.hpp"
#include "support/compare.hpp"
#include "support/contains.hpp"
#include "support/temporary_folder.hpp"
#include "weights/safetensors.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

/// The parameters of a CIFAR ResNet-20 by name, to be changed and written to a file.
class FilledWeights {
 public:
  explicit FilledWeights(std::int64_t num_classes = 10) : network_(build_model("resnet20_cifar", num_classes)) {
    Context context;
    fill_network(network_, context);
    for (const NamedParameter& p : network_.parameters()) tensors_[p.name] = p.tensor->clone();
  }

  const Network& network() const { return network_; }
  Tensor& operator[](const std::string& name) { return tensors_[name]; }
  void remove(const std::string& name) { tensors_.erase(name); }
  void put_below(const std::string& prefix) {
    std::map<std::string, Tensor> below;
    for (auto& [name, tensor] : tensors_) below[prefix + name] = std::move(tensor);
    tensors_ = std::move(below);
  }

  std::filesystem::path write(const std::string& file = "weights.safetensors",
                              const std::map<std::string, std::string>& metadata = {}) const {
    std::vector<TensorToWrite> list;
    for (const auto& [name, tensor] : tensors_) list.push_back({name, &tensor});
    write_safetensors(folder_.path() / file, list, metadata, {.overwrite = true});
    return folder_.path() / file;
  }

 private:
  Network network_;
  std::map<std::string, Tensor> tensors_;
  TemporaryFolder folder_;
};

Tensor logits(const Network& network) {
  Context context;
  return Run(network, context, filled_input("resnet20_cifar", 32)).output().clone();
}

/// The kind and the message of what load_model throws.
void check_refused(const std::filesystem::path& path, const LoadOptions& options, ErrorKind kind,
                   const std::string& why) {
  try {
    load_model(path, options);
    FAIL("loaded");
  } catch (const Error& error) {
    CAPTURE(std::string(error.what()));
    CHECK(error.kind() == kind);
    CHECK(std::string(error.what()).find(why) != std::string::npos);
  }
}

}  // namespace

TEST_CASE("model: a file is recognised and loaded to the bit") {
  const FilledWeights weights;
  const Model model = load_model(weights.write());
  CHECK(model.info.name == "resnet20_cifar");
  CHECK(model.labels == built_in_labels(LabelSet::cifar10).names);
  CHECK(model.labels_from == LabelsFrom::assumed);
  CHECK(model.weights_sha256.size() == 64);
  CHECK(model.notes.empty());
  CHECK(same_bits(logits(model.network), logits(weights.network())));
}

TEST_CASE("model: content in memory is loaded as its file is, and not needed afterwards") {
  const std::filesystem::path path =
      std::filesystem::path(BACKLIGHT_SOURCE_DIR) / "weights/backlight_scenes.safetensors";
  std::ifstream in(path, std::ios::binary);
  std::string content{std::istreambuf_iterator<char>(in), {}};
  const Model file = load_model(path);
  const Model memory = load_model(Checkpoint::open(std::as_bytes(std::span(content)), "scenes"));
  content.assign(content.size(), '\0');
  CHECK(memory.weights == "scenes");
  CHECK(memory.weights_sha256 == file.weights_sha256);
  CHECK(memory.labels == file.labels);
  CHECK(memory.info.preprocessing == file.info.preprocessing);
  const auto expected = file.network.parameters(), found = memory.network.parameters();
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    CAPTURE(found[i].name);
    CHECK(std::ranges::equal(found[i].tensor->values(), expected[i].tensor->values()));
  }
}

TEST_CASE("model: the number of classes is that of the last layer's rows") {
  const Model model = load_model(FilledWeights(7).write());
  CHECK(model.labels.size() == 7);
  CHECK(model.labels[6] == "class 6");
  CHECK(logits(model.network).shape() == Shape{1, 7});
}

TEST_CASE("model: labels of a file go with the classes and must fit them") {
  const FilledWeights weights(3);
  const TemporaryFolder folder;
  std::ofstream(folder.path() / "three.txt") << "ant\nbee\nfly\n";
  CHECK(load_model(weights.write(), {.labels = folder.path() / "three.txt"}).labels[1] == "bee");
  std::ofstream(folder.path() / "two.txt") << "ant\nbee\n";
  check_refused(weights.write(), {.labels = folder.path() / "two.txt"}, ErrorKind::bad_input,
                "has 2 class names, the network has 3 classes");
}

TEST_CASE("model: the caller's preprocessing and model come before what is recognised") {
  const FilledWeights weights;
  const Preprocessing caffe = Preprocessing::caffe(32, 32);
  CHECK(load_model(weights.write(), {.preprocessing = caffe}).info.preprocessing == caffe);
  CHECK(load_model(weights.write(), {.model = "resnet20_cifar"}).info.name == "resnet20_cifar");
  check_refused(weights.write(), {.model = "resnet32_cifar"}, ErrorKind::bad_input, "layer1.3.conv1.weight");
  check_refused(weights.write(), {.model = "resnet18"}, ErrorKind::bad_input, "no tensor 'fc.weight'");
  check_refused(weights.write(), {.model = "resnet20cifar"}, ErrorKind::usage, "resnet20_cifar");
}

TEST_CASE(
    "model: a file's own word on names and preprocessing holds and an input size must suit the network") {
  const FilledWeights weights;
  const Model model = load_model(weights.write("own.safetensors", {{"backlight.labels",
                                                                    "[\"a\",\"b\",\"c\",\"d\","
                                                                    "\"e\",\"f\",\"g\",\"h\",\"i\",\"j\"]"},
                                                                   {"backlight.input_size", "48"},
                                                                   {"backlight.interpolation", "bicubic"}}));
  CHECK(model.labels[1] == "b");
  CHECK(model.labels_from == LabelsFrom::metadata);
  CHECK(model.info.preprocessing.input_size == 48);
  CHECK(model.info.preprocessing.interpolation == Filter::bicubic);
  CHECK(model.preprocessing_from.input_size == Origin::metadata);
  check_refused(weights.write("two.safetensors", {{"backlight.labels", "[\"a\",\"b\"]"}}), {},
                ErrorKind::bad_input, "two.safetensors: metadata 'backlight.labels': has 2 class names");
  check_refused(weights.write("what.safetensors", {{"backlight.architecture", "resnet21_cifar"}}), {},
                ErrorKind::unsupported, "what.safetensors: metadata 'backlight.architecture'");
  CHECK(load_model(weights.write("what.safetensors", {{"backlight.architecture", "resnet21_cifar"}}),
                   {.model = "resnet20_cifar"})
            .info.name == "resnet20_cifar");
}

TEST_CASE("model: a NaN or an infinity in any weight is refused by name") {
  for (const float poison :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    FilledWeights weights;
    weights["layer2.1.conv2.weight"].values()[17] = poison;
    check_refused(weights.write(), {}, ErrorKind::bad_input, "layer2.1.conv2.weight");
    check_refused(weights.write(), {}, ErrorKind::bad_input, "weights.safetensors");
  }
}

TEST_CASE("model: missing and mis-shaped tensors are named") {
  FilledWeights without_variance;
  without_variance.remove("layer3.0.bn1.running_var");
  check_refused(without_variance.write(), {}, ErrorKind::bad_input, "layer3.0.bn1.running_var");
  FilledWeights narrow;
  narrow["layer1.0.bn1.bias"] = Tensor::zeros({15});
  check_refused(narrow.write(), {}, ErrorKind::bad_input, "layer1.0.bn1.bias");
  FilledWeights headless;
  headless.remove("linear.weight");
  check_refused(headless.write(), {.model = "resnet20_cifar"}, ErrorKind::bad_input, "linear.weight");
}

TEST_CASE("model: tensors that compute nothing are left out by name") {
  FilledWeights weights;
  weights["bn1.total_ops"] = Tensor::zeros({1});
  weights["aux1.fc.weight"] = Tensor::zeros({10, 4});
  weights["ema.conv1.weight"] = Tensor::zeros({16, 3, 3, 3});
  const Model model = load_model(weights.write());
  CHECK(model.left_out == std::vector<std::string>{"aux1.fc.weight", "bn1.total_ops", "ema.conv1.weight"});
  CHECK(same_bits(logits(model.network), logits(weights.network())));
}

TEST_CASE("model: tensors that would compute are refused, and left out only when told") {
  for (const char* name :
       {"layer1.0.ca.fc1.weight", "conv1.bias", "attn.weight", "fc2.weight", "norm.weight"}) {
    CAPTURE(name);
    FilledWeights weights;
    weights[name] = Tensor::zeros({16});
    const std::filesystem::path path = weights.write();
    check_refused(path, {}, ErrorKind::unsupported, name);
    check_refused(path, {}, ErrorKind::unsupported, "--ignore-unused");
    const LoadCheck check = check_load(Checkpoint::open(path));
    CHECK(check.refusal.find(name) != std::string::npos);
    CHECK(check.unexpected == std::vector<std::string>{name});
    const Model model = load_model(path, {.ignore_unused = true});
    CHECK(model.left_out == std::vector<std::string>{name});
    CHECK(same_bits(logits(model.network), logits(weights.network())));
  }
}

TEST_CASE("model: a file's tensors are told by the names that they have there") {
  FilledWeights weights;
  weights.put_below("net.");
  weights["net.bn1.total_ops"] = Tensor::zeros({1});
  CHECK(load_model(weights.write()).left_out == std::vector<std::string>{"net.bn1.total_ops"});
  CHECK(check_load(Checkpoint::open(weights.write())).left_out ==
        std::vector<std::string>{"net.bn1.total_ops"});
  weights["net.conv1.bias"] = Tensor::zeros({16});
  check_refused(weights.write(), {}, ErrorKind::unsupported, "inside its own modules: net.conv1.bias");
  CHECK(load_model(weights.write(), {.ignore_unused = true}).left_out.front() == "net.conv1.bias");
  weights["net.layer2.0.bn1.running_var"].values()[3] = -0.5f;
  check_refused(weights.write(), {.ignore_unused = true}, ErrorKind::bad_input,
                "\"net.layer2.0.bn1.running_var\"");
}

TEST_CASE("model: a head that does not fit its features is refused, and so are extents of zero") {
  const auto refused = [](const std::string& name, const Shape& shape, const std::string& why) {
    CAPTURE(name);
    CAPTURE(shape);
    FilledWeights weights;
    weights[name] = Tensor::zeros(shape);
    check_refused(weights.write(), {}, ErrorKind::bad_input, why);
    check_refused(weights.write(), {}, ErrorKind::bad_input, "weights.safetensors");
    CHECK(check_load(Checkpoint::open(weights.write())).refusal_kind == ErrorKind::bad_input);
  };
  refused("linear.weight", {10, 63}, "does not fit resnet20_cifar: linear: [linear] x is 1×64");
  refused("linear.weight", {0, 64}, "does not fit resnet20_cifar");
  refused("linear.weight", {10, 0}, "does not fit resnet20_cifar");
  refused("conv1.weight", {16, 0, 3, 3}, "does not fit resnet20_cifar");
}

TEST_CASE("model: what is unusual about a head is said where no classes can be counted") {
  FilledWeights weights;
  weights["linear.1.weight"] = Tensor::zeros({64});
  weights["linear.2.weight"] = Tensor::zeros({10, 64});
  weights.remove("linear.weight");
  weights.remove("linear.bias");
  check_refused(weights.write(), {}, ErrorKind::bad_input,
                "'linear.1' is neither a linear layer nor a batch norm");
}

TEST_CASE("model: metadata that contradict the keys are said to, and the caller decides") {
  const FilledWeights weights;
  const auto path = weights.write("other.safetensors", {{"backlight.architecture", "resnet18"}});
  check_refused(
      path, {}, ErrorKind::usage,
      "(its metadata names resnet18, but its keys are of resnet20_cifar); name one with --model: resnet18");
  CHECK(load_model(path, {.model = "resnet20_cifar"}).info.name == "resnet20_cifar");
}

TEST_CASE("model: what grey is normalised by is an assumption only where nobody says it") {
  FilledWeights weights;
  weights["conv1.weight"] = Tensor::zeros({16, 1, 3, 3});
  CHECK(load_model(weights.write()).assumptions.size() == 1);
  CHECK(load_model(weights.write("mean.safetensors", {{"backlight.mean", "0.1307"}})).assumptions.size() ==
        1);
  const std::map<std::string, std::string> both = {{"backlight.mean", "0.1307"}, {"backlight.std", "0.3081"}};
  CHECK(load_model(weights.write("both.safetensors", both)).assumptions.empty());
}

TEST_CASE(
    "model: that the fourth channel is alpha is an assumption only where nobody says how it is normalised") {
  FilledWeights weights;
  weights["conv1.weight"] = Tensor::zeros({16, 4, 3, 3});
  const Model assumed = load_model(weights.write());
  REQUIRE(assumed.assumptions.size() == 1);
  CHECK(contains(assumed.assumptions[0], "the fourth is given a picture's alpha"));
  CHECK(assumed.info.preprocessing == with_channels(Preprocessing::cifar(), 4));
  CHECK(load_model(weights.write("three.safetensors",
                                 {{"backlight.mean", "0.5,0.5,0.5"}, {"backlight.std", "1,1,1"}}))
            .assumptions.size() == 1);
  CHECK(load_model(weights.write("four.safetensors",
                                 {{"backlight.mean", "0.5,0.5,0.5,0"}, {"backlight.std", "1,1,1,1"}}))
            .assumptions.empty());
}

TEST_CASE("model: mean and std of channels that no picture has are refused") {
  for (const std::int64_t channels : {5, 64}) {
    CAPTURE(channels);
    FilledWeights weights;
    weights["conv1.weight"] = Tensor::zeros({16, channels, 3, 3});
    std::string numbers = "0.5";
    for (std::int64_t i = 1; i < channels; ++i) numbers += ",0.5";
    check_refused(weights.write("mean.safetensors", {{"backlight.mean", numbers}}), {}, ErrorKind::bad_input,
                  text("the network takes ", channels, " channels"));
    check_refused(weights.write("std.safetensors", {{"backlight.std", numbers}}), {}, ErrorKind::bad_input,
                  text("the network takes ", channels, " channels"));
    CHECK(load_model(weights.write("none.safetensors")).info.preprocessing.channels == channels);
  }
}

TEST_CASE("model: a negative variance is refused by file and tensor") {
  FilledWeights weights;
  weights["layer2.0.bn1.running_var"].values()[3] = -0.5f;
  check_refused(weights.write(), {}, ErrorKind::bad_input, "\"layer2.0.bn1.running_var\"");
  check_refused(weights.write(), {}, ErrorKind::bad_input, "weights.safetensors");
}

TEST_CASE("model: any prefix that leaves a known network is left out") {
  for (const char* prefix : {"net.", "encoder.", "cnn.", "module.", "model._orig_mod."}) {
    CAPTURE(prefix);
    FilledWeights weights;
    weights.put_below(prefix);
    weights["n_averaged"] = Tensor::zeros({1});
    const Model model = load_model(weights.write(), {.ignore_unused = true});
    CHECK(model.left_out == std::vector<std::string>{"n_averaged"});
    CHECK(same_bits(logits(model.network), logits(weights.network())));
  }
}

TEST_CASE("model: of several networks in a file one must be chosen by its prefix") {
  FilledWeights weights;
  weights.put_below("student.");
  for (const ConstNamedParameter& p : weights.network().parameters())
    weights["teacher." + p.name] = Tensor::zeros(p.tensor->shape());
  const std::filesystem::path path = weights.write();
  check_refused(path, {}, ErrorKind::usage, "\"student.\" (97 tensors), \"teacher.\" (97 tensors)");
  check_refused(path, {.model = "resnet20_cifar"}, ErrorKind::usage, "--prefix");
  check_refused(path, {.prefix = "studet"}, ErrorKind::usage, "did you mean \"student.\"");
  for (const char* prefix : {"student", "student."}) {
    const Model model = load_model(path, {.prefix = prefix});
    CHECK(model.left_out.size() == 97);
    CHECK(model.left_out.front().starts_with("teacher."));
    CHECK(same_bits(logits(model.network), logits(weights.network())));
  }
}

TEST_CASE("model: a network of the caller's own loads its own file whatever its nodes are called") {
  for (const char* prefix : {"", "model.", "backbone.", "_orig_mod.", "classifier.", "module.model."}) {
    CAPTURE(prefix);
    const auto build = [&] {
      Network network(3);
      for (const char* name : {"0", "1", "4"})
        network.add(std::string(prefix) + name, conv2d(3, 3, {.kernel = 1}));
      return network;
    };
    Network filled = build();
    initialise(filled, 7);
    const TemporaryFolder folder;
    std::vector<TensorToWrite> list, bare;
    for (const NamedParameter& p : filled.parameters()) {
      list.push_back({p.name, p.tensor});
      bare.push_back({p.name.substr(std::string_view(prefix).size()), p.tensor});
    }
    write_safetensors(folder.path() / "own.safetensors", list);
    write_safetensors(folder.path() / "bare.safetensors", bare);
    for (const char* file : {"own.safetensors", "bare.safetensors"}) {
      Network loaded = build();
      CHECK(load_parameters(Checkpoint::open(folder.path() / file), loaded, "mine").empty());
      for (std::size_t i = 0; i < list.size(); ++i)
        CHECK(same_bits(*loaded.parameters()[i].tensor, *filled.parameters()[i].tensor));
    }
  }
}

TEST_CASE("model: a name whose hash is not the content's is noted") {
  const Model model = load_model(FilledWeights().write("resnet20-12fca82f.th"));
  REQUIRE(model.notes.size() == 1);
  CHECK(model.notes[0].find("12fca82f") != std::string::npos);
}

TEST_CASE("model: a file of no known network is unsupported") {
  const Tensor tensor = Tensor::zeros({3, 3});
  const TemporaryFolder folder;
  const TensorToWrite list[] = {{"something.weight", &tensor}};
  write_safetensors(folder.path() / "other.safetensors", list);
  check_refused(folder.path() / "other.safetensors", {}, ErrorKind::unsupported, "other.safetensors");
  check_refused(folder.path() / "nothing.pth", {}, ErrorKind::bad_input, "nothing.pth");
}
