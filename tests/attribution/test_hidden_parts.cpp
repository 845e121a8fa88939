// Maps for which the network is asked about the picture with parts of it hidden, against the programs that have them
// (tests/golden/make_hidden_parts.py) and their closed forms.
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

Tensor masks_input() { return random_tensor({2, 3, 13, 18}, "layer_maps.x"); }
constexpr double kMasksTolerance = 1e-5;
constexpr const char* kMaskMethods[] = {"score-cam", "occlusion", "rise"};

std::shared_ptr<const Tensor> masks_baseline() {
  return std::make_shared<const Tensor>(random_tensor({1, 3, 13, 18}, "inputs.baseline"));
}

/// A network with a probe of a batch of two, or of one of them, that looks at one of its layers.
struct Masked {
  Masked(Network built, const char* path, std::vector<std::size_t> of = {0, 1}, int threads = 1)
      : context(test_context(threads)),
        network(placed(std::move(built), context)),
        layer(network.find(path)),
        images(std::move(of)),
        probe(network, context, input(), {layer}, false) {}

  Tensor input() const {
    const Tensor x = masks_input();
    const auto size = x.values().size() / 2;
    Tensor chosen(x.shape().with(0, std::ssize(images)));
    float* to = chosen.data<float>();
    for (const std::size_t n : images) to = std::ranges::copy(x.values().subspan(n * size, size), to).out;
    return chosen;
  }
  /// As the generator asks.
  Question question(Preset preset = Preset::paper, Aim aim = Aim::score) const {
    Question question{.target = {.aim = aim}, .layer = layer, .preset = preset};
    for (const std::size_t n : images) question.target.classes.push_back(n == 0 ? 1 : 4);
    question.seed = 3;
    question.window = {.side = 4, .stride = 4};
    question.masks = {.count = 20, .grid = 4, .keep = 0.4};
    return question;
  }
  std::vector<Result> results(const char* method, const Question& asked) {
    return find_method(method).explain(probe, asked);
  }
  Tensor raw(const char* method, const Question& asked, std::size_t image = 0) {
    return results(method, asked).at(image).raw().clone();
  }

  Context context;
  Network network;
  NodeId layer;
  std::vector<std::size_t> images;
  Probe probe;
};

/// Image n of two.
Tensor one_of(const Tensor& both, std::size_t n) {
  const Shape shape(both.shape().extents().subspan(1));
  return Tensor::from(shape, both.values().subspan(n * both.values().size() / 2, both.values().size() / 2));
}

void check_equals(Masked& at, const char* method, const Question& asked, const std::string& expected) {
  CAPTURE(expected);
  const Tensor both = golden("hidden_parts", expected);
  const std::vector<Result> found = at.results(method, asked);
  for (std::size_t n = 0; n < 2; ++n) {
    Tensor map = found[n].raw().clone();
    if (asked.preset == Preset::torch_cam)
      for (float& v : map.values()) v = std::max(v, 0.0f);
    // The authors' sum is of maps of the picture's size.
    if (method == std::string("score-cam") && asked.preset == Preset::paper_code)
      map = upsample(map, 13, 18, Upsampling::bilinear);
    CHECK(relative_error(map, one_of(both, n)) <= tolerance_on(at.context.device(), kMasksTolerance));
  }
}

}  // namespace

TEST_CASE("hidden parts: score-cam equals the paper, its authors' code, pytorch-grad-cam and torch-cam" *
          doctest::test_suite("device")) {
  const auto check = [](Masked at, const std::string& name) {
    for (const Preset preset : find_method("score-cam").presets)
      check_equals(at, "score-cam",
                   at.question(preset, preset == Preset::paper_code ? Aim::probability : Aim::score),
                   name + ".score-cam." + std::string(name_of(preset)));
  };
  check(Masked(small_residual_network(), "block.relu_1"), "pooled.block.relu_1");
  check(Masked(small_residual_network(), "block.conv1"), "pooled.block.conv1");
  check(Masked(small_dense_network(), "relu2"), "dense.relu2");
  check(Masked(small_dense_network(), "relu1"), "dense.relu1");
}

TEST_CASE("hidden parts: occlusion equals captum and rise equals its definition" *
          doctest::test_suite("device")) {
  const auto check = [](Masked at, const std::string& name) {
    Question asked = at.question();
    check_equals(at, "occlusion", asked, name + ".occlusion");
    asked.window = {.side = 5, .stride = 3};
    asked.path.baseline = masks_baseline();
    check_equals(at, "occlusion", asked, name + ".occlusion.overlapping");
    check_equals(at, "rise", at.question(), name + ".rise");
    check_equals(at, "rise", at.question(Preset::paper_code, Aim::probability), name + ".rise.paper-code");
  };
  check(Masked(small_residual_network(), "block.relu_1"), "pooled");
  check(Masked(small_dense_network(), "relu2"), "dense");
}

TEST_CASE("hidden parts: closed forms of a network that is linear" * doctest::test_suite("device")) {
  Network linear_one(3);
  linear_one.add("conv", conv2d(3, 4, {.kernel = 1}));
  linear_one.add("flatten", flatten());
  linear_one.add("fc", linear(4 * 13 * 18, 5));
  fill_parameters(linear_one, 0.4);
  Masked at(std::move(linear_one), "conv", {0});
  constexpr std::int64_t kHeight = 13, kWidth = 18, kPlane = kHeight * kWidth;
  const double tolerance = tolerance_on(at.context.device(), kMasksTolerance);
  const auto parameter = [&](const char* node, std::size_t i) {
    return at.context.to_host(at.network.weights()[at.network.node(at.network.find(node)).parameters[i]]);
  };
  const Tensor kernel = parameter("conv", 0), bias = parameter("conv", 1), rows = parameter("fc", 0),
               last = parameter("fc", 1), x = at.input(), a = at.probe.activation(at.layer);
  // y = Σ u_ci x_ci + rest.
  std::vector<double> u(3 * kPlane, 0.0);
  double rest = last.values()[1];
  for (std::int64_t k = 0; k < 4; ++k)
    for (std::int64_t i = 0; i < kPlane; ++i) {
      const double row = rows.data<float>()[(4 + k) * kPlane + i];
      rest += row * bias.values()[static_cast<std::size_t>(k)];
      for (std::int64_t c = 0; c < 3; ++c)
        u[static_cast<std::size_t>(c * kPlane + i)] += row * kernel.data<float>()[k * 3 + c];
    }

  // A window costs what its pixels are worth.
  Tensor hidden = Tensor::zeros({kHeight, kWidth});
  for (std::int64_t y = 0; y < kHeight; ++y)
    for (std::int64_t column = 0; column < kWidth; ++column) {
      double worth = 0;
      for (std::int64_t v = y / 4 * 4; v < std::min(y / 4 * 4 + 4, kHeight); ++v)
        for (std::int64_t w = column / 4 * 4; w < std::min(column / 4 * 4 + 4, kWidth); ++w)
          for (std::int64_t c = 0; c < 3; ++c) {
            const std::int64_t i = c * kPlane + v * kWidth + w;
            worth += u[static_cast<std::size_t>(i)] * x.data<float>()[i];
          }
      hidden.data<float>()[y * kWidth + column] = static_cast<float>(worth);
    }
  CHECK(relative_error(at.raw("occlusion", at.question()), hidden) <= tolerance);

  // Masks that let all through.
  Question all = at.question();
  all.masks.keep = 1;
  Tensor value({kHeight, kWidth});
  value.fill(static_cast<float>(at.probe.values(all.target).front()));
  CHECK(relative_error(at.raw("rise", all), value) <= tolerance);

  // A layer of the picture's size, by the definition alone.
  std::vector<double> scores;
  double sum = 0;
  for (std::int64_t k = 0; k < 4; ++k) {
    const auto channel = a.values().subspan(static_cast<std::size_t>(k * kPlane), kPlane);
    const auto [low, high] = std::ranges::minmax(channel);
    double score = rest;
    for (std::size_t i = 0; i < 3 * kPlane; ++i)
      score += u[i] * x.values()[i] * (channel[i % kPlane] - low) / (high - low);
    sum += scores.emplace_back(std::exp(score));
  }
  const std::vector<Result> weighed = at.results("score-cam", at.question());
  for (std::size_t k = 0; k < 4; ++k)
    CHECK(std::abs(weighed.front().map->alpha.values()[k] - scores[k] / sum) <= 10 * tolerance);
}

TEST_CASE("hidden parts: neither the batch nor what goes together nor threads change a bit") {
  for (const char* method : kMaskMethods) {
    CAPTURE(method);
    Masked both(small_dense_network(), "relu2");
    Question asked = both.question(Preset::paper, Aim::log_probability);
    asked.window = {.side = 5, .stride = 3};
    const std::vector<Result> whole = both.results(method, asked);
    for (const std::int64_t bytes : {std::int64_t{1}, std::int64_t{60'000}}) {
      Masked again(small_dense_network(), "relu2");
      asked.batch_bytes = bytes;
      const std::vector<Result> parts = again.results(method, asked);
      for (std::size_t n = 0; n < 2; ++n) CHECK(same_bits(parts[n].raw(), whole[n].raw()));
    }
    Masked shared(small_dense_network(), "relu2", {0, 1}, 4);
    asked.batch_bytes = both.question().batch_bytes;
    const std::vector<Result> made_together = shared.results(method, asked);
    for (std::size_t n = 0; n < 2; ++n) CHECK(same_bits(made_together[n].raw(), whole[n].raw()));
    for (std::size_t n = 0; n < 2; ++n) {
      Masked one(small_dense_network(), "relu2", {n});
      Question about_one = asked;
      about_one.target.classes = {asked.target.classes[n]};
      CHECK(same_bits(one.raw(method, about_one), whole[n].raw()));
      // Smoothed by no noise it is itself.
      about_one.smoothing = Smoothing::mean;
      about_one.samples = 1;
      about_one.noise = 0;
      CHECK(relative_error(one.raw(method, about_one), whole[n].raw()) <= 1e-6);
    }
  }
}

TEST_CASE("hidden parts: as many pictures go together as their forward has room for") {
  // At most 1,512 values of a picture exist at a time: 8×7×9 of the stem, which the sum behind the block reads, and two
  // more in the block.
  constexpr std::int64_t kBytes = 4 * 3 * 8 * 7 * 9;
  for (const auto& [bytes, together] : {std::pair{4 * kBytes, 4}, std::pair{4 * kBytes - 1, 2}}) {
    Masked at(small_residual_network(), "block.relu_1", {0});
    Question asked = at.question();
    asked.batch_bytes = bytes;
    std::int64_t first = 0;
    asked.progress = [&](std::int64_t so_far, std::int64_t) { first = first == 0 ? so_far : first; };
    at.results("rise", asked);
    CHECK(first == together);
  }
}

TEST_CASE("hidden parts: the network is asked once for all targets and says how far it is") {
  for (const char* method : kMaskMethods) {
    CAPTURE(method);
    Masked at(small_dense_network(), "relu2", {0});
    Question asked = at.question();
    asked.batch_bytes = 1;
    std::vector<std::int64_t> done;
    std::int64_t expected = 0;
    asked.progress = [&](std::int64_t so_far, std::int64_t all) {
      done.push_back(so_far);
      expected = all;
    };
    at.results(method, asked);
    REQUIRE_FALSE(done.empty());
    CHECK(std::ranges::is_sorted(done));
    CHECK(done.back() == expected);
    done.clear();
    asked.target.classes = {3};
    const Tensor other = at.raw(method, asked);
    CHECK(done.empty());
    Masked fresh(small_dense_network(), "relu2", {0});
    CHECK(same_bits(other, fresh.raw(method, asked)));
    // What is asked of other pictures is another question.
    for (const auto change :
         {+[](Question& q) { q.seed = 4, q.window->side = 6, q.preset = Preset::torch_cam; },
          +[](Question& q) { q.path.baseline = masks_baseline(), q.masks.keep = 0.7; },
          +[](Question& q) { q.masks.grid = 3, q.window->stride = 2; }}) {
      Question changed = asked;
      change(changed);
      Masked anew(small_dense_network(), "relu2", {0});
      CHECK(same_bits(at.raw(method, changed), anew.raw(method, changed)));
    }
  }
}

TEST_CASE("hidden parts: channels that are constant share one pass") {
  Network network = small_dense_network();
  Tensor bias = network.weights()[network.node(network.find("conv2")).parameters[1]].clone();
  bias.values()[2] = bias.values()[5] = -1000;
  Masked at(network.with("conv2.bias", std::move(bias)), "relu2", {0});
  std::int64_t passes = 0;
  Question asked = at.question();
  asked.progress = [&](std::int64_t, std::int64_t all) { passes = all; };
  const std::vector<Result> paper = at.results("score-cam", asked);
  CHECK(passes == 7);
  const auto alpha = paper.front().map->alpha.values();
  CHECK(alpha[2] == alpha[5]);
  CHECK(alpha[2] > 0);
  asked.preset = Preset::paper_code;
  const std::vector<Result> code = at.results("score-cam", asked);
  const auto values = code.front().map->alpha.values();
  for (std::size_t k = 0; k < 8; ++k) CHECK((values[k] == 0) == (k == 2 || k == 5));
  // Nothing of the picture comes through them.
  const double black = at.probe.scores_of(Tensor::zeros(at.input().shape())).values()[1];
  CHECK(std::abs(std::log(alpha[2] / alpha[0]) - (black - values[0])) <= 1e-5);
}

TEST_CASE("hidden parts: occlusion's windows cover the picture and rise's masks follow from the seed") {
  Masked at(small_dense_network(), "relu2", {0});
  const auto passes = [&](std::optional<Window> window) {
    std::int64_t count = 0;
    Question asked = at.question();
    asked.window = window;
    asked.progress = [&](std::int64_t, std::int64_t all) { count = all; };
    for (const float v : at.raw("occlusion", asked).values()) REQUIRE(std::isfinite(v));
    return count - 1;  // one is of the picture itself
  };
  CHECK(passes(Window{.side = 13, .stride = 13}) == 2);
  CHECK(passes(Window{.side = 5, .stride = 4}) == 3 * 5);
  CHECK(passes(Window{.side = 40, .stride = 7}) == 1);
  CHECK(passes({}) == 13 * 18);

  Question asked = at.question();
  const Tensor first = at.raw("rise", asked);
  asked.seed = 4;
  CHECK(relative_error(at.raw("rise", asked), first) > 0.01);
  asked.seed = 3;
  CHECK(same_bits(at.raw("rise", asked), first));
}

TEST_CASE("hidden parts: what has no meaning is refused") {
  Masked at(small_dense_network(), "relu2", {0});
  const auto refused = [&](const char* method, const Question& asked, const char* why) {
    CAPTURE(method);
    CHECK_THROWS_WITH_AS(at.results(method, asked), doctest::Contains(why), Error);
  };
  const auto with = [&](auto change) {
    Question asked = at.question();
    change(asked);
    return asked;
  };
  for (const Window window : {Window{0, 1}, Window{3, 0}, Window{3, 4}})
    refused("occlusion", with([&](Question& q) { q.window = window; }),
            "a stride of the window's side at most");
  for (const RandomMasks masks : {RandomMasks{0, 7, 0.5}, RandomMasks{5, 0, 0.5}, RandomMasks{5, 257, 0.5},
                                  RandomMasks{5, 7, 0}, RandomMasks{5, 7, 1.5}, RandomMasks{5, 7, NAN}})
    refused("rise", with([&](Question& q) { q.masks = masks; }), "a probability above 0");
  refused("score-cam", at.question(Preset::captum), "preset captum defines no score-cam; use paper, ");
  refused("occlusion", with([](Question& q) {
            q.path.baseline = std::make_shared<const Tensor>(Tensor::zeros({1, 3, 13, 17}));
          }),
          "the baseline is ");
  const Tensor y = at.probe.activation(at.layer);
  const std::vector<float> like(static_cast<std::size_t>(y.numel()), 1.0f);
  const auto own = std::make_shared<const OwnTarget>(similarity(at.layer, y, like));
  for (const char* method : kMaskMethods)
    refused(method, with([&](Question& q) { q.target.own = own; }), "a target of one's own");
}
