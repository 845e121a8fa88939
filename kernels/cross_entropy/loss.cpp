#include "kernels/cross_entropy/loss.hpp"

#include <numeric>
#include <utility>
#include <vector>

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

CrossEntropy sequence_cross_entropy(Context& context, const Tensor& logits,
                                    std::span<const std::int64_t> labels, double label_smoothing) {
  const Shape& shape = logits.shape();
  if (shape.rank() != 3 || shape[0] * shape[1] != static_cast<std::int64_t>(labels.size()))
    throw Error(ErrorKind::bad_input, "[cross_entropy] logits are ", shape, " for ", labels.size(),
                " labels, expected N×T×K and a label for each place");
  std::vector<std::int64_t> places, own;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    if (labels[i] == kNoLabel) continue;
    places.push_back(static_cast<std::int64_t>(i));
    own.push_back(labels[i]);
  }
  if (places.empty())
    throw Error(ErrorKind::bad_input, "[cross_entropy] none of ", labels.size(), " places has a label");
  const std::int64_t classes = shape[2], count = static_cast<std::int64_t>(places.size());
  Tensor labelled = context.empty({count, classes}, logits.dtype());
  // Places that follow one another are copied at once.
  const auto copy_runs = [&](const auto& copy) {
    for (std::int64_t first = 0, end = 0; first < count; first = end) {
      const auto at = [&](std::int64_t i) { return places[static_cast<std::size_t>(i)]; };
      for (end = first + 1; end < count && at(end) == at(end - 1) + 1;) ++end;
      copy(CopyParams{.count = (end - first) * classes}, first * classes, at(first) * classes);
    }
  };
  dispatch(context, logits.dtype(), [&]<class T>(const Kernels<T>& k) {
    copy_runs([&](const CopyParams& run, std::int64_t in_labelled, std::int64_t in_all) {
      k.copy_rows(context, run, logits.data<T>() + in_all, labelled.data<T>() + in_labelled);
    });
  });
  CrossEntropy result = cross_entropy(context, labelled, own, label_smoothing);
  Tensor dlogits = context.zeros(shape, logits.dtype());
  dispatch(context, logits.dtype(), [&]<class T>(const Kernels<T>& k) {
    copy_runs([&](const CopyParams& run, std::int64_t in_labelled, std::int64_t in_all) {
      k.copy_rows(context, run, result.dlogits.data<T>() + in_labelled, dlogits.data<T>() + in_all);
    });
  });
  result.dlogits = std::move(dlogits);
  return result;
}

}  // namespace backlight
