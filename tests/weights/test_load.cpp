#include <doctest/doctest.h>

#include <limits>

#include "support/made_of_shapes.hpp"
#include "weights/dialects.hpp"
#include "weights/load.hpp"
#include "weights/safetensors.hpp"
#include "weights/support.hpp"

using namespace backlight;
using test::made_of_shapes;
using test::NamedShape;
using test::refusal;

namespace {

std::vector<std::string> names(std::span<const StoredTensor> tensors) {
  std::vector<std::string> out;
  for (const StoredTensor& tensor : tensors) out.push_back(tensor.name());
  return out;
}

}  // namespace

TEST_CASE("match: tensors find their places whatever their order, and counters are no part of the network") {
  const std::vector<ExpectedTensor> expected = {{"conv.weight", {2, 3, 1, 1}}, {"bn.weight", {2}}};
  const auto stored =
      made_of_shapes({{"bn.weight", {2}}, {"conv.weight", {2, 3, 1, 1}}, {"x.num_batches_tracked", {}}});
  const MatchReport report = match(expected, stored);
  CHECK(report.complete());
  CHECK(names(report.idle) == std::vector<std::string>{"x.num_batches_tracked"});
  REQUIRE(report.matched.size() == 2);
  CHECK(report.matched[0].index == 0);
  CHECK(report.matched[0].tensor.name() == "conv.weight");
  CHECK(report.unexpected.empty());
  CHECK(report.describe() == "2 of 2 tensors of the network are in the file");
}

TEST_CASE("match: missing unexpected and mis-shaped tensors are counted with their nearest names") {
  const std::vector<ExpectedTensor> expected = {
      {"layer1.weight", {4, 3}}, {"layer1.bias", {4}}, {"fc.weight", {10, 4}}};
  const auto stored = made_of_shapes(
      {{"layer1.weigth", {4, 3}}, {"layer1.bias", {4}}, {"fc.weight", {1000, 4}}, {"zz", {1}}});
  const MatchReport report = match(expected, stored);
  CHECK_FALSE(report.complete());
  CHECK(report.matched.size() == 1);
  CHECK(report.missing == std::vector<std::string>{"layer1.weight"});
  CHECK(names(report.unexpected) == std::vector<std::string>{"layer1.weigth", "zz"});
  REQUIRE(report.mis_shaped.size() == 1);
  const std::string told = report.describe();
  CHECK(told.find("1 of 3 tensors") != std::string::npos);
  CHECK(told.find("1 missing: layer1.weight (the file has layer1.weigth)") != std::string::npos);
  CHECK(told.find("2 unexpected: layer1.weigth (the network has layer1.weight), zz") != std::string::npos);
  CHECK(told.find("fc.weight is 1000×4, expected 10×4") != std::string::npos);
}

TEST_CASE("match: similar names are not looked for among more than a network has") {
  std::vector<NamedShape> shapes;
  for (int i = 0; i < 100'000; ++i) shapes.push_back({text(std::string(100, 'x'), i), {1}});
  shapes.push_back({"layer1.weigth", {1}});
  const std::vector<ExpectedTensor> expected = {{"layer1.weight", {1}}};
  const MatchReport report = match(expected, made_of_shapes(shapes));
  CHECK(report.describe().find("1 missing: layer1.weight; 100001 unexpected") != std::string::npos);
}

TEST_CASE("match: only the first few of many are told") {
  std::vector<ExpectedTensor> expected;
  for (int i = 0; i < 20; ++i) expected.push_back({text("a", i), {1}});
  const std::string told = match(expected, {}).describe();
  CHECK(told.find("20 missing: a0, a1, a2, a3, a4 and 15 more") != std::string::npos);
}

TEST_CASE("torchvision names: Caffe-style VGG keys move to the places of torchvision") {
  const auto caffe = made_of_shapes({{"features.0.weight", {64, 3, 3, 3}},
                                     {"classifier.1.weight", {4096, 25088}},
                                     {"classifier.1.bias", {4096}},
                                     {"classifier.4.weight", {4096, 4096}},
                                     {"classifier.6.weight", {1000, 4096}}});
  CHECK(names(with_torchvision_names(caffe)) ==
        std::vector<std::string>{"features.0.weight", "classifier.0.weight", "classifier.0.bias",
                                 "classifier.3.weight", "classifier.6.weight"});
}

TEST_CASE("torchvision names: AlexNet keeps its classifier.1 and classifier.4") {
  const auto alexnet =
      made_of_shapes({{"classifier.1.weight", {4096, 9216}}, {"classifier.4.weight", {4096, 4096}}});
  CHECK(names(with_torchvision_names(alexnet)) == names(alexnet));
}

TEST_CASE("torchvision names: the convolutions of timm's VGG head become matrices") {
  const auto timm = made_of_shapes({{"features.0.weight", {64, 3, 3, 3}},
                                    {"pre_logits.fc1.weight", {4096, 512, 7, 7}},
                                    {"pre_logits.fc1.bias", {4096}},
                                    {"pre_logits.fc2.weight", {4096, 4096, 1, 1}},
                                    {"head.fc.weight", {1000, 4096}}});
  const auto named = with_torchvision_names(timm);
  CHECK(names(named) == std::vector<std::string>{"features.0.weight", "classifier.0.weight",
                                                 "classifier.0.bias", "classifier.3.weight",
                                                 "classifier.6.weight"});
  CHECK(named[1].shape() == std::vector<std::int64_t>{4096, 25088});
  CHECK(named[3].shape() == std::vector<std::int64_t>{4096, 4096});
  const std::vector<ExpectedTensor> expected = {{"classifier.0.weight", {4096, 25088}}};
  CHECK(match(expected, timm).matched.size() == 1);
}

TEST_CASE("match: exact names come before torchvision's, also where both would fit") {
  // A network of the caller's own that is called as Caffe's VGG is.
  const std::vector<NamedShape> own = {{"classifier.1.weight", {4096, 25088}},
                                       {"classifier.4.weight", {4096, 4096}}};
  std::vector<ExpectedTensor> expected;
  for (const auto& [name, shape] : own) expected.push_back({name, Shape(shape)});
  const MatchReport report = match(expected, made_of_shapes(own));
  CHECK(report.complete());
  CHECK(report.unexpected.empty());
  REQUIRE(report.matched.size() == 2);
  CHECK(report.matched[0].tensor.name() == "classifier.1.weight");
}

TEST_CASE("match: two tensors of one name are never taken for one") {
  const std::vector<ExpectedTensor> expected = {{"fc.weight", {2, 3}}};
  const MatchReport report = match(expected, made_of_shapes({{"fc.weight", {2, 3}}, {"fc.weight", {5, 2}}}));
  CHECK(report.complete());
  REQUIRE(report.unexpected.size() == 1);
  CHECK(report.unexpected[0].name() == "fc.weight");
}

TEST_CASE(
    "match: what does not fit is told by the names that the file gives, whatever they were renamed to") {
  const std::vector<ExpectedTensor> expected = {{"conv1.weight", {8, 3, 3, 3}},
                                                {"bn1.weight", {8}},
                                                {"layer1.0.conv1.weight", {8}},
                                                {"fc.weight", {2, 8}}};
  const auto stored = made_of_shapes({{"resnet.embedder.embedder.convolution.weight", {8, 3, 3, 3}},
                                      {"resnet.embedder.embedder.normalization.weight", {4}},
                                      {"resnet.encoder.stages.0.layers.0.layer.0.convolution.bias", {8}},
                                      {"classifier.1.weight", {2, 8}}});
  const MatchReport report = match(expected, stored);
  CHECK(report.matched.size() == 2);
  const std::string told = report.describe();
  CAPTURE(told);
  CHECK(told.find("missing: layer1.0.conv1.weight (the file has "
                  "resnet.encoder.stages.0.layers.0.layer.0.convolution.bias)") != std::string::npos);
  CHECK(told.find("unexpected: resnet.encoder.stages.0.layers.0.layer.0.convolution.bias (the network has "
                  "layer1.0.conv1.weight)") != std::string::npos);
  CHECK(told.find("resnet.embedder.embedder.normalization.weight is 4, expected 8") != std::string::npos);
  CHECK(report.describe_unexpected(expected) ==
        "1 tensor, inside its own modules: resnet.encoder.stages.0.layers.0.layer.0.convolution.bias");
}

TEST_CASE("match: tensors inside the network's modules are told apart from those beside") {
  const std::vector<ExpectedTensor> expected = {{"conv1.weight", {2, 3, 1, 1}}, {"layer1.0.bn1.weight", {2}}};
  const auto stored = made_of_shapes({{"conv1.weight", {2, 3, 1, 1}},
                                      {"layer1.0.bn1.weight", {2}},
                                      {"attn.weight", {2, 2}},
                                      {"conv1.bias", {2}},
                                      {"layer1.0.ca.fc1.weight", {2, 2}},
                                      {"bn.num_batches_tracked", {}}});
  const MatchReport report = match(expected, stored);
  CHECK(report.complete());
  CHECK(names(report.idle) == std::vector<std::string>{"bn.num_batches_tracked"});
  CHECK(report.describe_unexpected(expected) ==
        "3 tensors, inside its own modules: conv1.bias, layer1.0.ca.fc1.weight; beside it: attn.weight");
}

TEST_CASE("require usable: NaN and infinity and negative variances are refused by the tensor's name") {
  const float nan = std::numeric_limits<float>::quiet_NaN(),
              infinity = std::numeric_limits<float>::infinity();
  require_usable("w", Tensor::from({2}, std::vector<float>{1, -3e38f}));
  require_finite("bn.running_var", Tensor::from({1}, std::vector<float>{-1}));
  const std::string why = refusal([&] {
    require_usable("fc.bias", Tensor::from({4}, std::vector<float>{0, nan, 1, nan}));
  });
  CHECK(why.find("\"fc.bias\" of shape 4 holds 2 values") != std::string::npos);
  CHECK(why.find("element 1") != std::string::npos);
  CHECK(refusal([&] { require_usable("w", Tensor::from({1}, std::vector<float>{-infinity})); }).find("inf") !=
        std::string::npos);
  const Tensor variance = Tensor::from({3}, std::vector<float>{0.5f, -0.0f, -1e-9f});
  CHECK(refusal([&] { require_usable("bn1.running_mean", variance); }) == "");
  const std::string negative = refusal([&] { require_usable("bn1.running_var", variance); });
  CHECK(negative.find("\"bn1.running_var\" of shape 3 holds 1 negative values, the first (-1e-09)") !=
        std::string::npos);
}

TEST_CASE("require parameter type: bytes and bools are refused and not taken for numbers") {
  const Checkpoint checkpoint = Checkpoint::open(test::golden_file("zip_dtypes.pth"));
  for (const StoredTensor& tensor : checkpoint.tensors()) {
    CAPTURE(tensor.name());
    const std::string why = refusal([&] { require_parameter_type(tensor); });
    CHECK(why.empty() == (size_of(tensor.dtype()) > 1));
    if (!why.empty())
      CHECK(why.find("\"" + tensor.name() + "\" holds " + tensor.name()) != std::string::npos);
  }
}

TEST_CASE("match file: of a student and a teacher that both fit the first in the file is taken") {
  const test::TemporaryFolder folder;
  const Tensor first = Tensor::from({1}, std::vector<float>{1}),
               second = Tensor::from({1}, std::vector<float>{2});
  const std::vector<ExpectedTensor> expected = {{"a.weight", {1}}};
  const auto path = folder.path() / "both.safetensors";
  const std::vector<TensorToWrite> list = {{"student.a.weight", &first}, {"teacher.a.weight", &second}};
  write_safetensors(path, list);
  const auto taken = [&](const CheckpointOptions& options) {
    const MatchReport report = match_file(expected, Checkpoint::open(path, options));
    REQUIRE(report.complete());
    // Not without a word: load_parameters refuses what is unexpected.
    CHECK(report.unexpected.size() == (options.prefix.empty() ? 1 : 0));
    return report.matched[0].tensor.name_in_file();
  };
  CHECK(taken({}) == "student.a.weight");
  CHECK(taken({.key = {}, .prefix = "teacher"}) == "teacher.a.weight");
}

TEST_CASE("match file: prefixes of the file and of the network are tried after the names as they are") {
  const test::TemporaryFolder folder;
  const Tensor two = Tensor::zeros({2}), three = Tensor::zeros({3});
  const auto report = [&](const std::vector<std::string>& names, const std::string& first,
                          const std::string& second) {
    const std::vector<TensorToWrite> list = {{names[0], &two}, {names[1], &three}};
    const auto path = folder.path() / "file.safetensors";
    write_safetensors(path, list, {}, {.overwrite = true});
    const std::vector<ExpectedTensor> expected = {{first, {2}}, {second, {3}}};
    return match_file(expected, Checkpoint::open(path));
  };
  CHECK(report({"model.a.weight", "model.a.bias"}, "model.a.weight", "model.a.bias").complete());
  CHECK(report({"a.weight", "a.bias"}, "model.a.weight", "model.a.bias").complete());
  CHECK(report({"my.net.a.weight", "my.net.a.bias"}, "a.weight", "a.bias").complete());
  CHECK(
      report({"module.model.a.weight", "module.model.a.bias"}, "model.a.weight", "model.a.bias").complete());
  CHECK(report({"encoder.a.weight", "head.weight"}, "encoder.a.weight", "head.weight").complete());
  CHECK_FALSE(report({"a.weight", "b.bias"}, "model.a.weight", "model.a.bias").complete());
}
