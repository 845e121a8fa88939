// Maps that ask at other inputs than the picture, against captum and pytorch-grad-cam (tests/golden/make_inputs.py).
#include <doctest/doctest.h>

#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "attribution/small_network.hpp"
#include "engine/explain/sampling.hpp"
#include "models/pictures.hpp"
#include "support/compare.hpp"
#include "support/device.hpp"
#include "support/golden.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

constexpr int kSteps = 12;  // as the generator has them
constexpr double kInputTolerance = 2e-5;

Tensor input_maps_x() { return random_tensor({2, 3, 13, 18}, "layer_maps.x"); }

std::shared_ptr<const Tensor> filled_baseline() {
  return std::make_shared<const Tensor>(random_tensor({1, 3, 13, 18}, "inputs.baseline"));
}

/// A network, and a probe of a batch of two.
struct AtInput {
  AtInput(Network built, std::vector<std::string> layers)
      : context(test_context(2)), network(placed(std::move(built), context)) {
    for (const std::string& path : layers) at.push_back(network.find(path));
    probe.emplace(network, context, input_maps_x(), at, true);
  }
  Question question() const {
    Question question{.target = {{1, 4}}};
    if (!at.empty()) question.layer = at.front();
    question.path.steps = kSteps;
    question.samples = 5;
    question.noise = 0.2;
    question.seed = 3;
    return question;
  }
  std::vector<Result> results(const char* method, const Question& of) {
    return find_method(method).explain(*probe, of);
  }
  /// What both images have, one behind the other.
  Tensor raw(const char* method, const Question& of) {
    const std::vector<Result> both = results(method, of);
    std::vector<std::int64_t> extents{2};
    std::ranges::copy(both[0].raw().shape().extents(), std::back_inserter(extents));
    Tensor all{Shape(extents)};
    float* to = all.data<float>();
    for (const Result& result : both) to = std::ranges::copy(result.raw().values(), to).out;
    return all;
  }

  Context context;
  Network network;
  std::vector<NodeId> at;
  std::optional<Probe> probe;
};

double total(const Tensor& tensor) {
  return std::accumulate(tensor.values().begin(), tensor.values().end(), 0.0);
}

void check_inputs(const std::string& name, AtInput at) {
  CAPTURE(name);
  const double tolerance = tolerance_on(at.context.device(), kInputTolerance);
  const auto equals = [&](const char* method, const Question& question, const char* expected) {
    CAPTURE(expected);
    CHECK(relative_error(at.raw(method, question), golden("inputs", name + "." + expected)) <= tolerance);
  };
  const Question plain = at.question();
  equals("saliency", plain, "saliency");
  equals("input-x-gradient", plain, "input-x-gradient");
  equals("integrated-gradients", plain, "integrated");

  Question from_baseline = plain;
  from_baseline.path.baseline = filled_baseline();
  equals("integrated-gradients", from_baseline, "integrated.baseline");
  const Tensor delta = golden("inputs", name + ".integrated.delta");
  const std::vector<Result> results = at.results("integrated-gradients", from_baseline);
  for (std::size_t n = 0; n < 2; ++n) {
    const Completeness& found = results[n].completeness.value();
    CHECK(std::abs(found.sum - found.expected - delta.values()[n]) <= 1e-4);
    CHECK(std::abs(found.sum - total(results[n].gradient)) <= 1e-4);
  }
  from_baseline.path.rule = PathRule::trapezoid;
  equals("integrated-gradients", from_baseline, "integrated.trapezoid");

  for (const auto& [smoothing, expected] :
       {std::pair{Smoothing::mean, "smoothgrad"}, std::pair{Smoothing::mean_square, "smoothgrad-squared"},
        std::pair{Smoothing::variance, "vargrad"}}) {
    Question smooth = plain;
    smooth.smoothing = smoothing;
    equals("gradient", smooth, expected);
  }
}

}  // namespace

TEST_CASE("input maps: equal captum's" * doctest::test_suite("device")) {
  check_inputs("pooled", AtInput(small_residual_network(), {}));
  check_inputs("dense", AtInput(small_dense_network(), {}));
}

TEST_CASE("input maps: smoothing takes maps at a layer too" * doctest::test_suite("device")) {
  AtInput at(small_dense_network(), {"relu2"});
  const double tolerance = tolerance_on(at.context.device(), kInputTolerance);
  Question question = at.question();
  question.smoothing = Smoothing::mean;
  CHECK(relative_error(at.raw("grad-cam", question), golden("inputs", "dense.grad-cam.smoothgrad")) <=
        tolerance);
  question.smoothing = Smoothing::augmentation;
  CHECK(relative_error(at.raw("grad-cam", question), golden("inputs", "dense.grad-cam.augmentation")) <=
        1e-3);
  // A gradient is turned back with its picture.
  const Tensor once = at.raw("gradient", question);
  Tensor turned = input_maps_x();
  for (auto row = turned.values().begin(); row != turned.values().end(); row += 18)
    std::reverse(row, row + 18);
  Probe other(at.network, at.context, std::move(turned), at.at, true);
  const std::vector<Result> mirrored = find_method("gradient").explain(other, question);
  for (std::size_t n = 0; n < 2; ++n)
    for (std::size_t i = 0; i < 3 * 13 * 18; ++i) {
      const float back = mirrored[n].gradient.values()[i / 18 * 18 + 17 - i % 18];
      CHECK(std::abs(back - once.values()[n * 3 * 13 * 18 + i]) <= 1e-5);
    }
}

TEST_CASE("input maps: neither the batch nor the inputs that go together change a bit") {
  AtInput at(small_dense_network(), {"relu2"});
  const Tensor x = input_maps_x();
  const auto size = x.values().size() / 2;
  for (const Smoothing smoothing :
       {Smoothing::none, Smoothing::mean, Smoothing::variance, Smoothing::augmentation})
    for (const char* method : {"integrated-gradients", "guided-grad-cam", "eigen-cam"}) {
      if (smoothing == Smoothing::none && std::string(method) != "integrated-gradients") continue;
      CAPTURE(method);
      Question question = at.question();
      question.smoothing = smoothing;
      question.path.steps = 3;
      question.samples = 3;
      const std::vector<Result> both = at.results(method, question);
      question.batch_bytes = 1;
      const std::vector<Result> singly = at.results(method, question);
      for (std::size_t n = 0; n < 2; ++n) {
        CHECK(same_bits(both[n].raw(), singly[n].raw()));
        Question about_one = question;
        about_one.target.classes = {question.target.classes[n]};
        Probe one(at.network, at.context, Tensor::from({1, 3, 13, 18}, x.values().subspan(n * size, size)),
                  at.at, true);
        CHECK(same_bits(both[n].raw(), find_method(method).explain(one, about_one).front().raw()));
      }
    }
}

TEST_CASE("input maps: integrated gradients add up and a straight network needs one step" *
          doctest::test_suite("device")) {
  // Without an activation the gradient is the same everywhere on the path.
  Network straight(3);
  straight.add("conv", conv2d(3, 4, {.kernel = 3}));
  straight.add("avgpool", adaptive_avg_pool2d(1));
  straight.add("flatten", flatten());
  straight.add("fc", linear(4, 5));
  fill_parameters(straight, 0.4);
  AtInput linear_one(std::move(straight), {});
  Question question = linear_one.question();
  question.path = {.baseline = filled_baseline(), .steps = 1};
  for (const Result& result : linear_one.results("integrated-gradients", question))
    CHECK(std::abs(result.completeness->sum - result.completeness->expected) <= 1e-5);

  // Where nothing has a kink, Gauss and Legendre's rule leaves nothing to be seen in float32.
  Network smooth(3);
  smooth.add("conv", conv2d(3, 4, {.kernel = 3}));
  smooth.add("silu", silu());
  smooth.add("avgpool", adaptive_avg_pool2d(2));
  smooth.add("flatten", flatten());
  smooth.add("fc", linear(16, 5));
  fill_parameters(smooth, 0.4);
  AtInput bent(std::move(smooth), {});
  question.path.steps = 20;
  for (const Aim aim : {Aim::score, Aim::probability, Aim::log_probability}) {
    question.target.aim = aim;
    for (const Result& result : bent.results("integrated-gradients", question)) {
      CHECK(std::abs(result.completeness->expected) > 1e-3);
      CHECK(std::abs(result.completeness->sum - result.completeness->expected) <= 1e-5);
    }
  }
}

TEST_CASE("input maps: rules integrate what they are exact for") {
  for (const int nodes : {1, 2, 7, 50}) {
    const std::vector<QuadratureNode> rule = quadrature(PathRule::gauss_legendre, nodes);
    for (int power = 0; power < 2 * nodes; ++power) {
      double sum = 0;
      for (const QuadratureNode& node : rule) sum += node.weight * std::pow(node.at, power);
      CHECK(std::abs(sum - 1.0 / (power + 1)) <= 1e-13);
    }
  }
  double sum = 0, first_moment = 0;
  for (const QuadratureNode& node : quadrature(PathRule::trapezoid, 9)) {
    sum += node.weight;
    first_moment += node.weight * node.at;
  }
  CHECK(std::abs(sum - 1) <= 1e-15);
  CHECK(std::abs(first_moment - 0.5) <= 1e-15);
}

TEST_CASE("input maps: channels are reduced at the end" * doctest::test_suite("device")) {
  AtInput at(small_dense_network(), {});
  Question question = at.question();
  const std::vector<Result> plain = at.results("integrated-gradients", question);
  question.channels = ChannelReduction::sum;
  const std::vector<Result> summed = at.results("integrated-gradients", question);
  question.channels = ChannelReduction::sum_abs;
  const std::vector<Result> magnitudes = at.results("integrated-gradients", question);
  question.channels = ChannelReduction::max_abs;
  const std::vector<Result> largest = at.results("integrated-gradients", question);
  for (std::size_t n = 0; n < 2; ++n) {
    CHECK_FALSE(summed[n].gradient.defined());
    CHECK(std::abs(total(summed[n].map->map) - summed[n].completeness->sum) <= 1e-4);
    const auto v = plain[n].gradient.values();
    for (std::size_t i = 0; i < 13 * 18; ++i) {
      const float r = v[i], g = v[234 + i], b = v[468 + i];
      CHECK(std::abs(summed[n].map->map.values()[i] - (r + g + b)) <= 1e-6);
      CHECK(std::abs(magnitudes[n].map->map.values()[i] - (std::abs(r) + std::abs(g) + std::abs(b))) <= 1e-6);
      CHECK(largest[n].map->map.values()[i] == std::max({std::abs(r), std::abs(g), std::abs(b)}));
    }
  }
}

TEST_CASE("input maps: what is not fit to be asked is refused") {
  AtInput at(small_dense_network(), {"relu2"});
  const auto refused = [&](const char* method, const Question& question, const char* why) {
    CHECK_THROWS_WITH_AS(at.results(method, question), doctest::Contains(why), Error);
  };
  Question question = at.question();
  question.path.steps = 0;
  refused("integrated-gradients", question, "a path of 0 steps was asked for, expected 1 at least");
  question.path = {.rule = PathRule::trapezoid, .steps = 1};
  refused("integrated-gradients", question, "expected 2 at least");
  question.path = {.baseline = std::make_shared<const Tensor>(Tensor::zeros({1, 3, 13, 17}))};
  refused("integrated-gradients", question, "the baseline is 1×3×13×17, the input 1×3×13×18");
  question = at.question();
  question.channels = ChannelReduction::sum;
  refused("grad-cam", question, "channels are those of the input, which grad-cam does not go to");
  question = at.question();
  question.smoothing = Smoothing::mean;
  question.samples = 0;
  refused("gradient", question, "0 samples");
  question.samples = 2;
  question.noise = NAN;
  refused("gradient", question, "noise of nan");
}

TEST_CASE("input maps: baselines are grey, black, and the picture without its detail") {
  const Preprocessing how = Preprocessing::torchvision();
  Tensor x({1, 3, 20, 40});
  fill(x, "baseline.x", -1, 1);
  for (const float v : baseline(Baseline::mean, x, how).values()) CHECK(v == 0);
  const Tensor black = baseline(Baseline::black, x, how), expected = normalise(Image(40, 20), how);
  CHECK(relative_error(black, expected) <= 1e-6);
  Tensor flat({1, 3, 20, 40});
  flat.fill(0.7);
  CHECK(relative_error(baseline(Baseline::blur, flat, how), flat) <= 1e-6);
  // A point spreads as a Gaussian of σ = 1, the same along rows and columns, and keeps its sum.
  Tensor point = Tensor::zeros({1, 3, 20, 40});
  point.data<float>()[10 * 40 + 20] = 1;
  const Tensor spread = baseline(Baseline::blur, point, how);
  CHECK(std::abs(total(spread) - 1) <= 1e-6);
  CHECK(std::abs(spread.data<float>()[10 * 40 + 21] / spread.data<float>()[10 * 40 + 20] - std::exp(-0.5)) <=
        1e-6);
  CHECK(spread.data<float>()[11 * 40 + 20] == spread.data<float>()[10 * 40 + 21]);
  Tensor with_alpha({1, 4, 5, 5});
  fill(with_alpha, "baseline.alpha", 0, 1);
  const Tensor hidden = baseline(Baseline::black, with_alpha, with_channels(how, 4));
  for (std::size_t i = 75; i < 100; ++i) CHECK(hidden.values()[i] == with_alpha.values()[i]);
}
