#include "engine/explain/layer_path.hpp"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

namespace backlight {
namespace {

/// Points of the ways of all images that are asked about, one behind the other: S for each, from 1/S to 1.
struct Points {
  const Tensor& value;
  std::vector<std::int64_t> images;
  std::vector<std::vector<std::int64_t>> targets;  ///< of each image, in order
  std::int64_t steps;

  Points(const Tensor& values, std::span<const std::int64_t> asked, std::int64_t number)
      : value(values), steps(number) {
    for (std::int64_t target = 0; target < std::ssize(asked); ++target) {
      const std::int64_t image = asked[static_cast<std::size_t>(target)];
      const auto found = std::ranges::find(images, image);
      const auto place = static_cast<std::size_t>(found - images.begin());
      if (found == images.end()) {
        images.push_back(image);
        targets.emplace_back();
      }
      targets[place].push_back(target);
    }
  }

  std::int64_t count() const { return std::ssize(images) * steps; }
  std::int64_t image(std::int64_t point) const { return images[static_cast<std::size_t>(point / steps)]; }
  /// The image's target of this number, nothing behind its last.
  std::optional<std::int64_t> target(std::int64_t point, std::size_t number) const {
    const std::vector<std::int64_t>& all = targets[static_cast<std::size_t>(point / steps)];
    return number < all.size() ? std::optional(all[number]) : std::nullopt;
  }

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

  /// dy of every row that has a target of this number, by its own scores; nothing where none has.
  std::optional<Tensor> gradients(const Tensor& scores, std::int64_t first, std::size_t number,
                                  ScoreGradient score_gradient) const {
    Tensor dy = Tensor::zeros(scores.shape(), DType::f64);
    const auto size = static_cast<std::size_t>(scores.numel() / scores.shape()[0]);
    bool any = false;
    for (std::int64_t row = 0; row < scores.shape()[0]; ++row)
      if (const auto asked = target(first + row, number)) {
        const std::size_t begin = static_cast<std::size_t>(row) * size;
        score_gradient(*asked, scores.values<double>().subspan(begin, size),
                       dy.values<double>().subspan(begin, size));
        any = true;
      }
    return any ? std::optional(std::move(dy)) : std::nullopt;
  }

  /// Adds each row to its target's sum.
  void add_to(Tensor& sums, const Tensor& gradients, std::int64_t first, std::size_t number) const {
    const std::int64_t size = gradients.numel() / gradients.shape()[0];
    dispatch_dtype(gradients.dtype(), [&]<class T>() {
      for (std::int64_t row = 0; row < gradients.shape()[0]; ++row)
        if (const auto asked = target(first + row, number)) {
          const T* const from = gradients.data<T>() + row * size;
          double* const to = sums.data<double>() + *asked * size;
          for (std::int64_t i = 0; i < size; ++i) to[i] += static_cast<double>(from[i]);
        }
    });
  }
};

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
  if (steps < 1)
    throw Error(ErrorKind::usage, "a path of ", steps, " steps was asked for, expected 1 or more");
  for (const std::int64_t image : images)
    if (image < 0 || image >= value.shape()[0])
      throw Error(ErrorKind::usage, "a path was asked for of image ", image, " of a batch of ",
                  value.shape()[0]);
  const Points points(value, images, steps);
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
    const Tensor exact = context.to_host(at.value(scores)).to(DType::f64);
    std::optional<Tensor> dy = points.gradients(exact, first, 0, score_gradient);
    for (std::size_t number = 0; dy; ++number) {
      std::optional<Tensor> next = points.gradients(exact, first, number + 1, score_gradient);
      Gradients gradients = at.backward(Seed{scores, dy->to(value.dtype())}, {.wrt = {layer}, .last = !next});
      points.add_to(sums, context.to_host(gradients.nodes.at(layer)), first, number);
      dy = std::move(next);
    }
  }
  for (double& v : sums.values<double>()) v /= steps;
  return sums.to(value.dtype());
}

}  // namespace backlight
