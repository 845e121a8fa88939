// Which tensors that a network does not use compute nothing, and which prefixes its keys stand behind.
#include <doctest/doctest.h>

#include "support/made_of_shapes.hpp"
#include "weights/prefix.hpp"
#include "weights/support.hpp"
#include "weights/unused.hpp"

using namespace backlight;
using test::made_of_shapes;
using test::NamedShape;
using test::says;

namespace {

/// Keys of a CIFAR ResNet-20 without counters, all behind `prefix`.
std::vector<NamedShape> resnet20(const std::string& prefix) {
  std::vector<NamedShape> out;
  const auto conv = [&](const std::string& conv_name, const std::string& bn_name, std::int64_t to,
                        std::int64_t from) {
    out.push_back({prefix + conv_name + ".weight", {to, from, 3, 3}});
    for (const char* each : {"weight", "bias", "running_mean", "running_var"})
      out.push_back({prefix + bn_name + "." + each, {to}});
  };
  conv("conv1", "bn1", 16, 3);
  std::int64_t from = 16;
  for (int stage = 1; stage <= 3; ++stage) {
    const std::int64_t to = 8LL << stage;
    for (int block = 0; block < 3; ++block) {
      const std::string path = text("layer", stage, ".", block, ".");
      conv(path + "conv1", path + "bn1", to, from);
      conv(path + "conv2", path + "bn2", to, to);
      from = to;
    }
  }
  out.push_back({prefix + "linear.weight", {10, 64}});
  out.push_back({prefix + "linear.bias", {10}});
  return out;
}

std::vector<NamedShape> operator+(std::vector<NamedShape> a, const std::vector<NamedShape>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

std::string prefix_of(const std::vector<NamedShape>& shapes) {
  const auto tensors = made_of_shapes(shapes);
  return choose_prefix(tensors, find_networks(tensors));
}

}  // namespace

TEST_CASE("unused: counters and what only training runs compute nothing") {
  const std::vector<NamedShape> idle = {{"layer1.0.bn1.num_batches_tracked", {1}},
                                        {"layer1.0.conv1.total_ops", {1}},
                                        {"criterion.weight", {10}},
                                        {"loss_fn.weight", {10}},
                                        {"perceptual_loss.vgg.features.0.weight", {64, 3, 3, 3}},
                                        {"AuxLogits.fc.weight", {1000, 768}},
                                        {"aux1.conv.conv.weight", {128, 512, 1, 1}},
                                        {"aux_classifier.0.weight", {256, 1024, 3, 3}},
                                        {"optimizer.state", {4}},
                                        {"queue", {128, 4096}},
                                        {"conv1.exp_avg", {16, 3, 3, 3}},
                                        {"empty", {0, 3}}};
  const auto tensors = made_of_shapes(idle);
  const IdleTensors books(tensors);
  for (const StoredTensor& tensor : tensors) {
    CAPTURE(tensor.name());
    CHECK(books.computes_nothing(tensor));
  }
}

TEST_CASE("unused: whatever may compute is never called idle") {
  const auto tensors = made_of_shapes({{"layer1.0.ca.fc1.weight", {4, 16, 1, 1}},
                                       {"layer1.0.ema.conv1x1.weight", {4, 4, 1, 1}},
                                       {"ema.conv1x1.weight", {4, 4, 1, 1}},
                                       {"attn.weight", {4, 4}},
                                       {"conv1.bias", {16}},
                                       {"norm.weight", {64}},
                                       {"fc2.weight", {10, 10}},
                                       {"logit_scale", {}},
                                       {"mean", {1, 3, 1, 1}},
                                       {"lossless.weight", {4, 4}}});
  const IdleTensors books(tensors);
  for (const StoredTensor& tensor : tensors) {
    CAPTURE(tensor.name());
    CHECK_FALSE(books.computes_nothing(tensor));
  }
}

TEST_CASE("unused: an averaged twin is one only where the file has what it averages") {
  const auto tensors = made_of_shapes({{"conv1.weight", {16, 3, 3, 3}},
                                       {"ema.conv1.weight", {16, 3, 3, 3}},
                                       {"ema_model.module.conv1.weight", {16, 3, 3, 3}},
                                       {"ema_conv1_weight", {16, 3, 3, 3}},
                                       {"model_ema.conv1weight", {16, 3, 3, 3}},
                                       {"model_ema.decay", {}},
                                       {"ema.conv2.weight", {16, 3, 3, 3}}});
  const IdleTensors books(tensors);
  for (std::size_t i = 1; i < tensors.size(); ++i) {
    CAPTURE(tensors[i].name());
    CHECK(books.computes_nothing(tensors[i]) == (i < 6));
  }
}

TEST_CASE("prefix: whatever most keys begin with is left out when it leaves a known network") {
  for (const char* prefix : {"", "net.", "encoder.", "cnn.", "resnet.", "base_model.", "feature_extractor.",
                             "module.", "_orig_mod.module.", "model.backbone.net."}) {
    CAPTURE(prefix);
    CHECK(prefix_of(resnet20(prefix)) == prefix);
    CHECK(prefix_of(resnet20(prefix) +
                    std::vector<NamedShape>{{"n_averaged", {}}, {"attn.weight", {4, 4}}}) == prefix);
  }
}

TEST_CASE("prefix: two networks are candidates and neither is taken, an averaged twin is none") {
  const auto both = made_of_shapes(resnet20("student.") + resnet20("teacher."));
  const std::vector<NetworkBelow> networks = find_networks(both);
  CHECK(choose_prefix(both, networks) == "");
  CHECK(listed(networks) == "\"student.\" (97 tensors), \"teacher.\" (97 tensors)");
  CHECK(prefix_of(resnet20("model.") + resnet20("model_ema.module.")) == "model.");
  CHECK(prefix_of(resnet20("ema.")) == "ema.");
}

TEST_CASE("prefix: a network that most tensors are not of is not taken for the whole") {
  std::vector<NamedShape> other;
  for (int i = 0; i < 120; ++i) other.push_back({text("decoder.", i, ".weight"), {4, 4}});
  CHECK(prefix_of(resnet20("loss_network.") + other) == "");
  // encoder.linear and linear: the encoder is a whole network inside of another.
  CHECK(prefix_of(resnet20("encoder.") + std::vector<NamedShape>{{"linear.weight", {5, 10}}}) == "");
}

TEST_CASE("prefix: where no network is known only wrappers that all share are left out") {
  CHECK(prefix_of({{"module.a.weight", {2}}, {"module.b.weight", {3}}, {"n_averaged", {}}}) == "module.");
  CHECK(prefix_of({{"module.a.weight", {2}}, {"b.weight", {3}}}) == "");
  CHECK(prefix_of({{"net.a.weight", {2}}, {"net.b.weight", {3}}}) == "");
}

TEST_CASE("prefix: it covers a file when all that may compute lies below it") {
  const std::vector<NamedShape> below = resnet20("module.");
  CHECK(covers("module.", made_of_shapes(below)));
  CHECK(covers("module.", made_of_shapes(below + std::vector<NamedShape>{{"n_averaged", {}}})));
  CHECK_FALSE(covers("module.", made_of_shapes(below + std::vector<NamedShape>{{"fc.weight", {2, 3}}})));
}
