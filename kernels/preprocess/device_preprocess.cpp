#include "kernels/preprocess/device_preprocess.hpp"

#include "engine/image/resize.hpp"
#include "kernels/preprocess/preprocess.hpp"

namespace backlight {
namespace {

/// Taps and weights of both axes, one after the other: they go to the device in one copy.
struct Tables {
  std::vector<std::int32_t> numbers;

  /// Where the taps of the axis begin; its weights follow.
  std::size_t append(const FixedWeights& axis) {
    const std::size_t begin = numbers.size();
    for (const auto& [first, count] : axis.taps) {
      numbers.push_back(static_cast<std::int32_t>(first));
      numbers.push_back(count);
    }
    numbers.insert(numbers.end(), axis.weights.begin(), axis.weights.end());
    return begin;
  }
};

ResizeAxis axis_at(const FixedWeights& axis, std::int64_t in, const std::int32_t* taps) {
  return {in, static_cast<std::int64_t>(axis.taps.size()), axis.stride, taps, taps + 2 * axis.taps.size()};
}

}  // namespace

DeviceInput device_input(Context& context, std::int64_t batch, std::int64_t height, std::int64_t width,
                         std::int64_t channels) {
  return {context.empty({batch, channels, height, width}),
          context.empty({batch, height, width, 3}, DType::u8)};
}

Placement preprocess_on_device(Context& context, const Image& image, const Preprocessing& how, Fit fit,
                               DeviceInput& input, std::int64_t n) {
  require_pixels(image, "preprocess");
  require_colors(how);
  if (how.channels == 4)
    throw Error(
        ErrorKind::unsupported,
        "[preprocess] the network takes 4 channels, and alpha is prepared on the CPU only: use preprocess() "
        "and copy its input to the device");
  const FitPlan fitted = plan_fit(image.width, image.height, how, fit);
  const std::int64_t height = fitted.placement.input_height, width = fitted.placement.input_width;
  const Shape& shape = input.x.shape();
  if (shape.rank() != 4 || n < 0 || n >= shape[0] ||
      shape.with(0, 1) != Shape{1, how.channels, height, width})
    throw Error(ErrorKind::usage, "[preprocess] the picture becomes ", height, "×", width, ", image ", n,
                " of an input of ", shape, ": expected N×", how.channels, "×", height, "×", width);
  const ResizePlan plan =
      plan_resize(image.width, image.height, fitted.width, fitted.height, fitted.window, how.interpolation);
  Tables tables;
  const std::size_t across = tables.append(plan.across), down = tables.append(plan.down);
  const Tensor numbers = context.copy(std::span<const std::int32_t>(tables.numbers));
  const std::int32_t* const table = numbers.data<std::int32_t>();
  // Whole rows, which lie one behind the other in the picture.
  const std::int64_t pitch = std::int64_t{image.width} * 3;
  const Tensor rows =
      context.copy(std::span(image.rgb).subspan(static_cast<std::size_t>(plan.needed.y0 * pitch),
                                                static_cast<std::size_t>(plan.needed.height() * pitch)));
  cuda::preprocess(context,
                   {.across = axis_at(plan.across, plan.needed.width(), table + across),
                    .down = axis_at(plan.down, plan.needed.height(), table + down),
                    .vertical_first = plan.vertical_first,
                    .pitch = pitch,
                    .width = width,
                    .height = height,
                    .x = fitted.x,
                    .y = fitted.y,
                    .divisor = how.divisor,
                    .mean = {how.mean[0], how.mean[1], how.mean[2]},
                    .std = {how.std[0], how.std[1], how.std[2]},
                    .bgr = how.bgr,
                    .channels = how.channels},
                   rows.data<std::uint8_t>() + plan.needed.x0 * 3,
                   input.seen.data<std::uint8_t>() + n * height * width * 3,
                   input.x.data<float>() + n * how.channels * height * width);
  return fitted.placement;
}

}  // namespace backlight
