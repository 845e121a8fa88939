// Convolution by cuDNN, here the emulated one, against the CPU.
#include <cmath>
#include <string>

#include "engine/cuda/stream.hpp"
#include "engine/cuda/workspace.hpp"
#include "kernels/conv2d/plans_cuda.hpp"
#include "kernels/conv2d_cases.hpp"
#include "modes.hpp"
#include "sentinel.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

const Device kCudaDevice = Device::parse("cuda");
constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::vector<float> values(std::int64_t count, std::string_view name) {
  const Tensor random = random_tensor({count}, name);
  return {random.values().begin(), random.values().end()};
}

/// The arrays of one convolution, and what the CPU makes of them.
struct Problem {
  explicit Problem(const Conv2dParams& params) : p(params) {
    Context host({}, 1);
    cpu::conv2d_forward<float>(host, p, x.data(), w.data(), bias.data(), y.data());
    cpu::conv2d_backward_data<float>(host, p, dy.data(), w.data(), dx.data());
    cpu::conv2d_backward_filter<float>(host, p, x.data(), dy.data(), dw.data());
    cpu::conv2d_backward_bias<float>(host, p, dy.data(), db.data());
  }
  explicit Problem(const Conv2dCase& c)
      : Problem(params_of(c, conv2d(c.x[1], c.out, c.options)->output_shape({&c.x, 1}))) {}

  Conv2dParams p;
  std::int64_t outputs = p.batch * p.out_channels * p.out_height * p.out_width;
  std::vector<float> x = values(p.batch * p.in_channels * p.in_height * p.in_width, "cudnn.x"),
                     w = values(p.out_channels * p.in_channels / p.groups * p.kernel_height * p.kernel_width,
                                "cudnn.w"),
                     bias = values(p.out_channels, "cudnn.bias"), dy = values(outputs, "cudnn.dy"),
                     residual = values(outputs, "cudnn.residual");
  std::vector<float> y = dy, dx = x, dw = values(static_cast<std::int64_t>(w.size()), "cudnn.dw"), db = bias;
};

/// Forward and the three gradients on the device; the gradients of the parameters add to what the CPU's began
/// with.
void check_parity(Context& context, const Problem& c, double tolerance) {
  Guarded x(context, c.x), w(context, c.w), bias(context, c.bias), dy(context, c.dy);
  Guarded y(context, std::vector<float>(c.y.size(), NAN)), dx(context, std::vector<float>(c.x.size(), NAN));
  Guarded dw(context, values(static_cast<std::int64_t>(c.w.size()), "cudnn.dw")), db(context, c.bias);
  cuda::conv2d_forward(context, c.p, x.data(), w.data(), bias.data(), y.data());
  cuda::conv2d_backward_data(context, c.p, dy.data(), w.data(), dx.data());
  cuda::conv2d_backward_filter(context, c.p, x.data(), dy.data(), dw.data());
  cuda::conv2d_backward_bias(context, c.p, dy.data(), db.data());
  CHECK(relative_difference(y.values(), c.y) <= tolerance);
  CHECK(relative_difference(dx.values(), c.dx) <= tolerance);
  CHECK(relative_difference(dw.values(), c.dw) <= tolerance);
  CHECK(relative_difference(db.values(), c.db) <= 1e-6);
}

}  // namespace

TEST_CASE("conv2d: cuDNN agrees with the CPU on every shape") {
  in_every_mode([] {
    for (const Conv2dCase& c : kConv2dCases) {
      CAPTURE(c.name);
      Context context(kCudaDevice, 1);
      check_parity(context, Problem(c), 2e-6);
    }
  });
}
