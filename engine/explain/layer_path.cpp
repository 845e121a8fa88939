#include "engine/explain/layer_path.hpp"

#include <vector>

namespace backlight {
namespace {

/// For every entry of `images` the value of its image, times 1/S, 2/S, ..., 1.
Tensor points_of(const Tensor& value, std::span<const std::int64_t> images, int steps) {
  const std::int64_t count = value.numel() / value.shape()[0];
  Tensor points(value.shape().with(0, std::ssize(images) * steps), value.dtype());
  dispatch_dtype(value.dtype(), [&]<class T>() {
    T* to = points.data<T>();
    for (const std::int64_t image : images) {
      const T* const from = value.data<T>() + image * count;
      for (int s = 1; s <= steps; ++s) {
        const T share = static_cast<T>(s) / static_cast<T>(steps);
        for (std::int64_t i = 0; i < count; ++i) *to++ = share * from[i];
      }
    }
  });
  return points;
}

/// dy of every row, by its own scores.
Tensor gradients_at(const Tensor& scores, int steps, ScoreGradient score_gradient) {
  const Tensor exact = scores.to(DType::f64);
  Tensor dy = Tensor::zeros(scores.shape(), DType::f64);
  const std::size_t count = static_cast<std::size_t>(scores.numel() / scores.shape()[0]);
  for (std::int64_t row = 0; row < scores.shape()[0]; ++row) {
    const std::size_t begin = static_cast<std::size_t>(row) * count;
    score_gradient(row / steps, exact.values<double>().subspan(begin, count),
                   dy.values<double>().subspan(begin, count));
  }
  return dy.to(scores.dtype());
}

Tensor mean_of_steps(const Tensor& gradients, int steps) {
  const std::int64_t targets = gradients.shape()[0] / steps, count = gradients.numel() / gradients.shape()[0];
  Tensor means(gradients.shape().with(0, targets), gradients.dtype());
  dispatch_dtype(gradients.dtype(), [&]<class T>() {
    for (std::int64_t target = 0; target < targets; ++target)
      for (std::int64_t i = 0; i < count; ++i) {
        double sum = 0;
        for (std::int64_t s = 0; s < steps; ++s)
          sum += static_cast<double>(gradients.data<T>()[(target * steps + s) * count + i]);
        means.data<T>()[target * count + i] = static_cast<T>(sum / steps);
      }
  });
  return means;
}

}  // namespace

Tensor path_gradients(const Run& run, const Context& context, NodeId layer, NodeId scores,
                      std::span<const std::int64_t> images, int steps, ScoreGradient score_gradient) {
  const Tensor value = context.to_host(run.value(layer));
  if (steps < 1) throw Error(ErrorKind::usage, "a path of ", steps, " steps was asked for, expected 1 or more");
  for (const std::int64_t image : images)
    if (image < 0 || image >= value.shape()[0])
      throw Error(ErrorKind::usage, "a path was asked for of image ", image, " of a batch of ", value.shape()[0]);
  std::vector<std::int64_t> rows;
  for (const std::int64_t image : images) rows.insert(rows.end(), static_cast<std::size_t>(steps), image);
  const auto tail = run.tail(layer, std::ssize(rows), {.outputs = {scores}, .gradients_at = {layer}});
  Run at = run.resume(tail, points_of(value, images, steps), rows);
  const Seed seed{scores, gradients_at(context.to_host(at.value(scores)), steps, score_gradient)};
  Gradients gradients = at.backward(seed, {.wrt = {layer}, .last = true});
  return mean_of_steps(context.to_host(gradients.nodes.at(layer)), steps);
}

}  // namespace backlight
