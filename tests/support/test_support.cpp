#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "support/compare.hpp"
#include "support/gradcheck.hpp"
#include "support/random.hpp"
#include "support/sentinel.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

/// y = 2x with a backward that multiplies by something else.
class WrongBackward final : public Layer {
 public:
  explicit WrongBackward(double slope) : slope_(slope) {}
  Needs needs(bool) const override { return {}; }
  Shape output_shape(std::span<const Shape> x) const override { return x[0]; }
  void forward(const ForwardArgs& a) const override {
    for (std::int64_t i = 0; i < a.y[0]->numel(); ++i) a.y[0]->data<double>()[i] = 2 * a.x[0]->data<double>()[i];
  }
  void backward(const BackwardArgs& a) const override {
    for (std::int64_t i = 0; i < a.dy[0]->numel(); ++i)
      a.dx[0]->data<double>()[i] = slope_ * a.dy[0]->data<double>()[i];
  }

 private:
  double slope_;
};

double gradcheck_with(double slope) {
  Network network = single(std::make_unique<WrongBackward>(slope), 1);
  return gradcheck(network, random_tensor({1, 1, 2, 3}, "support.x")).worst;
}

}  // namespace

TEST_CASE("gradcheck: a wrong gradient and a NaN are found") {
  CHECK(gradcheck_with(2) <= 1e-9);
  CHECK(gradcheck_with(2.01) >= 1e-3);
  CHECK(gradcheck_with(NAN) == std::numeric_limits<double>::infinity());
}

TEST_CASE("compare: a NaN and another shape are infinitely far away") {
  const Tensor a = Tensor::from({2}, std::vector{1.f, 2.f});
  const Tensor nan = Tensor::from({2}, std::vector{1.f, NAN});
  const double infinity = std::numeric_limits<double>::infinity();
  CHECK(relative_error(a, a) == 0);
  CHECK(relative_error(nan, a) == infinity);
  CHECK(relative_error(a, nan) == infinity);
  CHECK(relative_error(nan, nan) == infinity);
  CHECK(relative_error(a, Tensor::zeros({2, 1})) == infinity);
  CHECK(same_bits(nan, nan));
  CHECK_FALSE(same_bits(Tensor::from({1}, std::vector{0.f}), Tensor::from({1}, std::vector{-0.f})));
}

TEST_CASE("sentinels: a write before or behind a block or after its release is seen") {
  for (const std::int64_t offset : {-1, 13}) {
    const auto pool = std::make_shared<SentinelPool>();
    Tensor tensor({13}, DType::f32, pool);
    for (const float v : tensor.values()) CHECK(std::isnan(v));
    tensor.fill(1);
    CHECK(pool->intact());
    tensor.data<float>()[offset] = 0;
    CHECK_FALSE(pool->intact());
  }
  const auto pool = std::make_shared<SentinelPool>();
  float* late = nullptr;
  {
    Tensor tensor({13}, DType::f32, pool);
    late = tensor.data<float>();
  }
  CHECK(pool->intact());
  *late = 0;
  CHECK_FALSE(pool->intact());
}
