#include "engine/explain/layer_path.hpp"

#include <algorithm>
#include <vector>

namespace backlight {
namespace {

/// Points of the ways of all targets, one behind the other: S for each, from 1/S to 1.
struct Points {
  const Tensor& value;
  std::span<const std::int64_t> images;
  std::int64_t steps;

  std::int64_t count() const { return std::ssize(images) * steps; }
  std::int64_t image(std::int64_t point) const { return images[static_cast<std::size_t>(point / steps)]; }

  Tensor values(std::int64_t first, std::int64_t number) const {
    const std::int64_t size = value.numel() / value.shape()[0];
    Tensor points(value.shape().with(0, number), value.dtype());
    dispatch_dtype(value.dtype(), [&]<class T>() {
      T* to = points.data<T>();
      for (std::int64_t point = first; point < first + number; ++point) {
        const T* const from = value.data<T>() + image(point) * size;
        const T share = static_cast<T>(point % steps + 1) / static_cast<T>(steps);
        for (std::int64_t i = 0; i < size; ++i) *to++ = share * from[i];
      }
    });
    return points;
  }
};

/// dy of every row, by its own scores.
Tensor gradients_at(const Tensor& scores, std::int64_t first, std::int64_t steps,
                    ScoreGradient score_gradient) {
  const Tensor exact = scores.to(DType::f64);
  Tensor dy = Tensor::zeros(scores.shape(), DType::f64);
  const std::size_t count = static_cast<std::size_t>(scores.numel() / scores.shape()[0]);
  for (std::int64_t row = 0; row < scores.shape()[0]; ++row) {
    const std::size_t begin = static_cast<std::size_t>(row) * count;
    score_gradient((first + row) / steps, exact.values<double>().subspan(begin, count),
                   dy.values<double>().subspan(begin, count));
  }
  return dy.to(scores.dtype());
}

/// Adds each row, of points from `first` on, to its target's sum.
void add_rows(const Tensor& gradients, std::int64_t first, std::int64_t steps, Tensor& sums) {
  const std::int64_t size = gradients.numel() / gradients.shape()[0];
  dispatch_dtype(gradients.dtype(), [&]<class T>() {
    for (std::int64_t i = 0; i < gradients.numel(); ++i)
      sums.data<double>()[(first + i / size) / steps * size + i % size] +=
          static_cast<double>(gradients.data<T>()[i]);
  });
}

}  // namespace

std::int64_t rows_together(const Run& run, NodeId layer, std::int64_t batch_bytes) {
  constexpr std::int64_t kMost = 256;
  const Program& program = run.program();
  std::size_t bytes = 1;
  for (NodeId node = layer; node < std::ssize(program.network().nodes()); ++node)
    if (program.has(node))
      bytes += static_cast<std::size_t>(program.shape(node).numel() / program.shape(node)[0]) *
               size_of(program.type(node).dtype);
  return std::clamp<std::int64_t>(batch_bytes / static_cast<std::int64_t>(bytes), 1, kMost);
}

Tensor path_gradients(const Run& run, const Context& context, NodeId layer, NodeId scores,
                      std::span<const std::int64_t> images, int steps, ScoreGradient score_gradient,
                      std::int64_t batch_bytes) {
  const Tensor value = context.to_host(run.value(layer));
  if (steps < 1) throw Error(ErrorKind::usage, "a path of ", steps, " steps was asked for, expected 1 or more");
  for (const std::int64_t image : images)
    if (image < 0 || image >= value.shape()[0])
      throw Error(ErrorKind::usage, "a path was asked for of image ", image, " of a batch of ", value.shape()[0]);
  const Points points{value, images, steps};
  Tensor sums = Tensor::zeros(value.shape().with(0, std::ssize(images)), DType::f64);
  const std::int64_t together = rows_together(run, layer, batch_bytes);
  std::shared_ptr<const Program> tail;
  for (std::int64_t first = 0; first < points.count(); first += together) {
    const std::int64_t count = std::min(together, points.count() - first);
    if (!tail || count != together)
      tail = run.tail(layer, count, {.outputs = {scores}, .gradients_at = {layer}});
    std::vector<std::int64_t> rows;
    for (std::int64_t i = 0; i < count; ++i) rows.push_back(points.image(first + i));
    Run at = run.resume(tail, points.values(first, count), rows);
    const Seed seed{scores, gradients_at(context.to_host(at.value(scores)), first, steps, score_gradient)};
    Gradients gradients = at.backward(seed, {.wrt = {layer}, .last = true});
    add_rows(context.to_host(gradients.nodes.at(layer)), first, steps, sums);
  }
  for (double& v : sums.values<double>()) v /= steps;
  return sums.to(value.dtype());
}

}  // namespace backlight
