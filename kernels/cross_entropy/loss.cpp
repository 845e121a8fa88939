#include "kernels/cross_entropy/loss.hpp"

#include <numeric>

#include "kernels/dispatch.hpp"

namespace backlight {

CrossEntropy cross_entropy(Context& context, const Tensor& logits, std::span<const std::int64_t> labels,
                           double label_smoothing, std::int64_t labels_per_row) {
  const Shape& shape = logits.shape();
  if (shape.rank() != 2 || shape.numel() == 0 || labels_per_row < 1 ||
      shape[0] * labels_per_row != static_cast<std::int64_t>(labels.size()))
    throw Error(ErrorKind::bad_input, "[cross_entropy] logits are ", shape, " for ", labels.size(),
                " labels, expected one row of classes per ",
                labels_per_row == 1 ? "label" : "group of labels");
  for (std::size_t n = 0; n < labels.size(); ++n)
    if (labels[n] < 0 || labels[n] >= shape[1])
      throw Error(ErrorKind::bad_input, "[cross_entropy] label ", n, " is ", labels[n], ", expected 0 to ",
                  shape[1] - 1);
  if (!(label_smoothing >= 0 && label_smoothing <= 1))
    throw Error(ErrorKind::usage, "[cross_entropy] label smoothing is ", label_smoothing,
                ", expected 0 to 1");

  const CrossEntropyParams params{
      .batch = shape[0], .classes = shape[1], .smoothing = label_smoothing, .labels_per_row = labels_per_row};
  CrossEntropy result;
  result.dlogits = context.empty(shape, logits.dtype());
  const Tensor own_labels = context.copy(labels);
  Tensor own_losses = context.empty({shape[0]}, DType::f64);
  dispatch(context, logits.dtype(), [&]<class T>(const Kernels<T>& k) {
    k.cross_entropy_forward(context, params, logits.data<T>(), own_labels.data<std::int64_t>(),
                            own_losses.data<double>());
    k.cross_entropy_backward(context, params, logits.data<T>(), own_labels.data<std::int64_t>(),
                             result.dlogits.data<T>());
  });
  const Tensor host_losses = context.to_host(own_losses);
  const std::span<const double> losses = host_losses.values<double>();
  result.loss = std::accumulate(losses.begin(), losses.end(), 0.0) / static_cast<double>(losses.size());
  return result;
}

}  // namespace backlight
