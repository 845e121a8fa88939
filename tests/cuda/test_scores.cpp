// What is done with a network's scores: cross-entropy, the highest class and its one-hot vector.
#include <limits>

#include "arrays.hpp"
#include "kernels/cross_entropy/cross_entropy.hpp"
#include "kernels/target/target.hpp"
#include "modes.hpp"
#include "on_device.hpp"
#include "sentinel.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

constexpr float kScoresNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kScoresInfinity = std::numeric_limits<float>::infinity();

/// Rows below, at and above a warp, the 128 that a warp takes alone, and a block.
constexpr TargetParams kScoresShapes[] = {{1, 1}, {3, 2}, {2, 31}, {2, 128}, {3, 129}, {1, 1000}};

std::vector<std::int64_t> labels_of(const TargetParams& p) {
  std::vector<std::int64_t> labels;
  for (std::int64_t n = 0; n < p.rows; ++n) labels.push_back((7 * n + 5) % p.classes);
  return labels;
}

}  // namespace

TEST_CASE("cross-entropy: CUDA agrees with the CPU forward and backward") {
  in_every_mode([] {
    Context host({}, 1), device({Device::Kind::cuda}, 1);
    for (const TargetParams& shape : kScoresShapes)
      for (const auto& [smoothing, labels_per_row] : {std::pair{0.0, 1}, {0.1, 1}, {0.1, 3}}) {
        CAPTURE(shape.classes);
        CAPTURE(smoothing);
        const CrossEntropyParams p{shape.rows, shape.classes, smoothing, labels_per_row};
        const std::int64_t count = p.batch * p.classes;
        const std::vector<float> x = uniform(count, "cuda.cross_entropy.x", -8, 8);
        const std::vector<std::int64_t> labels = labels_of({p.batch * labels_per_row, p.classes});
        std::vector<double> losses(static_cast<std::size_t>(p.batch));
        std::vector<float> dx(x.size());
        cpu::cross_entropy_forward(host, p, x.data(), labels.data(), losses.data());
        cpu::cross_entropy_backward(host, p, x.data(), labels.data(), dx.data());

        const OnDevice<std::int64_t> device_labels(labels);
        const OnDevice<double> device_losses(losses.size());
        Guarded device_x(device, x), device_dx(device, unwritten(count));
        cuda::cross_entropy_forward(device, p, device_x.data(), device_labels.data(), device_losses.data());
        cuda::cross_entropy_backward(device, p, device_x.data(), device_labels.data(), device_dx.data());
        CHECK(relative_difference(device_dx.values(), dx) <= 1e-6);
        const std::vector<double> found = device_losses.values();
        for (std::size_t n = 0; n < losses.size(); ++n)
          CHECK(std::abs(found[n] - losses[n]) <= 1e-12 * (1 + std::abs(losses[n])));
      }
  });
}

TEST_CASE("cross-entropy: on CUDA an impossible class costs nothing and a NaN spoils its image alone") {
  in_every_mode([] {
    Context device({Device::Kind::cuda}, 1);
    const OnDevice<std::int64_t> labels(std::vector<std::int64_t>{1, 0});
    const OnDevice<double> losses(2);
    Guarded x(device, {-kScoresInfinity, 3, 1, kScoresNan}), dx(device, unwritten(4));
    cuda::cross_entropy_forward(device, {2, 2, 0}, x.data(), labels.data(), losses.data());
    cuda::cross_entropy_backward(device, {2, 2, 0}, x.data(), labels.data(), dx.data());
    const std::vector<float> gradient = dx.values();
    CHECK(losses.values()[0] == 0);
    CHECK(std::isnan(losses.values()[1]));
    CHECK(gradient[0] == 0);
    CHECK(gradient[1] == 0);
    CHECK(std::isnan(gradient[2]));
  });
}

TEST_CASE("argmax: CUDA finds what the CPU finds") {
  in_every_mode([] {
    Context host({}, 1), device({Device::Kind::cuda}, 1);
    const auto check = [&](const TargetParams& p, const std::vector<float>& x) {
      std::vector<std::int64_t> expected(static_cast<std::size_t>(p.rows));
      cpu::argmax(host, p, x.data(), expected.data());
      const OnDevice<std::int64_t> index(expected.size());
      Guarded device_x(device, x, 1);
      cuda::argmax(device, p, device_x.data(), index.data());
      device.synchronize();
      CHECK(index.values() == expected);
    };
    for (const TargetParams& p : kScoresShapes) {
      check(p, uniform(p.rows * p.classes, "cuda.argmax.x"));
      std::vector<float> ties(static_cast<std::size_t>(p.rows * p.classes), -2.0f);
      for (std::size_t i = 0; i < ties.size(); i += 3) ties[i] = 0.5f;
      check(p, ties);
    }
    for (const std::vector<float>& row :
         std::initializer_list<std::vector<float>>{{kScoresNan, 1, 2},
                                                   {1, kScoresNan, 2},
                                                   {1, 2, kScoresNan},
                                                   {-kScoresInfinity, -kScoresInfinity, kScoresNan},
                                                   {-kScoresInfinity, -1, kScoresInfinity},
                                                   {-0.0f, 0.0f, -1},
                                                   {-1, 0.0f, -0.0f},
                                                   {-3, -2, -2}})
      check({1, 3}, row);
  });
}

TEST_CASE("one-hot: CUDA writes what the CPU writes") {
  in_every_mode([] {
    Context host({}, 1), device({Device::Kind::cuda}, 1);
    for (const TargetParams& p : kScoresShapes)
      for (const double value : {1.0, -1.0}) {
        std::vector<std::int64_t> index = labels_of(p);
        if (p.rows == 3) index[1] = -1;
        std::vector<float> expected(static_cast<std::size_t>(p.rows * p.classes));
        cpu::one_hot(host, p, index.data(), value, expected.data());
        const OnDevice<std::int64_t> device_index(index);
        Guarded dy(device, unwritten(p.rows * p.classes));
        cuda::one_hot(device, p, device_index.data(), value, dy.data());
        CHECK(same_bits(dy.values(), expected));
      }
  });
}

TEST_CASE("scores: on CUDA nothing is no launch and too many classes are refused") {
  const FreshDevice fresh;
  Context device({Device::Kind::cuda}, 1);
  cuda::argmax(device, {0, 10}, nullptr, nullptr);
  cuda::one_hot(device, {0, 10}, nullptr, 1, nullptr);
  cuda::cross_entropy_forward(device, {0, 10, 0}, nullptr, nullptr, nullptr);
  cuda::cross_entropy_backward(device, {0, 10, 0}, nullptr, nullptr, nullptr);
  CHECK(device_report() == "");
  CHECK_THROWS_WITH_AS(cuda::argmax(device, {1, std::int64_t{1} << 32}, nullptr, nullptr),
                       doctest::Contains("[argmax] 4294967296 classes"), Error);
}

TEST_CASE("scores: bytes and operations follow from the equations") {
  CHECK(cuda::cross_entropy_forward_cost({2, 10, 0}) == Cost{80 + 32, 80});
  CHECK(cuda::cross_entropy_backward_cost({2, 10, 0}) == Cost{160 + 16, 160});
  CHECK(cuda::argmax_cost({2, 10}) == Cost{80 + 16, 20});
  CHECK(cuda::one_hot_cost({2, 10}) == Cost{80 + 16, 20});
}
