// Measures that ask the network again: against the packages that define them, in closed form, and at their edges.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

#include "attribution/small_network.hpp"
#include "engine/evaluate/drop.hpp"
#include "engine/evaluate/imputation.hpp"
#include "engine/evaluate/infidelity.hpp"
#include "engine/evaluate/insertion_deletion.hpp"
#include "engine/evaluate/occlusion.hpp"
#include "engine/evaluate/ranking.hpp"
#include "engine/evaluate/road.hpp"
#include "engine/evaluate/sparseness.hpp"
#include "support/compare.hpp"
#include "support/golden.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

constexpr std::int64_t kHeight = 13, kWidth = 18;

/// Like a Grad-CAM map: half zeros.
Tensor positive_map(const Shape& shape, const char* name) {
  Tensor map = random_tensor(shape, name);
  for (float& v : map.values()) v = std::max(v, 0.0F);
  return map;
}
Tensor half_map() { return positive_map({kHeight, kWidth}, "faithfulness.map"); }
/// For programs whose order of equals is chance.
Tensor untied_map() { return random_tensor({kHeight, kWidth}, "faithfulness.untied", 0, 1); }

/// A probe of the picture that the goldens are of, and scores of its class 1.
struct Measured {
  explicit Measured(DType dtype = DType::f64, Network built = small_dense_network(), int threads = 1,
                    std::int64_t batch_bytes = kTailBytes)
      : network(std::move(built)), context(Device{}, threads) {
    network.to(dtype);
    layer = network.size() > 5 ? network.find("relu2") : 1;
    probe.emplace(network, context, random_tensor({1, 3, kHeight, kWidth}, "faithfulness.x").to(dtype),
                  network.size() > 5 ? std::vector{layer} : std::vector<NodeId>{}, true);
    scorer.emplace(*probe, target(), batch_bytes);
  }
  static Target target() { return {.classes = {1}}; }
  Question question() const { return {.target = target(), .layer = layer}; }

  Network network;
  Context context;
  NodeId layer = 0;
  std::optional<Probe> probe;
  std::optional<Scorer> scorer;
};

void check_near(std::span<const double> found, const char* name, double tolerance = 1e-6) {
  CAPTURE(name);
  const Tensor expected = golden("faithfulness", name);
  REQUIRE(std::ssize(found) == expected.numel());
  for (std::size_t i = 0; i < found.size(); ++i) {
    CAPTURE(i);
    CHECK(found[i] == doctest::Approx(static_cast<double>(expected.data<float>()[i])).epsilon(tolerance));
  }
}
void check_near(double found, const char* name, double tolerance = 1e-6) {
  check_near(std::span(&found, 1), name, tolerance);
}

/// f(x) = Σ w_i x_i of class 1, 0 of class 0, of an input of one row.
Network linear_network(std::int64_t inputs, std::span<const float> weights) {
  Network network(1);
  network.add("flatten", flatten());
  network.add("fc", linear(inputs, 2));
  for (const NamedParameter& p : network.parameters()) {
    p.tensor->fill(0);
    if (p.name == "fc.weight") std::ranges::copy(weights, p.tensor->data<float>() + inputs);
  }
  return network;
}

bool missing_everywhere(std::int64_t, std::int64_t) { return true; }

std::vector<bool> mask_of(std::int64_t height, std::int64_t width,
                          const std::function<bool(std::int64_t, std::int64_t)>& missing) {
  std::vector<bool> mask;
  for (std::int64_t y = 0; y < height; ++y)
    for (std::int64_t x = 0; x < width; ++x) mask.push_back(missing(y, x));
  return mask;
}

}  // namespace

TEST_CASE("ranking: descending, equals in row-major order, and exact counts") {
  const std::vector<double> map{0, 2, 0, 3, 2, 0};
  CHECK(descending(map) == std::vector<std::int64_t>{3, 1, 4, 0, 2, 5});
  CHECK(positions(descending(map)) == std::vector<std::int64_t>{3, 1, 4, 0, 2, 5});
  CHECK(share_of(0.5, 7) == 4);
  CHECK(share_of(0.1, 50176) == 5018);
  CHECK_THROWS_AS(share_of(1.01, 7), Error);
  CHECK_THROWS_AS(descending(std::vector<double>{0, std::nan("")}), Error);
  // Many ties: a sort that is not stable would show.
  CHECK(std::ranges::is_sorted(descending(std::vector<double>(1000, 0.5))));
}

TEST_CASE("ranking: Spearman with ties and Pearson are SciPy's, and of constants there is none") {
  Tensor a = random_tensor({40}, "spearman.a");
  for (float& v : a.values()) v = std::nearbyint(v * 3);
  const Tensor x = a.to(DType::f64), y = random_tensor({40}, "spearman.b").to(DType::f64);
  const std::vector<double> found{*spearman(x.values<double>(), y.values<double>()),
                                  *pearson(x.values<double>(), y.values<double>())};
  check_near(found, "spearman");
  CHECK(mean_ranks(std::vector<double>{5, 1, 5, 0}) == std::vector<double>{3.5, 2, 3.5, 1});
  const std::vector<double> same(5, 0.3), other{1, 2, 3, 4, 5};
  CHECK_FALSE(spearman(same, other).has_value());
  CHECK_FALSE(pearson(other, same).has_value());
  CHECK(*spearman(other, std::vector<double>{1, 4, 9, 16, 25}) == doctest::Approx(1));
}

TEST_CASE("sparseness and complexity of one pixel, of equal ones and of none") {
  std::vector<double> one(10, 0.0);
  one[3] = -2;
  CHECK(*sparseness(one) == doctest::Approx(0.9));
  CHECK(*complexity(one) == 0);
  CHECK(effective_complexity(one) == 1);
  const std::vector<double> equal(10, 0.5);
  CHECK(*sparseness(equal) == doctest::Approx(0));
  CHECK(*complexity(equal) == doctest::Approx(std::log(10)));
  CHECK(effective_complexity(equal, 0.5) == 0);
  const std::vector<double> none(10, 0.0);
  CHECK_FALSE(sparseness(none).has_value());
  CHECK_FALSE(complexity(none).has_value());
  // Σ(2i−n−1)a_i/(nΣa) of 1, 2, 3, whatever their order and signs: (−2·1 + 0 + 2·3)/(3·6).
  CHECK(*sparseness(std::vector<double>{-3, 1, 2}) == doctest::Approx(4.0 / 18));
}

TEST_CASE("drop: pytorch-grad-cam's and torch-cam's, and what is hidden is mean colour, or what is said") {
  const Measured m;
  const Confidence found = confidence(*m.scorer, half_map());
  check_near(found.absolute_drop(), "drop.pytorch_grad_cam");
  CHECK(found.drop() == doctest::Approx(found.absolute_drop() / found.before));
  CHECK_FALSE(found.increases());
  check_near(confidence(*m.scorer, half_map(), {}, Aim::score).torch_cam_drop(), "drop.torch_cam");
  // A map without positive evidence hides everything; filled with the picture itself, nothing.
  const Tensor none = Tensor::zeros({kHeight, kWidth});
  Probe dark = m.probe->at(Tensor::zeros(m.probe->input().shape(), DType::f64));
  Target probability = Measured::target();
  probability.aim = Aim::probability;
  CHECK(confidence(*m.scorer, none).after == dark.values(probability).front());
  const Tensor half = half_map();
  for (const Tensor* map : {&none, &half})
    CHECK(confidence(*m.scorer, *map, m.probe->input()).after ==
          doctest::Approx(found.before).epsilon(1e-12));
  CHECK_THROWS_AS(confidence(*m.scorer, none, Tensor::zeros({1, 3, 2, 2})), Error);
  CHECK_THROWS_AS(confidence(*m.scorer, Tensor::zeros({2, 2})), Error);
}

TEST_CASE("adcc: coherency is pytorch-grad-cam's, and the mean is harmonic") {
  Measured m(DType::f32);
  const Method& grad_cam = find_method("grad-cam");
  const Tensor map =
      measured_map(grad_cam.explain(*m.probe, m.question()).front(), m.question().preset, kHeight, kWidth);
  const Adcc found = adcc(*m.probe, grad_cam, m.question(), map, 0.25);
  REQUIRE(found.coherency.has_value());
  check_near(*found.coherency, "coherency", 1e-5);
  const double a = *found.coherency, b = 1 - found.complexity;
  CHECK(*found.value() == doctest::Approx(3 / (1 / a + 1 / b + 1 / 0.75)));
  CHECK(*Adcc{0.5, 1, 0}.value() == 0);
  CHECK_FALSE(Adcc{}.value().has_value());
}

TEST_CASE("insertion and deletion: RISE's curves and blur, and torch-cam's areas") {
  const Measured m;
  const ScoreCurve inserted = insertion(*m.scorer, untied_map()), deleted = deletion(*m.scorer, untied_map());
  check_near(inserted.scores, "rise.ins");
  check_near(deleted.scores, "rise.del");
  check_near(inserted.area(), "rise.ins.area");
  check_near(deleted.area(), "rise.del.area");
  CHECK(relative_error(blurred(m.probe->input()), golden("faithfulness", "rise.blurred")) < 1e-6);
  const ScoreCurveOptions torch_cam{.insertion_from_zeros = true, .aim = Aim::score};
  const std::vector<double> areas{insertion(*m.scorer, half_map(), torch_cam).area(),
                                  deletion(*m.scorer, half_map(), torch_cam).area()};
  check_near(areas, "torch_cam.areas");
  // Equals are removed row by row: a map without evidence has a curve, too, and an order of its own.
  const Tensor none = Tensor::zeros({kHeight, kWidth});
  const ScoreCurve plain = deletion(*m.scorer, none, {.points = 3});
  CHECK(plain.shares == std::vector<double>{0, 0.5, 1});
  CHECK(plain.scores.front() == insertion(*m.scorer, none, {.points = 3}).scores.back());
  CHECK_THROWS_AS(deletion(*m.scorer, half_map(), {.points = 1}), Error);
}

TEST_CASE("insertion and deletion of a linear model are what its weights say") {
  // Pixels go in the order of w·x: after k of them f = Σ_{i ≥ k} c_i, and the trapezoids add up in closed form.
  const std::vector<float> weights{1, 4, 2, 3};
  Network network = linear_network(4, weights);
  network.to(DType::f64);
  Context context(Device{}, 1);
  Probe probe(network, context, Tensor::from({1, 1, 1, 4}, std::vector<float>{2, 1, 1, 1}).to(DType::f64), {},
              false);
  const Scorer scorer(probe, {.classes = {1}});
  const Tensor map = Tensor::from({1, 4}, std::vector<float>{2, 4, 2, 3});  // contributions 2 4 2 3
  const ScoreCurveOptions options{.points = 5, .insertion_from_zeros = true, .aim = Aim::score};
  const ScoreCurve deleted = deletion(scorer, map, options), inserted = insertion(scorer, map, options);
  CHECK(deleted.scores == std::vector<double>{11, 7, 4, 2, 0});
  CHECK(deleted.area() == doctest::Approx((11 / 2.0 + 7 + 4 + 2) / 4));
  CHECK(inserted.scores == std::vector<double>{0, 4, 7, 9, 11});
  CHECK(inserted.area() == doctest::Approx((4 + 7 + 9 + 11 / 2.0) / 4));
}

TEST_CASE("imputation: SciPy's spsolve, for noise, holes, all but one pixel, and corners") {
  const Tensor mask = random_tensor({24, 31}, "imputation.mask");
  const std::map<std::string, std::function<bool(std::int64_t, std::int64_t)>> masks{
      {"noise", [&](std::int64_t y, std::int64_t x) { return mask.data<float>()[y * 31 + x] < 0.8F; }},
      {"hole", [](std::int64_t y, std::int64_t x) { return y >= 3 && y < 22 && x >= 5; }},
      {"one", [](std::int64_t y, std::int64_t x) { return y != 7 || x != 9; }},
      {"corners", [](std::int64_t y, std::int64_t x) { return (y == 0 || y == 23) && (x == 0 || x == 30); }}};
  const Tensor picture = random_tensor({2, 24, 31}, "imputation.x").to(DType::f64);
  for (const auto& [name, missing] : masks) {
    CAPTURE(name);
    const Imputer imputer(24, 31, mask_of(24, 31, missing));
    Tensor filled = picture.clone();
    for (std::size_t c = 0; c < 2; ++c) {
      const int iterations = imputer.fill(filled.values<double>().subspan(c * 24 * 31, 24 * 31));
      CHECK(iterations <= 15);
    }
    const Tensor expected = golden("faithfulness", "imputed." + name);
    double worst = 0;
    for (std::int64_t i = 0; i < filled.numel(); ++i)
      worst = std::max(worst,
                       std::abs(filled.data<double>()[i] - static_cast<double>(expected.data<float>()[i])));
    CHECK(worst < 1e-4);
  }
}

TEST_CASE("imputation: in closed form at a corner, from one pixel, and none without any") {
  // A corner has 1/6 + 1/6 + 1/12 of weights.
  std::vector<double> plane{0, 6, 7, 12, 8, 9, 1, 2, 3};
  Imputer(3, 3, mask_of(3, 3, [](auto y, auto x) { return y == 0 && x == 0; })).fill(plane, 1e-12);
  CHECK(plane[0] == doctest::Approx((6.0 / 6 + 12.0 / 6 + 8.0 / 12) / (5.0 / 12)));
  CHECK(plane[1] == 6);
  std::vector<double> one(35, 0.0);
  one[17] = 4.5;
  Imputer(5, 7, mask_of(5, 7, [](auto y, auto x) { return y * 7 + x != 17; })).fill(one, 1e-10);
  for (const double v : one) CHECK(v == doctest::Approx(4.5));
  std::vector<double> known{1, 2};
  Imputer(1, 2, {false, false}).fill(known);
  CHECK(known == std::vector<double>{1, 2});
  CHECK_THROWS_AS(Imputer(3, 3, mask_of(3, 3, missing_everywhere)), Error);
  CHECK_THROWS_AS(Imputer(3, 3, {true}), Error);
  std::vector<double> bad{0, std::nan(""), 1};
  CHECK_THROWS_AS(Imputer(1, 3, {true, false, false}).fill(bad), Error);
}

TEST_CASE("imputation: about as many iterations for a large hole as for a small one") {
  const auto iterations = [](std::int64_t side) {
    std::vector<double> plane(static_cast<std::size_t>(side * side));
    for (std::size_t i = 0; i < plane.size(); ++i) plane[i] = random_uniform(1, i);
    return Imputer(side, side,
                   mask_of(side, side,
                           [&](auto y, auto x) { return y > 0 && x > 0 && y + 1 < side && x + 1 < side; }))
        .fill(plane);
  };
  CHECK(iterations(224) <= iterations(28) + 6);
  CHECK(iterations(224) <= 16);
}

TEST_CASE("road: scores of exact counts, and pytorch-grad-cam's percentiles") {
  const Measured m(DType::f32);
  RoadOptions options{.shares = {0.1, 0.3, 0.5, 0.7, 0.9}};
  const Road found = road(*m.scorer, untied_map(), options);
  check_near(found.morf.scores, "road.morf", 1e-4);
  check_near(found.lerf.scores, "road.lerf", 1e-4);
  options.protocol = RoadProtocol::pytorch_grad_cam;
  const Road theirs = road(*m.scorer, half_map(), options);
  check_near(theirs.morf.mean() - theirs.before, "road.pytorch_grad_cam.morf", 1e-4);
  check_near(theirs.lerf.mean() - theirs.before, "road.pytorch_grad_cam.lerf", 1e-4);
  // Half of the map is zero: to keep what is below its lower percentiles is to keep nothing.
  CHECK(theirs.morf.scores[0] == theirs.morf.scores[1]);
  const Road counted = road(*m.scorer, half_map(), {.shares = options.shares});
  CHECK(counted.morf.scores[0] != counted.morf.scores[1]);
  CHECK(found.combined() == doctest::Approx((found.lerf.mean() - found.morf.mean()) / 2));
  CHECK(found.morf.first.size() == 5);
  CHECK_THROWS_WITH_AS(road(*m.scorer, half_map(), {.shares = {1}}),
                       doctest::Contains("all 234 pixels are missing"), Error);
  CHECK_THROWS_AS(road(*m.scorer, half_map(), {.shares = {}}), Error);
  CHECK_THROWS_AS(road(*m.scorer, half_map(), {.noise = {0.1}}), Error);
}

TEST_CASE("road: noise is of the seed and the picture's name alone") {
  const Measured m(DType::f32);
  const RoadOptions quiet{.shares = {0.5}};
  RoadOptions loud{.shares = {0.5}, .noise = {0.1, 0.1, 0.1}, .seed = 3, .picture = "a"};
  const double first = road(*m.scorer, half_map(), loud).morf.scores[0];
  CHECK(first != road(*m.scorer, half_map(), quiet).morf.scores[0]);
  CHECK(first == road(*m.scorer, half_map(), loud).morf.scores[0]);
  loud.picture = "b";
  CHECK(first != road(*m.scorer, half_map(), loud).morf.scores[0]);
  loud.picture = "a", loud.seed = 4;
  CHECK(first != road(*m.scorer, half_map(), loud).morf.scores[0]);
}

TEST_CASE("occlusion: drops and their correlation with the map, of patches that do not divide the picture") {
  const Measured m;
  const Occlusion found(*m.scorer, 6);
  check_near(found.drops(), "occlusion.drops", 1e-5);
  check_near(*found.correlation(half_map()), "occlusion.correlation");
  CHECK_FALSE(found.correlation(Tensor::zeros({kHeight, kWidth})).has_value());
  CHECK_THROWS_AS(Occlusion(*m.scorer, 14), Error);
  CHECK_THROWS_AS(Occlusion(*m.scorer, 1), Error);
}

TEST_CASE("infidelity is captum's") {
  const Measured m;
  const Tensor attribution = random_tensor({3, kHeight, kWidth}, "faithfulness.attribution");
  for (const auto& [name, perturbation] :
       {std::pair{"gaussian", Perturbation::gaussian}, std::pair{"square", Perturbation::square}})
    for (const bool multiplied : {false, true})
      for (const bool normalise : {false, true}) {
        const std::string key = text("infidelity.", name, ".", multiplied, normalise);
        check_near(infidelity(*m.scorer, attribution,
                              {.perturbation = perturbation,
                               .draws = 4,
                               .seed = 7,
                               .picture = "picture",
                               .multiplied = multiplied,
                               .normalise = normalise}),
                   key.c_str(), 1e-5);
      }
  CHECK_THROWS_AS(infidelity(*m.scorer, Tensor::zeros({2, kHeight, kWidth})), Error);
  CHECK_THROWS_AS(infidelity(*m.scorer, attribution, {.draws = 0}), Error);
}

TEST_CASE("infidelity of a linear model's gradient is zero, and a plane stands for every channel") {
  const std::vector<float> weights{1, -4, 2, 3};
  Network network = linear_network(4, weights);
  network.to(DType::f64);
  Context context(Device{}, 1);
  Probe probe(network, context, random_tensor({1, 1, 2, 2}, "linear.x").to(DType::f64), {}, false);
  const Scorer scorer(probe, {.classes = {1}});
  const Tensor gradient = Tensor::from({1, 2, 2}, weights), plane = Tensor::from({2, 2}, weights);
  CHECK(infidelity(scorer, gradient) < 1e-20);
  CHECK(infidelity(scorer, gradient) == infidelity(scorer, plane));
}

TEST_CASE("infidelity: a square is an eighth of the shorter side wide, and zero") {
  for (const auto& [height, side] : {std::pair{16, 2}, {15, 1}}) {
    const std::vector<float> weights(static_cast<std::size_t>(height) * 24, 1);
    const Network network = linear_network(height * 24, weights);
    Context context(Device{}, 1);
    Tensor x({1, 1, height, 24});
    x.fill(1);
    const Probe probe(network, context, std::move(x), {}, false);
    // Of the ones, side² go, of which an attribution of zeros foretells none.
    CHECK(infidelity(Scorer(probe, {.classes = {1}}), Tensor::zeros({height, 24}),
                     {.perturbation = Perturbation::square}) == std::pow(side, 4));
  }
}

TEST_CASE("max-sensitivity is captum's, and not defined where there is no explanation") {
  Measured m;
  const SensitivityOptions options{.draws = 4, .seed = 7, .picture = "picture"};
  check_near(*max_sensitivity(*m.probe, find_method("gradient"), m.question(), options), "sensitivity", 1e-5);
  Question few = m.question();
  few.batch_bytes = 1;
  CHECK(*max_sensitivity(*m.probe, find_method("gradient"), few, options) ==
        *max_sensitivity(*m.probe, find_method("gradient"), m.question(), options));
  CHECK_THROWS_AS(max_sensitivity(*m.probe, find_method("gradient"), m.question(), {.radius = 0}), Error);
  Measured dead;
  for (const NamedParameter& p : dead.network.parameters())
    if (p.name == "fc2.weight") p.tensor->fill(0);
  dead.probe.emplace(dead.network, dead.context, m.probe->input().clone(), std::vector{dead.layer}, true);
  CHECK_FALSE(max_sensitivity(*dead.probe, find_method("grad-cam"), dead.question(), options).has_value());
}

TEST_CASE("measures: neither batches nor threads change a bit") {
  const Measured one(DType::f32, small_dense_network(), 1, 1), many(DType::f32, small_dense_network(), 3);
  const auto all = [](const Measured& m) {
    std::vector<double> values;
    const auto take = [&](const std::vector<double>& more) {
      values.insert(values.end(), more.begin(), more.end());
    };
    take(insertion(*m.scorer, half_map()).scores);
    take(deletion(*m.scorer, half_map()).scores);
    const Road removed = road(*m.scorer, half_map(), {.noise = {0.1, 0.2, 0.3}, .picture = "a"});
    take(removed.morf.scores);
    take(removed.lerf.scores);
    take(Occlusion(*m.scorer, 7).drops());
    values.push_back(confidence(*m.scorer, half_map()).after);
    values.push_back(infidelity(*m.scorer, half_map()));
    return values;
  };
  CHECK(all(one) == all(many));
}

TEST_CASE("scorer: one output is two classes, of one picture and of no target of one's own") {
  Network network(1);
  network.add("flatten", flatten());
  network.add("fc", linear(2, 1));
  for (const NamedParameter& p : network.parameters()) p.tensor->fill(p.name == "fc.weight" ? 1 : 0);
  Context context(Device{}, 1);
  const Probe probe(network, context, Tensor::from({1, 1, 1, 2}, std::vector<float>{1, 2}), {}, false);
  const Scorer no(probe, {.classes = {0}}), yes(probe, {.classes = {1}});
  CHECK(yes.value(Aim::score) == 3);
  CHECK(no.value(Aim::score) == -3);
  CHECK(yes.value(Aim::probability) == doctest::Approx(1 / (1 + std::exp(-3.0))));
  const auto negated = [](std::int64_t variant, std::span<double> x) {
    for (double& v : x) v *= variant == 0 ? 1 : -1;
  };
  CHECK(yes.is_first(yes.scores(2, negated)) == std::vector<bool>{true, false});
  CHECK(no.is_first(no.scores(2, negated)) == std::vector<bool>{false, true});
  CHECK_THROWS_AS(Scorer(probe, {.classes = {0, 1}}), Error);
  const Probe two(network, context, Tensor::zeros({2, 1, 1, 2}), {}, false);
  CHECK_THROWS_AS(Scorer(two, {.classes = {0}}), Error);
}

TEST_CASE("measured_map: a gradient's largest channel, a map's evidence enlarged") {
  Result gradient, map;
  gradient.gradient = Tensor::from({2, 1, 2}, std::vector<float>{1, -2, -3, 1});
  CHECK(same_bits(measured_map(gradient, Preset::captum, 1, 2),
                  Tensor::from({1, 2}, std::vector<float>{3, 2})));
  map.map = ClassMap{{}, Tensor::from({1, 2}, std::vector<float>{-4, 2})};
  CHECK(same_bits(measured_map(map, Preset::captum, 2, 4),
                  Tensor::from({2, 4}, std::vector<float>{0, 0, 2, 2, 0, 0, 2, 2})));
}
