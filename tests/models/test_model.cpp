// From a file of weights to a network that is ready: recognition, classes, labels, and what is refused.
#include <doctest/doctest.h>

#include <fstream>
#include <limits>

#include "engine/pass.hpp"
#include "models/filled_model.hpp"
#include "models/model.hpp"
#include "support/compare.hpp"
#include "support/temporary_folder.hpp"
#include "weights/safetensors.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

/// The parameters of a CIFAR ResNet-20 by name, to be changed and written to a file.
class Weights {
 public:
  explicit Weights(std::int64_t num_classes = 10) : network_(build_model("resnet20_cifar", num_classes)) {
    Context context;
    fill_network(network_, context);
    for (const NamedParameter& p : network_.parameters()) tensors_[p.name] = p.tensor->clone();
  }

  const Network& network() const { return network_; }
  Tensor& operator[](const std::string& name) { return tensors_[name]; }
  void remove(const std::string& name) { tensors_.erase(name); }

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
  return Pass(network, context, filled_input("resnet20_cifar", 32)).output().clone();
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
  const Weights weights;
  const Model model = load_model(weights.write());
  CHECK(model.info.name == "resnet20_cifar");
  CHECK(model.labels == built_in_labels(LabelSet::cifar10));
  CHECK(model.weights_sha256.size() == 64);
  CHECK(model.notes.empty());
  CHECK(same_bits(logits(model.network), logits(weights.network())));
}

TEST_CASE("model: the number of classes is that of the last layer's rows") {
  const Model model = load_model(Weights(7).write());
  CHECK(model.labels.size() == 7);
  CHECK(model.labels[6] == "class 6");
  CHECK(logits(model.network).shape() == Shape{1, 7});
}

TEST_CASE("model: labels of a file go with the classes and must fit them") {
  const Weights weights(3);
  const TemporaryFolder folder;
  std::ofstream(folder.path() / "three.txt") << "ant\nbee\nfly\n";
  CHECK(load_model(weights.write(), {.labels = folder.path() / "three.txt"}).labels[1] == "bee");
  std::ofstream(folder.path() / "two.txt") << "ant\nbee\n";
  check_refused(weights.write(), {.labels = folder.path() / "two.txt"}, ErrorKind::bad_input,
                "has 2 class names, the network has 3 classes");
}

TEST_CASE("model: the caller's preprocessing and model come before what is recognised") {
  const Weights weights;
  const Preprocessing caffe = Preprocessing::caffe(32, 32);
  CHECK(load_model(weights.write(), {.preprocessing = caffe}).info.preprocessing == caffe);
  CHECK(load_model(weights.write(), {.model = "resnet20_cifar"}).info.name == "resnet20_cifar");
  check_refused(weights.write(), {.model = "resnet32_cifar"}, ErrorKind::bad_input, "layer1.3.conv1.weight");
  check_refused(weights.write(), {.model = "resnet18"}, ErrorKind::bad_input, "no tensor 'fc.weight'");
  check_refused(weights.write(), {.model = "resnet20cifar"}, ErrorKind::usage, "resnet20_cifar");
}

TEST_CASE("model: a NaN or an infinity in any weight is refused by name") {
  for (const float poison :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    Weights weights;
    weights["layer2.1.conv2.weight"].values()[17] = poison;
    check_refused(weights.write(), {}, ErrorKind::bad_input, "layer2.1.conv2.weight");
    check_refused(weights.write(), {}, ErrorKind::bad_input, "weights.safetensors");
  }
}

TEST_CASE("model: missing and mis-shaped tensors are named") {
  Weights without_variance;
  without_variance.remove("layer3.0.bn1.running_var");
  check_refused(without_variance.write(), {}, ErrorKind::bad_input, "layer3.0.bn1.running_var");
  Weights narrow;
  narrow["layer1.0.bn1.bias"] = Tensor::zeros({15});
  check_refused(narrow.write(), {}, ErrorKind::bad_input, "layer1.0.bn1.bias");
  Weights headless;
  headless.remove("linear.weight");
  check_refused(headless.write(), {.model = "resnet20_cifar"}, ErrorKind::bad_input, "linear.weight");
}

TEST_CASE("model: tensors that the network does not have are left out and noted") {
  Weights weights;
  weights["projection.weight"] = Tensor::zeros({4, 4});
  const Model model = load_model(weights.write());
  REQUIRE(model.notes.size() == 1);
  CHECK(model.notes[0].find("projection.weight") != std::string::npos);
  CHECK(same_bits(logits(model.network), logits(weights.network())));
}

TEST_CASE("model: a name whose hash is not the content's is noted") {
  const Model model = load_model(Weights().write("resnet20-12fca82f.th"));
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
