#include "engine/explain/device_display.hpp"

#include <cmath>

#include "kernels/overlay/overlay.hpp"
#include "kernels/saliency/saliency.hpp"

namespace backlight {

bool shown_on_device(Preset preset) { return preset == Preset::pytorch_grad_cam || preset == Preset::paper; }

DeviceMap class_map_on_device(Context& context, const Tensor& alpha, const Tensor& activations,
                              MapValues values) {
  const Shape& shape = activations.shape();
  if (shape.rank() != 4 || alpha.shape() != Shape{shape[0], shape[1]})
    throw Error(ErrorKind::usage, "[class map] alpha is ", alpha.shape(), ", the activations ", shape,
                ", expected N×K and N×K×h×w");
  DeviceMap result{context.empty({shape[0], shape[2], shape[3]}), context.records<Extrema>(shape[0])};
  cuda::weighted_sum_extrema(context, {shape[0], shape[1], shape[2] * shape[3]}, values, alpha.data<float>(),
                             activations.data<float>(), result.map.data<float>(),
                             result.extrema.records<Extrema>().data());
  return result;
}

DeviceDisplay display_on_device(Context& context, Preset preset, const DeviceMap& map, std::int64_t height,
                                std::int64_t width, const Tensor* pictures, const Tensor* gradient) {
  if (!shown_on_device(preset))
    throw Error(ErrorKind::unsupported, "[display] preset ", name_of(preset),
                " is not supported on CUDA: copy the map to the host and display it there");
  const Shape& shape = map.map.shape();
  const std::int64_t batch = map.extrema.shape()[0];
  if (shape.rank() != 3 || shape[0] != batch)
    throw Error(ErrorKind::usage, "[display] the maps are ", shape, " with the extrema of ", batch,
                ", expected N×h×w and N");
  const Shape pixels{batch, height, width, 3};
  if (pictures && (pictures->shape() != pixels || pictures->dtype() != DType::u8))
    throw Error(ErrorKind::usage, "[display] the pictures are ", pictures->dtype(), " ", pictures->shape(),
                ", expected ", DType::u8, " ", pixels);
  if (gradient && (gradient->shape().rank() != 4 ||
                   gradient->shape() != Shape{batch, gradient->shape()[1], height, width}))
    throw Error(ErrorKind::usage, "[display] the gradient is ", gradient->shape(), ", expected ", batch,
                "×C×", height, "×", width);

  DeviceDisplay result;
  result.shown = context.empty({batch, height, width});
  if (pictures) result.overlay = context.empty(pixels, DType::u8);
  if (gradient) result.product = context.empty(gradient->shape());
  cuda::overlay(
      context,
      {.batch = batch,
       .map_height = shape[1],
       .map_width = shape[2],
       .height = height,
       .width = width,
       .channels = gradient ? gradient->shape()[1] : 0,
       .formula = preset == Preset::paper ? OverlayFormula::paper : OverlayFormula::pytorch_grad_cam},
      {.map = map.map.data<float>(),
       .extrema = map.extrema.records<Extrema>().data(),
       .picture = pictures ? pictures->data<std::uint8_t>() : nullptr,
       .gradient = gradient ? gradient->data<float>() : nullptr},
      {.shown = result.shown.data<float>(),
       .overlay = pictures ? result.overlay.data<std::uint8_t>() : nullptr,
       .product = gradient ? result.product.data<float>() : nullptr});
  return result;
}

DeviceSaliency saliency_on_device(Context& context, const Tensor& gradient, Preset preset, bool bgr) {
  const Shape& shape = gradient.shape();
  if (shape.rank() != 4 || shape[1] != 3 || shape.numel() == 0)
    throw Error(ErrorKind::usage, "[saliency] the gradient is ", shape, ", expected N×3×H×W");
  if (preset == Preset::captum)
    throw Error(ErrorKind::unsupported,
                "[saliency] preset captum is not supported on CUDA: copy the gradient to the host and "
                "display it there");
  DeviceSaliency result{context.empty({shape[0], shape[2], shape[3], 3}, DType::u8),
                        context.records<Extrema>(shape[0])};
  const SaliencyFormula formula =
      preset == Preset::pytorch_grad_cam ? SaliencyFormula::deprocess : SaliencyFormula::min_max;
  cuda::saliency(context, {shape[0], shape[2] * shape[3], formula, bgr}, gradient.data<float>(),
                 result.extrema.records<Extrema>().data(), result.pictures.data<std::uint8_t>());
  return result;
}

void require_finite(std::span<const Extrema> extrema) {
  for (std::size_t n = 0; n < extrema.size(); ++n)
    if (!std::isfinite(extrema[n].low()) || !std::isfinite(extrema[n].high()))
      throw Error(ErrorKind::bad_input, "[display] the map or gradient of image ", n,
                  " holds NaN or infinity, expected finite values");
}

}  // namespace backlight
