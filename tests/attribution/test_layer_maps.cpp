// Maps at a layer against the programs and papers that they come from (tests/golden/make_layer_maps.py), and against
// the closed forms that they have where a network ends in global average pooling and one linear layer.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "attribution/small_network.hpp"
#include "engine/explain/methods.hpp"
#include "support/compare.hpp"
#include "support/device.hpp"
#include "support/golden.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

Tensor layer_map_input() { return random_tensor({2, 3, 13, 18}, "layer_maps.x"); }
const Target kLayerMapTarget{{1, 4}};
constexpr double kLayerMapTolerance = 1e-5;

struct Asked {
  const char* method;
  Preset preset = Preset::pytorch_grad_cam;
  bool eigen_smooth = false;
  Target target = kLayerMapTarget;
};

/// N×h×w of the maps of a batch.
Tensor stacked(const std::vector<Result>& results) {
  const Shape& one = results.front().map->map.shape();
  Tensor all({static_cast<std::int64_t>(results.size()), one[0], one[1]});
  float* to = all.data<float>();
  for (const Result& result : results) to = std::ranges::copy(result.map->map.values(), to).out;
  return all;
}

/// A network with a probe that looks at one of its layers.
struct Looking {
  Looking(Network built, const char* path)
      : context(test_context(1)),
        network(placed(std::move(built), context)),
        layer(network.find(path)),
        probe(network, context, layer_map_input(), {layer}, false, /*tails=*/true) {}

  std::vector<Result> results(const Asked& asked) {
    return find_method(asked.method).explain(probe, {asked.target, layer, asked.preset, asked.eigen_smooth});
  }
  Tensor maps(const Asked& asked) { return stacked(results(asked)); }

  Context context;
  Network network;
  NodeId layer;
  Probe probe;
};

Tensor rectified(Tensor map) {
  for (float& v : map.values()) v = std::max(v, 0.0f);
  return map;
}

Tensor multiplied(Tensor map, double factor) {
  for (float& v : map.values()) v = static_cast<float>(v * factor);
  return map;
}

/// What the singular vector's sign leaves, image by image.
double error_up_to_sign(const Tensor& maps, const Tensor& expected) {
  const auto size = static_cast<std::size_t>(maps.numel() / maps.shape()[0]);
  Tensor turned = maps.clone();
  for (std::size_t n = 0; n < maps.values().size(); n += size) {
    double product = 0;
    for (std::size_t i = n; i < n + size; ++i)
      product += static_cast<double>(maps.values()[i]) * expected.values()[i];
    if (product < 0)
      for (std::size_t i = n; i < n + size; ++i) turned.values()[i] = -turned.values()[i];
  }
  return relative_error(turned, expected);
}

void check_goldens(Looking& at, const std::string& name) {
  for (const Method& method : methods()) {
    if (!method.needs.layer || method.needs.input_gradient || !method.tails.empty() || !method.passes.empty())
      continue;
    const std::string of(method.name);
    CAPTURE(name);
    CAPTURE(of);
    const bool eigen = of.starts_with("eigen");
    for (const Preset preset : method.presets) {
      if (of == "grad-cam") continue;  // test_presets.cpp has it
      CAPTURE(name_of(preset));
      const Tensor expected = golden("layer_maps", name + "." + of + "." + std::string(name_of(preset)));
      const Tensor found = at.maps({of.c_str(), preset});
      const double tolerance = tolerance_on(at.context.device(), kLayerMapTolerance);
      if (eigen)
        CHECK(error_up_to_sign(found, expected) <= tolerance);
      else if (preset == Preset::torch_cam)
        CHECK(relative_error(rectified(found.clone()), expected) <= tolerance);
      else
        CHECK(relative_error(found, expected) <= tolerance);
    }
    if (!method.smoothable) continue;
    const Tensor expected = golden("layer_maps", name + "." + of + ".pytorch-grad-cam.eigen");
    const Tensor found = at.maps({of.c_str(), Preset::pytorch_grad_cam, true});
    CHECK(error_up_to_sign(found, expected) <= tolerance_on(at.context.device(), 10 * kLayerMapTolerance));
  }
}

/// A parameter of small_residual_network()'s linear layer: its weight, then its bias.
Tensor classifier_parameter(const Looking& at, std::size_t which) {
  const Network& network = at.network;
  return at.context.to_host(network.weights()[network.node(network.find("fc")).parameters[which]]);
}

/// The rows of the linear layer of small_residual_network() for the targets' classes, N×K.
std::vector<std::vector<double>> class_rows(const Looking& at) {
  const Tensor weight = classifier_parameter(at, 0);
  std::vector<std::vector<double>> rows;
  for (const std::int64_t index : kLayerMapTarget.classes)
    rows.emplace_back(weight.values().begin() + index * weight.shape()[1],
                      weight.values().begin() + (index + 1) * weight.shape()[1]);
  return rows;
}

/// Σ_k f(W_k, mean of A_k) A_k.
template <class Weight>
Tensor closed_form(const Looking& at, Weight&& weight) {
  const Tensor a = at.probe.activation(at.layer);
  const std::int64_t channels = a.shape()[1], plane = a.shape()[2] * a.shape()[3];
  const auto rows = class_rows(at);
  Tensor map = Tensor::zeros({a.shape()[0], a.shape()[2], a.shape()[3]});
  for (std::int64_t n = 0; n < a.shape()[0]; ++n)
    for (std::int64_t i = 0; i < plane; ++i) {
      double sum = 0;
      for (std::int64_t k = 0; k < channels; ++k) {
        const float* row = a.data<float>() + (n * channels + k) * plane;
        double mean = 0;
        for (std::int64_t j = 0; j < plane; ++j) mean += row[j] / static_cast<double>(plane);
        sum += weight(rows[static_cast<std::size_t>(n)][static_cast<std::size_t>(k)], mean) * row[i];
      }
      map.data<float>()[n * plane + i] = static_cast<float>(sum);
    }
  return map;
}

}  // namespace

TEST_CASE("layer maps: equal the programs' and papers' at every preset" * doctest::test_suite("device")) {
  for (const char* path : {"block.relu_1", "block.conv1"}) {
    Looking at(small_residual_network(), path);
    check_goldens(at, std::string("pooled.") + path);
  }
  for (const char* path : {"relu1", "conv2", "relu2"}) {
    Looking at(small_dense_network(), path);
    check_goldens(at, std::string("dense.") + path);
  }
}

TEST_CASE("layer maps: paper-code shows a map divided by its maximum and then enlarged") {
  const Tensor maps = golden("layer_maps", "dense.relu2.grad-cam++.paper-code"),
               shown = golden("layer_maps", "dense.relu2.grad-cam++.paper-code.shown");
  const auto size = static_cast<std::size_t>(maps.numel() / 2), shown_size = std::size_t{13 * 18};
  for (std::size_t n = 0; n < 2; ++n) {
    const Tensor map = Tensor::from({6, 9}, maps.values().subspan(n * size, size));
    const Tensor expected = Tensor::from({13, 18}, shown.values().subspan(n * shown_size, shown_size));
    CHECK(relative_error(display_map(map, Preset::paper_code, 13, 18), expected) <= 1e-5);
  }
  const Tensor nothing = Tensor::zeros({2, 3});
  for (const float v : display_map(nothing, Preset::paper_code, 5, 5).values()) CHECK(v == 0);
}

TEST_CASE("layer maps: those of several layers become one as the presets join them" *
          doctest::test_suite("device")) {
  Context context = test_context(1);
  const Network network = placed(small_dense_network(), context);
  const NodeId shallow = network.find("relu1"), deep = network.find("relu2");
  Probe probe(network, context, layer_map_input(), {deep, shallow}, true);
  const auto fused = [&](const char* method, Preset preset) {
    // Whichever is named first.
    const Question asked{
        .target = kLayerMapTarget, .layer = deep, .preset = preset, .more_layers = {shallow}};
    const Question turned{
        .target = kLayerMapTarget, .layer = shallow, .preset = preset, .more_layers = {deep}};
    Tensor maps = stacked(find_method(method).explain(probe, asked));
    CHECK(same_bits(maps, stacked(find_method(method).explain(probe, turned))));
    return maps;
  };
  const double tolerance = tolerance_on(context.device(), kLayerMapTolerance);
  for (const char* method : {"grad-cam", "layercam"}) {
    const std::string name = std::string("dense.fused.") + method;
    CHECK(relative_error(fused(method, Preset::torch_cam), golden("layer_maps", name + ".torch-cam")) <=
          tolerance);
    const Tensor maps = fused(method, Preset::pytorch_grad_cam),
                 expected = golden("layer_maps", name + ".pytorch-grad-cam.shown");
    for (std::size_t n = 0; n < 2; ++n) {
      const auto of = [&](const Tensor& both) {
        return Tensor::from({13, 18}, both.values().subspan(n * 234, 234));
      };
      CHECK(relative_error(display_map(of(maps), Preset::pytorch_grad_cam, 13, 18), of(expected)) <= 1e-4);
    }
  }
  CHECK(relative_error(fused("layercam", Preset::paper),
                       golden("layer_maps", "dense.fused.layercam.paper")) <= tolerance);

  const auto refused = [&](const char* method, Preset preset, const char* why) {
    CHECK_THROWS_WITH_AS(fused(method, preset), doctest::Contains(why), Error);
  };
  refused("grad-cam", Preset::paper, "preset paper joins no maps of several layers but layercam's");
  refused("hirescam", Preset::captum, "preset captum joins no maps of several layers");
  refused("guided-grad-cam", Preset::pytorch_grad_cam, "which guided-grad-cam does not give");
  refused("gradient", Preset::pytorch_grad_cam, "which gradient does not give; grad-cam, grad-cam++");
}

TEST_CASE("layer maps: a batch gives the maps of its images one by one" * doctest::test_suite("device")) {
  Looking at(small_dense_network(), "conv2");
  const Tensor x = layer_map_input();
  for (const Method& method : methods()) {
    if (!method.needs.layer || method.needs.input_gradient) continue;
    CAPTURE(method.name);
    // Not every target has an Ablation-CAM of pytorch-grad-cam's.
    const Preset preset = method.name == "ablation-cam" ? Preset::paper : Preset::pytorch_grad_cam;
    for (const bool smooth : {false, true}) {
      if (smooth && !method.smoothable) continue;
      const std::vector<Result> both = at.results({method.name.data(), preset, smooth});
      for (std::size_t n = 0; n < 2; ++n) {
        const auto size = x.values().size() / 2;
        Probe alone(at.network, at.context, Tensor::from({1, 3, 13, 18}, x.values().subspan(n * size, size)),
                    {at.layer}, false, /*tails=*/true);
        const std::vector<Result> one =
            method.explain(alone, {{{kLayerMapTarget.classes[n]}}, at.layer, preset, smooth});
        CHECK(same_result(both[n].map->map, one.front().map->map));
        CHECK(both[n].map->alpha.defined() == one.front().map->alpha.defined());
      }
    }
  }
}

TEST_CASE("layer maps: have their closed forms where a network pools for one linear layer" *
          doctest::test_suite("device")) {
  Looking at(small_residual_network(), "block.relu_1");
  const double positions = 7 * 9, tolerance = tolerance_on(at.context.device(), 1e-6);
  const Tensor rows = closed_form(at, [&](double w, double) { return w / positions; });
  const Tensor positive = closed_form(at, [&](double w, double) { return std::max(w, 0.0) / positions; });
  CHECK(relative_error(positive, rows) > 0.1);

  // CAM, Grad-CAM, XGrad-CAM and HiResCAM are one map.
  Probe with_head(at.network, at.context, layer_map_input(), {at.layer}, false);
  CHECK(relative_error(
            multiplied(stacked(find_method("cam").explain(with_head, {kLayerMapTarget})), 1 / positions),
            rows) <= tolerance);
  CHECK(relative_error(at.maps({"grad-cam"}), rows) <= tolerance);
  CHECK(relative_error(multiplied(at.maps({"grad-cam", Preset::paper}), 1 / positions), rows) <= tolerance);
  CHECK(relative_error(at.maps({"xgrad-cam", Preset::paper}), rows) <= tolerance);
  CHECK(relative_error(at.maps({"hirescam"}), rows) <= tolerance);
  // So are LayerCAM, GradCAMElementWise and the Grad-CAM++ of the authors' code.
  CHECK(relative_error(at.maps({"layercam"}), positive) <= tolerance);
  CHECK(relative_error(at.maps({"grad-cam-elementwise"}), positive) <= tolerance);
  CHECK(relative_error(at.maps({"grad-cam++", Preset::paper_code}), positive) <= tolerance);
  // Grad-CAM++'s own: Σ [W]⁺/(2 + W·mean A) A.
  CHECK(relative_error(at.maps({"grad-cam++", Preset::paper}), closed_form(at, [](double w, double mean) {
                         return std::max(w, 0.0) / (2 + w * mean);
                       })) <= tolerance);
  // EigenGradCAM is the first component of W_k A_k, as Grad-CAM smoothed is.
  CHECK(relative_error(at.maps({"eigen-grad-cam"}), at.maps({"grad-cam", Preset::pytorch_grad_cam, true})) <=
        10 * tolerance);
}

TEST_CASE("layer maps: a method says whose map it gives at a layer and at which layers it is its own") {
  Context context;
  const Network pooled = small_residual_network(), dense = small_dense_network();
  const NodeId features = pooled.find("block.relu_1"), inner = pooled.find("block.relu");
  const auto identical = [&](const char* method, const Network& network, NodeId layer,
                             Preset preset = Preset::pytorch_grad_cam) {
    return find_method(method).identical_to(network, layer, preset);
  };
  for (const char* method : {"cam", "xgrad-cam", "hirescam"})
    CHECK(identical(method, pooled, features) == "grad-cam");
  CHECK(identical("grad-cam-elementwise", pooled, features) == "layercam");
  CHECK(identical("grad-cam++", pooled, features, Preset::paper_code) == "layercam");
  CHECK(identical("grad-cam++", pooled, features, Preset::paper).empty());
  for (const Method& method : methods()) {
    CAPTURE(method.name);
    const std::string_view to = method.identity.to;
    if (!to.empty()) CHECK(find_method(to).identity.to.empty());
    CHECK(identical(method.name.data(), pooled, inner, Preset::paper_code).empty());
    CHECK(identical(method.name.data(), dense, dense.find("relu2"), Preset::paper_code).empty());
  }
  // Features with negative values: their product with the gradient can be positive where the gradient is not.
  Network with_norm(3);
  const NodeId conv = with_norm.add("conv", conv2d(3, 4, {.kernel = 3}));
  with_norm.add("avgpool", adaptive_avg_pool2d(1));
  with_norm.add("flatten", flatten());
  with_norm.add("fc", linear(4, 5));
  CHECK(identical("hirescam", with_norm, conv) == "grad-cam");
  CHECK(identical("xgrad-cam", with_norm, conv).empty());
  CHECK(identical("grad-cam-elementwise", with_norm, conv).empty());
}

TEST_CASE("layer maps: gradients add up to what they are of" * doctest::test_suite("device")) {
  // HiResCAM of pooled features: the score without its bias.
  Looking at(small_residual_network(), "block.relu_1");
  const Tensor map = at.maps({"hirescam"}), bias = classifier_parameter(at, 1);
  const auto size = map.values().size() / 2;
  for (std::size_t n = 0; n < 2; ++n) {
    const auto index = static_cast<std::size_t>(kLayerMapTarget.classes[n]);
    double sum = bias.values()[index];
    for (const float v : map.values().subspan(n * size, size)) sum += v;
    CHECK(std::abs(sum - at.probe.scores().values()[n * 5 + index]) <= 1e-5);
  }
  // XGrad-CAM keeps the sum of gradient times activation at any layer.
  Looking inside(small_dense_network(), "relu2");
  const Tensor kept = inside.maps({"xgrad-cam", Preset::paper}), product = inside.maps({"hirescam"});
  double kept_sum = 0, product_sum = 0;
  for (std::size_t i = 0; i < kept.values().size() / 2; ++i) {
    kept_sum += kept.values()[i];
    product_sum += product.values()[i];
  }
  CHECK(std::abs(kept_sum - product_sum) <= 1e-5 * std::abs(product_sum));
}

TEST_CASE("layer maps: grad-cam++ by the paper outlives gradients whose squares vanish" *
          doctest::test_suite("device")) {
  Looking at(small_residual_network(), "block.relu_1");
  const Tensor expected = at.maps({"layercam"});
  Tensor weight = classifier_parameter(at, 0);
  for (float& v : weight.values()) v *= 1e-30f;
  Looking faintly(small_residual_network().with("fc.weight", std::move(weight)), "block.relu_1");
  // With g → 0 the weight is Σ[g]⁺/2: half of LayerCAM's map, times the number of positions.
  CHECK(relative_error(multiplied(faintly.maps({"grad-cam++", Preset::paper}), 2e30 / (7 * 9)), expected) <=
        tolerance_on(at.context.device(), 1e-5));
}

TEST_CASE("layer maps: a first component has the sign of the sum" * doctest::test_suite("device")) {
  Looking at(small_dense_network(), "relu2");
  const auto product = [](const Tensor& a, const Tensor& b) {
    double sum = 0;
    for (std::size_t i = 0; i < a.values().size() / 2; ++i)
      sum += static_cast<double>(a.values()[i]) * b.values()[i];
    return sum;
  };
  const Target against{kLayerMapTarget.classes, Direction::counterfactual};
  for (const Target& target : {kLayerMapTarget, against}) {
    const auto asked = [&](const char* method, bool smooth) {
      return at.maps({method, Preset::pytorch_grad_cam, smooth, target});
    };
    CHECK(product(asked("grad-cam", true), asked("grad-cam", false)) > 0);
    CHECK(product(asked("eigen-grad-cam", false), asked("hirescam", false)) > 0);
  }
  const Tensor a = at.probe.activation(at.layer), map = at.maps({"eigen-cam", Preset::paper});
  double with_mean = 0;
  for (std::int64_t k = 0; k < 8; ++k)
    for (std::int64_t i = 0; i < 6 * 9; ++i) with_mean += a.data<float>()[k * 54 + i] * map.data<float>()[i];
  CHECK(with_mean > 0);
}

TEST_CASE("layer maps: of values that are all alike the component is zero and finite") {
  // The layer's values are its bias, alike at every position: centred, nothing is left.
  Network flat(3);
  flat.add("conv", conv2d(3, 4, {.kernel = 1}));
  const NodeId layer = flat.add("relu", relu());
  flat.add("avgpool", adaptive_avg_pool2d(1));
  flat.add("flatten", flatten());
  flat.add("fc", linear(4, 5));
  fill_parameters(flat, 0.4);
  flat.parameters().front().tensor->fill(0);
  Context context;
  Probe probe(flat, context, layer_map_input(), {layer}, false);
  for (const Preset preset : {Preset::paper, Preset::pytorch_grad_cam})
    for (const Result& result : find_method("eigen-cam").explain(probe, {kLayerMapTarget, layer, preset}))
      for (const float v : result.map->map.values()) CHECK((preset == Preset::paper ? v > 0 : v == 0));
}

TEST_CASE("layer maps: smoothing what is no sum over channels is refused" * doctest::test_suite("device")) {
  Looking at(small_dense_network(), "relu2");
  for (const char* method : {"eigen-cam", "eigen-grad-cam", "gradient", "guided-backprop"})
    CHECK_THROWS_WITH_AS(at.results({method, Preset::pytorch_grad_cam, true}),
                         doctest::Contains("eigen smoothing has no meaning for"), Error);
  CHECK_THROWS_WITH_AS(at.results({"layercam", Preset::captum}),
                       "preset captum defines no layercam; use paper, pytorch-grad-cam or torch-cam", Error);
  CHECK_THROWS_WITH_AS(at.results({"grad-cam", Preset::paper_code}),
                       doctest::Contains("preset paper-code defines no grad-cam"), Error);
}
