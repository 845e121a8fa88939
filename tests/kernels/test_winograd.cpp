#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>

#include "engine/run/run.hpp"
#include "kernels/conv2d/naive.hpp"
#include "kernels/conv2d/winograd.hpp"
#include "kernels/conv2d_cases.hpp"
#include "support/compare.hpp"
#include "support/gradcheck.hpp"
#include "support/random.hpp"
#include "support/sentinel.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

const Conv2dCase kWinogradCases[] = {
    {"whole tiles", {1, 16, 8, 8}, 16, {.kernel = 3, .padding = 1}},
    {"tiles beyond the edges, odd channels", {2, 17, 13, 9}, 19, {.kernel = 3, .padding = 1}},
    {"no padding", {3, 20, 10, 31}, 33, {.kernel = 3, .bias = false}},
    {"one image of many rows", {1, 16, 75, 8}, 16, {.kernel = 3, .padding = 1}},
    {"one image of many columns", {1, 16, 9, 150}, 29, {.kernel = 3, .padding = 1}},
    {"padding bigger on one side", {2, 16, 11, 12}, 18, {.kernel = 3, .padding = {0, 2, 3, 1}}},
    {"full padding", {1, 21, 8, 9}, 16, {.kernel = 3, .padding = 2}},
    {"rows wholly in the padding", {1, 16, 2, 3}, 16, {.kernel = 3, .padding = {7, 9, 5, 6}}},
    {"several groups of panels", {1, 16, 10, 11}, 130, {.kernel = 3, .padding = 1}},
    {"many blocks", {1, 16, 72, 73}, 17, {.kernel = 3, .padding = 1}},
    {"small tiles, one beyond the edges", {1, 16, 7, 7}, 16, {.kernel = 3, .padding = 1}},
    {"small tiles, wide", {2, 17, 6, 39}, 130, {.kernel = 3, .padding = 1}},
    {"small tiles, no padding", {1, 19, 9, 9}, 18, {.kernel = 3}},
};

/// Of the largest: four times what the plain loops are held to.
constexpr double kWinogradTolerance = 8e-6;

struct WinogradTensors {
  explicit WinogradTensors(const Conv2dCase& c)
      : layer(conv2d(c.x[1], c.out, c.options)),
        y_shape(layer->output_shape({&c.x, 1})),
        params(*conv2d_params(*layer, c.x)),
        x(random_tensor(c.x, "winograd.x")),
        w(random_tensor({c.out, c.x[1], 3, 3}, "winograd.w")),
        b(random_tensor({c.out}, "winograd.b")),
        dy(random_tensor(y_shape, "winograd.dy")) {}

  std::unique_ptr<Layer> layer;
  Shape y_shape;
  Conv2dParams params;
  Tensor x, w, b, dy;
};

Tensor winograd_of(const WinogradTensors& t, const Tensor& x, int threads,
                   const Epilogue<float>& epilogue = {}) {
  Context context({}, threads);
  Conv2dParams params = t.params;
  params.batch = x.shape()[0];
  const auto& kernels = cpu::micro_kernels<float>(cpu::best_isa());
  const Tensor packed = cpu::winograd_pack(context, kernels, params, t.w.data<float>());
  Tensor y(t.y_shape.with(0, params.batch));
  cpu::winograd_forward(context, kernels, params, x.data<float>(), packed.data<float>(), t.b.data<float>(),
                        epilogue, y.data<float>());
  return y;
}

}  // namespace

TEST_CASE("winograd: every instruction set agrees with the naive loops and writes nothing outside") {
  for (const cpu::Isa isa : {cpu::Isa::portable, cpu::Isa::avx2, cpu::Isa::avx512}) {
    if (!cpu::available(isa)) continue;
    CAPTURE(static_cast<int>(isa));
    const auto& kernels = cpu::micro_kernels<float>(isa);
    for (const Conv2dCase& c : kWinogradCases) {
      CAPTURE(c.name);
      const WinogradTensors t(c);
      CHECK(cpu::winograd_pays(t.params));
      const NaiveResult expected = naive_conv2d(t.params, t.x, t.w, t.b, t.dy);
      Context context({}, 2);
      const auto pool = std::make_shared<SentinelPool>();
      Tensor y(t.y_shape, DType::f32, pool), dx(c.x, DType::f32, pool);
      const Tensor packed = cpu::winograd_pack(context, kernels, t.params, t.w.data<float>());
      cpu::winograd_forward(context, kernels, t.params, t.x.data<float>(), packed.data<float>(),
                            t.b.data<float>(), {}, y.data<float>());
      CHECK(relative_error(y, expected.y) <= kWinogradTolerance);
      const Tensor turned = cpu::winograd_pack_gradient(context, kernels, t.params, t.w.data<float>());
      cpu::winograd_forward<float>(context, kernels, gradient_params(t.params), t.dy.data<float>(),
                                   turned.data<float>(), nullptr, {}, dx.data<float>());
      CHECK(relative_error(dx, expected.dx) <= kWinogradTolerance);
      CHECK(pool->intact());
    }
  }
}

TEST_CASE("winograd: in double it is the convolution to the last digits") {
  for (const Conv2dCase& c : kWinogradCases) {
    CAPTURE(c.name);
    const WinogradTensors t(c);
    const Tensor x = t.x.to(DType::f64), w = t.w.to(DType::f64), b = t.b.to(DType::f64);
    Context context({}, 2);
    const auto& kernels = cpu::micro_kernels<double>(cpu::best_isa());
    const Tensor packed = cpu::winograd_pack(context, kernels, t.params, w.data<double>());
    Tensor y(t.y_shape, DType::f64);
    cpu::winograd_forward(context, kernels, t.params, x.data<double>(), packed.data<double>(),
                          b.data<double>(), {}, y.data<double>());
    CHECK(relative_error(y, naive_conv2d(t.params, t.x, t.w, t.b, t.dy).y) <= 1e-14);
  }
}

TEST_CASE("winograd: neither the batch nor the number of threads changes a bit") {
  for (const Conv2dCase& c : kWinogradCases) {
    CAPTURE(c.name);
    const WinogradTensors t(c);
    const Tensor x = random_tensor(c.x.with(0, 5), "winograd.batch");
    const Tensor batch = winograd_of(t, x, 1);
    for (const int threads : {2, 3}) CHECK(same_bits(winograd_of(t, x, threads), batch));
    for (std::int64_t n = 0; n < 5; ++n) {
      const auto image = [n](const Tensor& all) {
        Tensor one(all.shape().with(0, 1));
        std::copy_n(all.data<float>() + n * one.numel(), one.numel(), one.data<float>());
        return one;
      };
      CHECK(same_bits(winograd_of(t, image(x), 2), image(batch)));
    }
  }
}

TEST_CASE("winograd: a residual and a ReLU follow in the same operation, to the bits of their own") {
  const WinogradTensors t(kWinogradCases[1]);
  const Tensor plain = winograd_of(t, t.x, 2);
  for (const bool with_residual : {false, true})
    for (const double upper : {0.0, 6.0, std::numeric_limits<double>::infinity()}) {  // 0 stands for no ReLU
      const Epilogue<float> epilogue{with_residual ? t.dy.data<float>() : nullptr, upper > 0, upper};
      Tensor expected = plain.clone();
      apply(epilogue, 0, expected.numel(), expected.data<float>());
      CHECK(same_bits(winograd_of(t, t.x, 2, epilogue), expected));
    }
}

TEST_CASE("winograd: what is not finite stays in the tiles that read it, past a ReLU as well") {
  const WinogradTensors t(kWinogradCases[9]);
  Tensor x = t.x.clone();
  x.data<float>()[30 * 73 + 40] = std::numeric_limits<float>::quiet_NaN();
  const Tensor clean = winograd_of(t, t.x, 2, {.relu = true, .upper = 6}),
               y = winograd_of(t, x, 2, {.relu = true, .upper = 6});
  std::int64_t changed = 0;
  for (std::int64_t row = 0; row < 72; ++row)
    for (std::int64_t column = 0; column < 73; ++column) {
      const std::int64_t at = row * 73 + column;
      if (row / 4 == 7 && column / 4 == 10) CHECK(std::isnan(y.data<float>()[at]));
      if (row < 28 || row > 31 || column < 36 || column > 43)
        CHECK(y.data<float>()[at] == clean.data<float>()[at]);
      changed += std::isnan(y.data<float>()[at]) ? 1 : 0;
    }
  CHECK(changed > 0);
}

TEST_CASE("winograd: a program takes it where it pays and was asked for, and backward as well") {
  struct Choice {
    Shape x;
    std::int64_t out;
    Conv2dOptions options;
    bool forward, backward;
  };
  const Choice choices[] = {
      {{1, 16, 8, 8}, 16, {.kernel = 3, .padding = 1}, true, true},
      {{1, 16, 10, 10}, 16, {.kernel = 3}, true, true},
      {{1, 16, 9, 9}, 16, {.kernel = 3}, true, true},  // 7×7 from 9×9, and 9×9 back
      {{1, 16, 7, 7}, 16, {.kernel = 3, .padding = 1}, true, true},
      {{1, 16, 7, 7}, 16, {.kernel = 3}, false, true},  // 5×5 from 7×7, and 7×7 back
      {{1, 16, 9, 5}, 16, {.kernel = 3, .padding = 1}, false, false},
      {{1, 15, 8, 8}, 16, {.kernel = 3, .padding = 1}, false, false},
      {{1, 16, 16, 16}, 16, {.kernel = 3, .stride = 2, .padding = 1}, false, false},
      {{1, 16, 12, 12}, 16, {.kernel = 3, .dilation = 2, .padding = 2}, false, false},
      {{1, 32, 8, 8}, 32, {.kernel = 3, .padding = 1, .groups = 2}, false, false},
      {{1, 16, 8, 8}, 16, {.kernel = {3, 1}, .padding = {1, 1, 0, 0}}, false, false},
  };
  for (const Choice& c : choices) {
    CAPTURE(c.x);
    CAPTURE(c.options.kernel.w);
    Network network = single(conv2d(c.x[1], c.out, c.options), c.x[1]);
    for (NamedParameter& p : network.parameters()) fill(*p.tensor, "winograd." + p.name);
    Context context({}, 2);
    const Tensor x = random_tensor(c.x, "winograd.program.x");
    const auto run = [&](Optimisations optimise) {
      return Run(network, context, x.clone(), {.gradients_at = {0}, .optimise = optimise});
    };
    const auto is_taken = [](const Tensor* packed) { return packed && cpu::is_winograd(*packed); };
    Run fast = run(Optimisations::all()), exact = run(Optimisations::exact()),
        plain = run(Optimisations::none());
    CHECK(is_taken(fast.program().packed(1)) == c.forward);
    CHECK(is_taken(fast.program().packed_backward(1)) == c.backward);
    CHECK(!is_taken(exact.program().packed(1)));
    CHECK(!is_taken(exact.program().packed_backward(1)));
    const Run forward_only(network, context, x.clone(), {.optimise = Optimisations::all()});
    CHECK(forward_only.program().packed_backward(1) == nullptr);
    CHECK(same_bits(exact.output(), plain.output()));
    CHECK(relative_error(fast.output(), plain.output()) <= kWinogradTolerance);
    CHECK(same_bits(fast.output(), plain.output()) == !c.forward);
    const Tensor dy = random_tensor(plain.output().shape(), "winograd.program.dy");
    const auto gradient = [&](Run& r) {
      return std::move(r.backward({1, dy.clone()}, {.wrt = {0}}).nodes.at(0));
    };
    const Tensor expected = gradient(plain);
    CHECK(same_bits(gradient(exact), expected));
    const Tensor found = gradient(fast);
    CHECK(relative_error(found, expected) <= kWinogradTolerance);
    CHECK(same_bits(found, expected) == !c.backward);
  }
}
