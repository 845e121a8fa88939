#include "models/pictures.hpp"

#include "kernels/saliency/saliency.hpp"
#include "models/memory.hpp"
#include "weights/load.hpp"

namespace backlight {

Fitted fit_picture(const Image& image, const Model& model, Fit fit, bool backward_to_input) {
  const int side = model.info.preprocessing.input_size;
  const bool own_size = fit == Fit::none;
  const std::int64_t channels = model.info.preprocessing.channels;
  const Shape input =
      own_size ? Shape{1, channels, image.height, image.width} : Shape{1, channels, side, side};
  const char* way_out = own_size ? "; use the fit crop or stretch" : "; use a smaller input size";
  std::int64_t needed = 0;
  try {
    needed = least_memory(model.network, input, backward_to_input);
  } catch (const Error& error) {
    throw Error(ErrorKind::bad_input, "the picture is ", image.width, "×", image.height, ", a size that ",
                model.info.name, " does not take: ", error.what(), way_out);
  }
  if (const std::int64_t there = free_memory(); needed > there)
    throw Error(ErrorKind::resources, own_size ? "the picture is " : "the network's input is ", input[3], "×",
                input[2], ", for which ", model.info.name, " needs ", needed >> 20, " MiB at least, and ",
                there >> 20, " are free", way_out);
  return preprocess(image, model.info.preprocessing, fit);
}

Result explain_picture(Probe& probe, const Method& method, const Question& question,
                       const Preprocessing& how) {
  Result result = std::move(method.explain(probe, question).front());
  require_finite("the result of " + std::string(method.name), result.raw());
  if (result.gradient.defined()) result.gradient = to_rgb_order(std::move(result.gradient), how);
  return result;
}

}  // namespace backlight
