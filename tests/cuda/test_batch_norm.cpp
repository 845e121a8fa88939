// Batch normalisation on CUDA against the CPU.
#include "arrays.hpp"
#include "kernels/add/add.hpp"
#include "kernels/batch_norm/batch_norm.hpp"
#include "kernels/relu/relu.hpp"
#include "modes.hpp"
#include "sentinel.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

constexpr double kBatchNormTolerance = 1e-5;  // the CPU sums in double, CUDA in float

/// Planes of one element, of odd sizes and multiples of four, below and above a block's 1024 floats or
/// vectors; images that are shared among blocks, also unevenly.
constexpr BatchNormParams kBatchNormShapes[] = {
    {.batch = 13, .channels = 3, .plane = 1},   {.batch = 2, .channels = 5, .plane = 28},
    {.batch = 3, .channels = 4, .plane = 49},   {.batch = 5, .channels = 2, .plane = 127, .eps = 1e-3},
    {.batch = 2, .channels = 2, .plane = 1031}, {.batch = 1, .channels = 2, .plane = 4100},
    {.batch = 4, .channels = 6, .plane = 4},
};

/// Everything that a kernel reads, on both devices; x has a mean far from zero.
struct Arrays {
  Arrays(Context& device, const BatchNormParams& p, std::int64_t offset = 0)
      : x(values(p.batch * p.channels * p.plane, "x", 30)),
        dy(values(p.batch * p.channels * p.plane, "dy", 0.25f)),
        weight(values(p.channels, "weight", 0)),
        bias(values(p.channels, "bias", 0)),
        mean(values(p.channels, "mean", 30)),
        variance(values(p.channels, "variance", 1.5f)),
        device_x(device, x, offset),
        device_dy(device, dy, offset),
        device_weight(device, weight),
        device_bias(device, bias),
        device_mean(device, mean),
        device_variance(device, variance) {}

  static std::vector<float> values(std::int64_t count, const std::string& name, float centre) {
    std::vector<float> result = uniform(count, "cuda.batch_norm." + name);
    for (float& value : result) value += centre;
    return result;
  }

  std::vector<float> x, dy, weight, bias, mean, variance;
  Guarded device_x, device_dy, device_weight, device_bias, device_mean, device_variance;
};

template <class Fn>
void for_every_shape(Fn&& fn) {
  in_every_mode([&] {
    Context host({}, 1), device({Device::Kind::cuda}, 1);
    for (const BatchNormParams& p : kBatchNormShapes) {
      CAPTURE(p.batch);
      CAPTURE(p.plane);
      fn(host, device, p);
    }
  });
}

}  // namespace

TEST_CASE("batch norm statistics: CUDA agrees with the CPU's double sums") {
  for_every_shape([](Context& host, Context& device, const BatchNormParams& p) {
    for (const std::int64_t offset : {0, 1}) {
      Arrays in(device, p, offset);
      std::vector<float> mean(static_cast<std::size_t>(p.channels)), variance(mean), unbiased(mean);
      cpu::batch_norm_statistics(host, p, in.x.data(), mean.data(), variance.data(), unbiased.data());
      Guarded device_mean(device, unwritten(p.channels)), device_variance(device, unwritten(p.channels)),
          device_unbiased(device, unwritten(p.channels));
      cuda::batch_norm_statistics(device, p, in.device_x.data(), device_mean.data(), device_variance.data(),
                                  device_unbiased.data());
      CHECK(relative_difference(device_mean.values(), mean) <= 1e-6);
      CHECK(relative_difference(device_variance.values(), variance) <= kBatchNormTolerance);
      CHECK(relative_difference(device_unbiased.values(), unbiased) <= kBatchNormTolerance);
    }
  });
}

TEST_CASE("batch norm statistics: a constant channel has no variance and a NaN spoils its own only") {
  const FreshDevice fresh;
  Context device({Device::Kind::cuda}, 1);
  const BatchNormParams p{.batch = 2, .channels = 3, .plane = 20};
  std::vector<float> x(120, 1e6f);
  x[25] = std::numeric_limits<float>::quiet_NaN();
  Guarded device_x(device, x), mean(device, unwritten(3)), variance(device, unwritten(3)),
      unbiased(device, unwritten(3));
  cuda::batch_norm_statistics(device, p, device_x.data(), mean.data(), variance.data(), unbiased.data());
  check_exact(mean.values(), {1e6f, NAN, 1e6f});
  check_exact(variance.values(), {0, NAN, 0});
  check_exact(unbiased.values(), {0, NAN, 0});
}

TEST_CASE("batch norm running statistics: CUDA moves them as the CPU does") {
  for_every_shape([](Context& host, Context& device, const BatchNormParams& p) {
    Arrays in(device, p);
    std::vector<float> mean = in.weight, variance = in.bias;
    Guarded device_mean(device, mean), device_variance(device, variance);
    cpu::batch_norm_update_running(host, p.channels, 0.3, in.mean.data(), in.variance.data(), mean.data(),
                                   variance.data());
    cuda::batch_norm_update_running(device, p.channels, 0.3, in.device_mean.data(), in.device_variance.data(),
                                    device_mean.data(), device_variance.data());
    CHECK(relative_difference(device_mean.values(), mean) <= 1e-7);
    CHECK(relative_difference(device_variance.values(), variance) <= 1e-7);
  });
}

TEST_CASE("batch norm forward: CUDA agrees with the CPU and may write over its input") {
  for_every_shape([](Context& host, Context& device, const BatchNormParams& p) {
    for (const std::int64_t offset : {0, 3}) {
      Arrays in(device, p, offset);
      std::vector<float> expected(in.x.size());
      cpu::batch_norm_forward(host, p, in.x.data(), in.weight.data(), in.bias.data(), in.mean.data(),
                              in.variance.data(), expected.data());
      Guarded y(device, unwritten(p.batch * p.channels * p.plane), offset);
      for (float* out : {y.data(), in.device_x.data()})
        cuda::batch_norm_forward(device, p, in.device_x.data(), in.device_weight.data(),
                                 in.device_bias.data(), in.device_mean.data(), in.device_variance.data(),
                                 out);
      CHECK(relative_difference(y.values(), expected) <= kBatchNormTolerance);
      check_exact(in.device_x.values(), y.values());
    }
  });
}

TEST_CASE("batch norm forward: an epilogue gives the bits of the operations one by one") {
  for_every_shape([](Context& host, Context& device, const BatchNormParams& p) {
    const std::int64_t count = p.batch * p.channels * p.plane;
    const std::vector<float> residual = awkward_values(count, "cuda.batch_norm.residual");
    for (const std::int64_t offset : {0, 1}) {
      Arrays in(device, p, offset);
      in.x[0] = std::numeric_limits<float>::quiet_NaN();
      Guarded x(device, in.x, offset), device_residual(device, residual, offset);
      for (const bool relu : {false, true}) {
        for (const bool add : {false, true}) {
          CAPTURE(relu);
          CAPTURE(add);
          const ReluParams clamp{count, 6};
          std::vector<float> fused(in.x.size()), apart(in.x.size());
          cpu::batch_norm_fused_forward<float>(
              host, p, in.x.data(), in.weight.data(), in.bias.data(), in.mean.data(), in.variance.data(),
              {add ? residual.data() : nullptr, relu, clamp.upper}, fused.data());
          cpu::batch_norm_forward(host, p, in.x.data(), in.weight.data(), in.bias.data(), in.mean.data(),
                                  in.variance.data(), apart.data());
          if (add) cpu::add_forward(host, count, apart.data(), residual.data(), apart.data());
          if (relu) cpu::relu_forward(host, clamp, apart.data(), apart.data());
          check_exact(fused, apart);

          Guarded device_fused(device, unwritten(count), offset), device_apart(device, in.x, offset);
          cuda::batch_norm_fused_forward(device, p, x.data(), in.device_weight.data(), in.device_bias.data(),
                                         in.device_mean.data(), in.device_variance.data(),
                                         {add ? device_residual.data() : nullptr, relu, clamp.upper},
                                         device_fused.data());
          cuda::batch_norm_forward(device, p, x.data(), in.device_weight.data(), in.device_bias.data(),
                                   in.device_mean.data(), in.device_variance.data(), device_apart.data());
          if (add)
            cuda::add_forward(device, count, device_apart.data(), device_residual.data(),
                              device_apart.data());
          if (relu) cuda::relu_forward(device, clamp, device_apart.data(), device_apart.data());
          check_exact(device_fused.values(), device_apart.values());
        }
      }
    }
  });
}

TEST_CASE("batch norm forward: an image's result does not depend on the batch") {
  in_every_mode([] {
    Context device({Device::Kind::cuda}, 1);
    for (const BatchNormParams& whole : kBatchNormShapes) {
      BatchNormParams single = whole;
      single.batch = 1;
      Arrays in(device, whole);
      const std::int64_t image = whole.channels * whole.plane;
      Guarded y(device, unwritten(whole.batch * image)), alone(device, unwritten(image));
      Guarded x(device, {in.x.end() - image, in.x.end()});
      const auto forward = [&](const BatchNormParams& p, Guarded& from, Guarded& to) {
        cuda::batch_norm_forward(device, p, from.data(), in.device_weight.data(), in.device_bias.data(),
                                 in.device_mean.data(), in.device_variance.data(), to.data());
      };
      forward(whole, in.device_x, y);
      forward(single, x, alone);
      const std::vector<float> all = y.values();
      check_exact(alone.values(), {all.end() - image, all.end()});
    }
  });
}

TEST_CASE("batch norm backward: CUDA agrees with the CPU in inference and in training") {
  for_every_shape([](Context& host, Context& device, BatchNormParams p) {
    for (const bool training : {false, true}) {
      CAPTURE(training);
      p.training = training;
      Arrays in(device, p);
      std::vector<float> dx(in.x.size()), dweight(in.weight), dbias(in.bias);
      cpu::batch_norm_backward(host, p, in.x.data(), in.weight.data(), in.mean.data(), in.variance.data(),
                               in.dy.data(), dx.data(), dweight.data(), dbias.data());
      Guarded device_dx(device, unwritten(p.batch * p.channels * p.plane));
      Guarded device_dweight(device, in.weight), device_dbias(device, in.bias);
      cuda::batch_norm_backward(device, p, in.device_x.data(), in.device_weight.data(), in.device_mean.data(),
                                in.device_variance.data(), in.device_dy.data(), device_dx.data(),
                                device_dweight.data(), device_dbias.data());
      CHECK(relative_difference(device_dx.values(), dx) <= kBatchNormTolerance);
      CHECK(relative_difference(device_dweight.values(), dweight) <= kBatchNormTolerance);
      CHECK(relative_difference(device_dbias.values(), dbias) <= kBatchNormTolerance);
    }
  });
}

TEST_CASE("batch norm backward: CUDA computes what is asked for and reads no more") {
  for_every_shape([](Context& host, Context& device, BatchNormParams p) {
    Arrays in(device, p);
    std::vector<float> dx(in.x.size()), dweight(in.weight), dbias(in.bias), training_dx(in.x.size());
    const auto on_host = [&](const float* x, float* dx_out, float* dweight_out, float* dbias_out) {
      cpu::batch_norm_backward(host, p, x, in.weight.data(), in.mean.data(), in.variance.data(), in.dy.data(),
                               dx_out, dweight_out, dbias_out);
    };
    const auto on_device = [&](const float* x, float* dx_out, float* dweight_out, float* dbias_out) {
      cuda::batch_norm_backward(device, p, x, in.device_weight.data(), in.device_mean.data(),
                                in.device_variance.data(), in.device_dy.data(), dx_out, dweight_out,
                                dbias_out);
    };
    const std::int64_t count = p.batch * p.channels * p.plane;
    Guarded device_dx(device, unwritten(count)), device_training_dx(device, unwritten(count));
    Guarded device_dweight(device, in.weight), device_dbias(device, in.bias);
    on_host(nullptr, dx.data(), nullptr, nullptr);
    on_device(nullptr, device_dx.data(), nullptr, nullptr);
    on_host(nullptr, nullptr, nullptr, dbias.data());
    on_device(nullptr, nullptr, nullptr, device_dbias.data());
    on_host(in.x.data(), nullptr, dweight.data(), nullptr);
    on_device(in.device_x.data(), nullptr, device_dweight.data(), nullptr);
    p.training = true;
    on_host(in.x.data(), training_dx.data(), nullptr, nullptr);
    on_device(in.device_x.data(), device_training_dx.data(), nullptr, nullptr);
    CHECK(relative_difference(device_dx.values(), dx) <= kBatchNormTolerance);
    CHECK(relative_difference(device_dbias.values(), dbias) <= kBatchNormTolerance);
    CHECK(relative_difference(device_dweight.values(), dweight) <= kBatchNormTolerance);
    CHECK(relative_difference(device_training_dx.values(), training_dx) <= kBatchNormTolerance);
  });
}

TEST_CASE("batch norm: more channels than a block has threads are all reduced") {
  const FreshDevice fresh;  // a block per channel: too slow for every mode
  Context host({}, 1), device({Device::Kind::cuda}, 1);
  const BatchNormParams p{.batch = 2, .channels = 259, .plane = 3};
  Arrays in(device, p);
  std::vector<float> mean(259), variance(259), unbiased(259), dweight(in.weight), dbias(in.bias);
  cpu::batch_norm_statistics(host, p, in.x.data(), mean.data(), variance.data(), unbiased.data());
  cpu::batch_norm_backward<float>(host, p, in.x.data(), in.weight.data(), in.mean.data(), in.variance.data(),
                                  in.dy.data(), nullptr, dweight.data(), dbias.data());
  Guarded device_mean(device, unwritten(259)), device_variance(device, unwritten(259)),
      device_unbiased(device, unwritten(259));
  Guarded device_dweight(device, in.weight), device_dbias(device, in.bias);
  cuda::batch_norm_statistics(device, p, in.device_x.data(), device_mean.data(), device_variance.data(),
                              device_unbiased.data());
  cuda::batch_norm_backward(device, p, in.device_x.data(), in.device_weight.data(), in.device_mean.data(),
                            in.device_variance.data(), in.device_dy.data(), nullptr, device_dweight.data(),
                            device_dbias.data());
  CHECK(relative_difference(device_mean.values(), mean) <= 1e-6);
  CHECK(relative_difference(device_variance.values(), variance) <= kBatchNormTolerance);
  CHECK(relative_difference(device_unbiased.values(), unbiased) <= kBatchNormTolerance);
  CHECK(relative_difference(device_dweight.values(), dweight) <= kBatchNormTolerance);
  CHECK(relative_difference(device_dbias.values(), dbias) <= kBatchNormTolerance);
  cuda::batch_norm_update_running(device, p.channels, 1, in.device_mean.data(), in.device_variance.data(),
                                  device_mean.data(), device_variance.data());
  check_exact(device_mean.values(), in.mean);
  check_exact(device_variance.values(), in.variance);
}

TEST_CASE("batch norm: an empty batch is no launch and too many planes are refused") {
  const FreshDevice fresh;
  Context device({Device::Kind::cuda}, 1);
  const BatchNormParams none{.batch = 0, .channels = 4, .plane = 9};
  cuda::batch_norm_forward(device, none, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr);
  cuda::batch_norm_backward(device, none, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr,
                            nullptr);
  CHECK(device_report() == "");
  const BatchNormParams many{.batch = 1 << 20, .channels = 1 << 11, .plane = 1};
  CHECK_THROWS_WITH_AS(
      cuda::batch_norm_forward(device, many, nullptr, nullptr, nullptr, nullptr, nullptr, nullptr),
      doctest::Contains("[batch_norm] 2147483648 elements are too many"), Error);
}

TEST_CASE("batch norm: bytes and operations follow from the equations") {
  BatchNormParams p{.batch = 2, .channels = 5, .plane = 10};
  CHECK(cuda::batch_norm_statistics_cost(p) == Cost{400, 400});
  CHECK(cuda::batch_norm_forward_cost(p) == Cost{800, 200});
  const float residual = 0;
  CHECK(cuda::batch_norm_fused_forward_cost(p, {.relu = true}) == Cost{800, 400});
  CHECK(cuda::batch_norm_fused_forward_cost(p, {.residual = &residual}) == Cost{1200, 300});
  CHECK(cuda::batch_norm_backward_cost(p, true, false) == Cost{800, 100});
  CHECK(cuda::batch_norm_backward_cost(p, true, true) == Cost{1600, 500});
  CHECK(cuda::batch_norm_backward_cost(p, false, true) == Cost{800, 400});
  p.training = true;
  CHECK(cuda::batch_norm_backward_cost(p, true, false) == Cost{2000, 900});
  CHECK(cuda::batch_norm_backward_cost(p, true, true) == Cost{2000, 900});
}
