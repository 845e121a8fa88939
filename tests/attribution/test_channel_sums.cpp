// Grad-CAM's weights by the closed form against those of the whole backward.
#include <doctest/doctest.h>

#include <memory>
#include <string>
#include <vector>

#include "attribution/small_network.hpp"
#include "engine/explain/explanation.hpp"
#include "support/compare.hpp"
#include "support/device.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

const Shape kSummedInput{2, 3, 13, 18};
const Optimisations kGeneral{.pack = true}, kClosed{.pack = true, .closed_form = true};

/// A layer "layer" of 8 channels, 13×18, below what `end` adds.
template <class End>
Network ending_in(End&& end) {
  Network network(3);
  network.add("conv", conv2d(3, 8, {.kernel = 3, .padding = 1}));
  network.add("layer", relu());
  end(network);
  fill_parameters(network, 0.4);
  for (NamedParameter& p : network.parameters())
    if (p.name == "bn.running_var") fill(*p.tensor, p.name, 0.5, 2);
  return network;
}

/// Pooling by so many windows of a channel, then two linear layers.
Network pooled_by(std::unique_ptr<Layer> pooling, std::int64_t windows) {
  return ending_in([&](Network& network) {
    network.add("pool", std::move(pooling));
    network.add("dropout", dropout());
    network.add("flatten", flatten());
    network.add("fc1", linear(8 * windows, 12));
    network.add("relu1", relu());
    network.add("fc2", linear(12, 5));
  });
}

/// Scores by a 1×1 convolution with a ReLU behind it, as SqueezeNet has them, with or without batch norm between.
Network scored_by_convolution(bool batch_norm) {
  return ending_in([&](Network& network) {
    network.add("dropout", dropout());
    network.add("scores", conv2d(8, 5, {.kernel = 1}));
    if (batch_norm) network.add("bn", batch_norm2d(5));
    network.add("relu", relu());
    network.add("pool", adaptive_avg_pool2d(1));
    network.add("flatten", flatten());
  });
}

/// Gives its input back, and has no backward.
class OneWay final : public Layer {
 public:
  Needs needs(bool) const override { return {}; }
  bool keeps_sums() const override { return true; }
  Shape output_shape(std::span<const Shape> x) const override { return x[0]; }
  void forward(const ForwardArgs& a) const override { a.context.copy(*a.x[0], *a.y[0]); }
  void backward(const BackwardArgs&) const override { throw Error(ErrorKind::unsupported, "no way back"); }
};

struct Summed {
  Summed(const Network& network, const Optimisations& optimise, std::string_view path = "layer")
      : context(test_context(2)),
        placed_network(placed(network, context)),
        layer(placed_network.find(path)),
        programs(placed_network, optimise),
        explanation(programs, context, random_tensor(kSummedInput, "channel_sums.x"), {layer}, false) {}

  /// The node whose gradient is enough; its name.
  std::string behind() const {
    const ChannelSums* const sums = explanation.program().channel_sums(layer);
    return sums ? placed_network.node(sums->node).name : "";
  }
  ClassMap grad_cam(const Seed& seed, AlphaReduction reduction = AlphaReduction::mean) {
    const ClassMap cam = explanation.grad_cam(layer, seed, reduction);
    return {context.to_host(cam.alpha), context.to_host(cam.map)};
  }

  Context context;
  Network placed_network;
  NodeId layer;
  Programs programs;
  Explanation explanation;
};

}  // namespace

TEST_CASE("channel sums: by what pooling and a product leave of a layer equal the whole backward's" *
          doctest::test_suite("device")) {
  struct Case {
    const char* name;
    Network network;
    const char* behind;
    const char* path = "layer";
  };
  Case cases[] = {
      {"global average", pooled_by(adaptive_avg_pool2d(1), 1), "fc1"},
      {"residual", small_residual_network(), "fc", "block"},
      {"uneven average", pooled_by(adaptive_avg_pool2d({5, 7}), 35), "fc1"},
      {"more windows than places", pooled_by(adaptive_avg_pool2d({15, 4}), 60), "fc1"},
      {"overlapping maxima over the rim",
       pooled_by(max_pool2d({.kernel = 3, .stride = 2, .padding = 1, .ceil_mode = true}), 70), "fc1"},
      {"maxima with gaps", pooled_by(max_pool2d({.kernel = 2, .stride = 5}), 12), "fc1"},
      {"maxima of places apart", pooled_by(max_pool2d({.kernel = 3, .stride = 2, .dilation = 3}), 24), "fc1"},
      {"average cut at the rim", pooled_by(avg_pool2d({.kernel = 4, .stride = 3, .ceil_mode = true}), 24),
       "fc1"},
      {"average without its padding",
       pooled_by(avg_pool2d({.kernel = 3, .stride = 2, .padding = 1, .count_include_pad = false}), 63),
       "fc1"},
      {"1×1 convolution", scored_by_convolution(false), "scores"},
  };
  for (const Case& c : cases) {
    CAPTURE(c.name);
    Summed general(c.network, kGeneral, c.path), closed(c.network, kClosed, c.path);
    CHECK(general.behind() == "");
    CHECK(closed.behind() == c.behind);
    const double tolerance = tolerance_on(closed.context.device(), 1e-6);
    Target target{.classes = {1, 4}};
    for (const Aim aim : {Aim::score, Aim::probability})
      for (const auto& others : {std::vector<Target::Other>{}, {{0}, {3, -0.5}}}) {
        target.aim = aim;
        target.others = others;
        const Seed seed = general.explanation.target(target);
        for (const AlphaReduction reduction : {AlphaReduction::mean, AlphaReduction::sum}) {
          const ClassMap expected = general.grad_cam(seed, reduction),
                         found = closed.grad_cam(seed, reduction);
          CHECK(relative_error(found.alpha, expected.alpha) <= tolerance);
          CHECK(relative_error(found.map, expected.map) <= tolerance);
        }
      }
    // The same scores and the same gradients for whoever asks for these.
    CHECK(same_bits(closed.context.to_host(closed.explanation.scores()),
                    general.context.to_host(general.explanation.scores())));
    const Seed seed = general.explanation.target(target);
    const auto gradient = [&](Summed& of) {
      return of.context.to_host(of.explanation.gradient(of.layer, seed, BackwardRule::guided));
    };
    CHECK(same_bits(gradient(closed), gradient(general)));
  }
}

TEST_CASE("channel sums: batch norm that became part of the convolution is in them" *
          doctest::test_suite("device")) {
  const Network network = scored_by_convolution(true);
  Optimisations folded = kClosed;
  folded.fold = true;
  Summed general(network, kGeneral), closed(network, folded), apart(network, kClosed);
  CHECK(closed.behind() == "bn");
  CHECK(apart.behind() == "scores");
  const Seed seed = general.explanation.target(Target{.classes = {1, 4}});
  const Tensor expected = general.grad_cam(seed).alpha;
  const double tolerance = tolerance_on(closed.context.device(), 2e-6);
  CHECK(relative_error(closed.grad_cam(seed).alpha, expected) <= tolerance);
  CHECK(relative_error(apart.grad_cam(seed).alpha, expected) <= tolerance);
}

TEST_CASE("channel sums: no backward runs before the product") {
  const Network network = pooled_by(std::make_unique<OneWay>(), 13 * 18);
  Summed general(network, kGeneral), closed(network, kClosed);
  const Seed seed = general.explanation.target(Target{.classes = {1, 4}});
  CHECK_THROWS_WITH_AS(general.grad_cam(seed), "no way back", Error);
  CHECK(closed.grad_cam(seed).alpha.shape() == Shape{2, 8});
}

TEST_CASE("channel sums: a target at the layer itself has its own gradient" * doctest::test_suite("device")) {
  const Network network = pooled_by(adaptive_avg_pool2d(1), 1);
  Summed general(network, kGeneral), closed(network, kClosed);
  for (const char* node : {"layer", "pool"}) {
    CAPTURE(node);
    const NodeId at = network.find(node);
    const Seed seed{at, random_tensor(general.explanation.run().shape(at), "channel_sums.dy")};
    const Tensor found = closed.grad_cam(seed).alpha;
    CHECK(relative_error(found, general.grad_cam(seed).alpha) == 0);
    CHECK(relative_error(found, Tensor::zeros({2, 8})) > 1);
  }
}

TEST_CASE("channel sums: where a backward is needed none are promised") {
  const auto behind = [](const Network& network, const Optimisations& optimise = kClosed) {
    return Summed(network, optimise).behind();
  };
  const auto with = [&](std::unique_ptr<Layer> layer, std::int64_t features) {
    return behind(pooled_by(std::move(layer), features));
  };
  CHECK(with(avg_pool2d({.kernel = 3, .stride = 2, .padding = 1}), 63) == "");
  CHECK(with(max_pool2d({.kernel = 2, .stride = 4, .padding = 1, .dilation = 5}), 12) == "");
  CHECK(with(relu(), 13 * 18) == "");
  CHECK(with(conv2d(8, 8, {.kernel = 3, .stride = 4}), 12) == "");

  // A second reader, and one that reads twice.
  CHECK(behind(ending_in([](Network& network) {
          const NodeId layer = network.output();
          network.add("pool", adaptive_avg_pool2d(1));
          const NodeId pooled = network.add("fc", conv2d(8, 5, {.kernel = 1}));
          network.add("beside", conv2d(8, 5, {.kernel = 1}), {layer});
          network.add("product", multiply(), {network.output(), pooled});
          network.add("mean", adaptive_avg_pool2d(1));
          network.add("flatten", flatten());
        })) == "");
  CHECK(behind(ending_in([](Network& network) {
          network.add("twice", std::make_unique<OneWay>(), {network.output(), network.output()});
          network.add("flatten", flatten());
          network.add("fc", linear(8 * 13 * 18, 5));
        })) == "");

  const Network one = pooled_by(adaptive_avg_pool2d(1), 1), several = pooled_by(adaptive_avg_pool2d(2), 4);
  CHECK(behind(one, Optimisations::all()) == "fc1");
  CHECK(behind(one, Optimisations::exact()) == "");
  CHECK(behind(one, {.closed_form = true}) == "fc1");
  CHECK(behind(several, {.closed_form = true}) == "");  // nothing is made for one picture

  Network network = pooled_by(adaptive_avg_pool2d(1), 1);
  const NodeId layer = network.find("layer");
  Context context({}, 1);
  const std::vector<TensorType> type{{DType::f32, kSummedInput}};
  const auto promised = [&](ProgramOptions options) {
    options.optimise = kClosed;
    return Program(network, context, type, std::move(options)).channel_sums(layer) != nullptr;
  };
  CHECK(promised({.gradients_at = {layer}}));
  CHECK_FALSE(promised({}));
  CHECK_FALSE(promised({.gradients_at = {layer}, .parameter_gradients = true}));
  CHECK_FALSE(promised({.gradients_at = {layer}, .training = true}));
}

TEST_CASE("channel sums: new weights are never mixed with sums of old ones") {
  Network network = pooled_by(adaptive_avg_pool2d(2), 4);
  Context context({}, 1);
  Programs programs(network, kClosed);
  const auto alpha = [&] {
    Explanation explanation(programs, context, random_tensor(kSummedInput, "channel_sums.x"),
                            {network.find("layer")}, false);
    return explanation.grad_cam(network.find("layer"), explanation.target(Target{.classes = {1, 4}}))
        .alpha.clone();
  };
  const Tensor before = alpha();
  for (NamedParameter& p : network.parameters())
    if (p.name == "fc1.weight")
      for (float& v : p.tensor->values()) v *= -1;
  CHECK(relative_error(alpha(), before) > 0.1);
}

TEST_CASE("channel sums: many targets of an image have the maps of each alone" *
          doctest::test_suite("device")) {
  const struct {
    Network network;
    const char* path;
    const char* behind;
  } cases[] = {{small_residual_network(), "block", "fc"},
               {pooled_by(adaptive_avg_pool2d({5, 7}), 35), "layer", "fc1"}};
  const std::int64_t targets = 17;
  const Tensor dscores = random_tensor({targets, 5}, "channel_sums.dscores");
  for (const auto& [network, path, behind] : cases) {
    Context context = test_context(2);
    const Network on_device = placed(network, context);
    const NodeId layer = on_device.find(path);
    Programs programs(on_device, kClosed);
    Explanation explanation(programs, context, random_tensor({1, 3, 13, 18}, "channel_sums.x"), {layer},
                            false);
    CHECK(on_device.node(explanation.program().channel_sums(layer)->node).name == behind);
    for (const AlphaReduction reduction : {AlphaReduction::mean, AlphaReduction::sum}) {
      const ClassMap all = explanation.grad_cams(layer, dscores, reduction);
      const Tensor alphas = context.to_host(all.alpha), maps = context.to_host(all.map);
      REQUIRE(alphas.shape() == Shape{targets, 8});
      const double tolerance = tolerance_on(context.device(), 1e-6);
      for (std::int64_t t = 0; t < targets; ++t) {
        const auto row = [t](const Tensor& of, const Shape& shape) {
          const auto size = static_cast<std::size_t>(shape.numel());
          return Tensor::from(shape, of.values().subspan(static_cast<std::size_t>(t) * size, size));
        };
        const ClassMap one =
            explanation.grad_cam(layer, {score_node(on_device), row(dscores, {1, 5})}, reduction);
        CHECK(relative_error(row(alphas, {1, 8}), context.to_host(one.alpha)) <= tolerance);
        CHECK(relative_error(row(maps, one.map.shape()), context.to_host(one.map)) <= tolerance);
      }
    }
    CHECK_THROWS_WITH_AS(explanation.grad_cams(layer, Tensor::zeros({3, 4})), doctest::Contains("3×4"),
                         Error);
  }
  Summed two(small_residual_network(), kClosed, "block");
  CHECK_THROWS_WITH_AS(two.explanation.grad_cams(two.layer, dscores), doctest::Contains("expected one image"),
                       Error);
}
