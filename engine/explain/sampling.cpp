#include "engine/explain/sampling.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>
#include <optional>

#include "engine/core/random.hpp"

namespace backlight {
namespace {

// pytorch-grad-cam's: {as it is, mirrored} × {0.9, 1, 1.1}.
constexpr std::int64_t kAugmentations = 6;
bool is_mirrored(std::int64_t variant) { return variant >= 3; }
double factor_of(std::int64_t variant) { return 0.9 + 0.1 * static_cast<double>(variant % 3); }

/// Every row of the last extent from its end.
Tensor mirrored(const Tensor& tensor) {
  Tensor turned = tensor.clone();
  const auto width = static_cast<std::ptrdiff_t>(tensor.shape()[-1]);
  dispatch_dtype(tensor.dtype(), [&]<class T>() {
    for (T* row = turned.data<T>(); row != turned.data<T>() + turned.numel(); row += width)
      std::reverse(row, row + width);
  });
  return turned;
}

/// Mean of values or of their squares, or their variance, as they come.
struct Moments {
  Smoothing kind;
  Shape shape = {};
  std::vector<double> mean = {}, spread = {};
  double count = 0;

  void add(const Tensor& sample) {
    const Tensor exact = sample.to(DType::f64);
    const std::span<const double> values = exact.values<double>();
    if (mean.empty()) {
      shape = sample.shape();
      mean.assign(values.size(), 0.0);
      spread.assign(values.size(), 0.0);
    }
    ++count;
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double v = kind == Smoothing::mean_square ? values[i] * values[i] : values[i];
      const double off = v - mean[i];
      mean[i] += off / count;
      spread[i] += off * (v - mean[i]);
    }
  }
  Tensor result(DType dtype) const {
    Tensor exact(shape, DType::f64);
    std::ranges::transform(kind == Smoothing::variance ? spread : mean, exact.data<double>(),
                           [&](double v) { return kind == Smoothing::variance ? v / count : v; });
    return exact.to(dtype);
  }
};

/// How many values of one input a pass has at a time: all of them where a backward will read them, else each from its
/// node on to its last reader.
std::int64_t values_at_once(const Network& network, std::span<const Shape> shapes, bool keeps_all) {
  std::vector<NodeId> last(shapes.size());
  for (std::size_t id = 0; id < shapes.size(); ++id) {
    last[id] = static_cast<NodeId>(id);
    for (const NodeId from : network.node(static_cast<NodeId>(id)).inputs)
      last[at(from)] = static_cast<NodeId>(id);
  }
  std::vector<std::int64_t> released(shapes.size());
  std::int64_t now = 0, most = 0;
  for (std::size_t id = 0; id < shapes.size(); ++id) {
    now += shapes[id].numel();
    most = std::max(most, now);
    released[at(last[id])] += shapes[id].numel();
    if (!keeps_all) now -= released[id];
  }
  return most;
}

/// How many inputs like the probe's go through its network together: as many as the bytes hold activations of.
std::int64_t inputs_together(const Probe& probe, std::int64_t batch_bytes, bool keeps_all) {
  constexpr std::int64_t kMost = 32;
  const Tensor& x = probe.input();
  const std::vector<Shape> shapes = probe.network().shapes(x.shape().with(0, 1));
  const auto bytes =
      values_at_once(probe.network(), shapes, keeps_all) * static_cast<std::int64_t>(size_of(x.dtype()));
  return std::clamp<std::int64_t>(batch_bytes / std::max<std::int64_t>(bytes, 1), 1, kMost);
}

}  // namespace

Tensor scores_of_variants(const Probe& probe, std::int64_t image, std::int64_t variants, MakeVariant make,
                          std::int64_t batch_bytes,
                          const std::function<void(std::int64_t done, std::int64_t all)>& progress) {
  const Tensor& x = probe.input();
  const std::int64_t size = x.numel() / x.shape()[0], classes = probe.scores().shape()[1],
                     together = inputs_together(probe, batch_bytes, /*keeps_all=*/false);
  const Tensor exact = x.to(DType::f64);
  const auto picture =
      exact.values<double>().subspan(static_cast<std::size_t>(image * size), static_cast<std::size_t>(size));
  Tensor all({variants, classes}, probe.scores().dtype());
  std::vector<std::vector<double>> made(static_cast<std::size_t>(probe.context().threads()));
  for (std::int64_t first = 0, rows = 0; first < variants; first += rows) {
    // Powers of two, so that few programs serve all numbers.
    rows = static_cast<std::int64_t>(
        std::bit_floor(static_cast<std::uint64_t>(std::min(together, variants - first))));
    Tensor batch(x.shape().with(0, rows), x.dtype());
    probe.context().parallel_for(rows, [&](std::int64_t i, int worker) {
      std::vector<double>& row = made[static_cast<std::size_t>(worker)];
      row.assign(picture.begin(), picture.end());
      make(first + i, row);
      dispatch_dtype(batch.dtype(), [&]<class T>() {
        std::ranges::transform(row, batch.data<T>() + i * size, [](double v) { return static_cast<T>(v); });
      });
    });
    const Tensor scores = probe.scores_of(std::move(batch));
    dispatch_dtype(scores.dtype(), [&]<class T>() {
      std::ranges::copy(scores.values<T>(), all.data<T>() + first * classes);
    });
    if (progress) progress(first + rows, variants);
  }
  return all;
}

std::vector<double> values_of_variants(Probe& probe, const Question& question, std::int64_t image,
                                       const std::string& name, std::int64_t variants, MakeVariant make) {
  if (question.target.own)
    throw Error(
        ErrorKind::usage,
        "a target of one's own is known of the picture alone, but the network was to be asked about the "
        "picture with parts of it hidden; use a target of the scores");
  Tensor& scores = probe.kept_scores(image, name);
  if (!scores.defined())
    scores = scores_of_variants(probe, image, variants, make, question.batch_bytes, question.progress);
  Target there = question.target;
  there.classes.assign(static_cast<std::size_t>(variants),
                       question.target.classes.at(static_cast<std::size_t>(image)));
  return evaluate(there, scores).values;
}

Tensor baselines_of(const Question& question, const Tensor& x) {
  const Shape one = x.shape().with(0, 1);
  if (!question.path.baseline) return Tensor::zeros(one, DType::f64);
  const Tensor& given = *question.path.baseline;
  if (given.shape().rank() != 4 || given.shape()[0] < 1 || given.shape().with(0, 1) != one)
    throw Error(ErrorKind::usage, "the baseline is ", given.shape(), ", the input ", one);
  return given.to(DType::f64);
}

Tensor baseline_of(const Question& question, const Tensor& x) {
  Tensor baseline = baselines_of(question, x);
  if (baseline.shape()[0] != 1)
    throw Error(ErrorKind::usage, baseline.shape()[0],
                " baselines were given, expected one; gradient-shap takes several");
  return baseline;
}

double standard_normal(std::uint64_t seed, std::int64_t draw, std::int64_t i) {
  const std::uint64_t stream = random_bits(seed, static_cast<std::uint64_t>(draw));
  const double u = random_uniform(stream, static_cast<std::uint64_t>(2 * i)) + 0x1p-25;
  const double v = random_uniform(stream, static_cast<std::uint64_t>(2 * i + 1));
  return std::sqrt(-2 * std::log(u)) * std::cos(2 * std::numbers::pi * v);
}

void for_each_variant(
    Probe& probe, const Method& method, const Question& question, std::int64_t variants,
    const std::function<void(std::int64_t image, std::int64_t variant, std::span<double> x)>& make,
    const std::function<void(std::int64_t image, std::int64_t variant, const Result& result, double value)>&
        take) {
  if (question.target.own)
    throw Error(ErrorKind::usage, "a target of one's own is known of the picture alone, but ", method.name,
                " was to be asked at other inputs; use a target of the scores, and no smoothing");
  const Tensor& x = probe.input();
  const std::int64_t all = x.shape()[0] * variants,
                     together = inputs_together(probe, question.batch_bytes, /*keeps_all=*/true);
  const auto size = static_cast<std::size_t>(x.numel() / x.shape()[0]);
  for (std::int64_t first = 0; first < all; first += together) {
    const std::int64_t count = std::min(together, all - first);
    Tensor batch(x.shape().with(0, count), DType::f64);
    Question each = question;
    each.target.classes.clear();
    for (std::int64_t i = 0; i < count; ++i) {
      const std::int64_t image = (first + i) / variants;
      make(image, (first + i) % variants,
           batch.values<double>().subspan(static_cast<std::size_t>(i) * size, size));
      each.target.classes.push_back(question.target.classes.at(static_cast<std::size_t>(image)));
    }
    Probe there = probe.at(batch.to(x.dtype()));
    const std::vector<double> values = there.values(each.target);
    const std::vector<Result> results = method.ask(there, each);
    for (std::int64_t i = 0; i < count; ++i)
      take((first + i) / variants, (first + i) % variants, results[static_cast<std::size_t>(i)],
           values[static_cast<std::size_t>(i)]);
  }
}

std::vector<Result> smoothed(Probe& probe, const Method& method, const Question& question) {
  if (question.smoothing == Smoothing::none) return method.ask(probe, question);
  const bool augmented = question.smoothing == Smoothing::augmentation;
  const Tensor x = probe.input().to(DType::f64);
  const DType dtype = probe.input().dtype();
  const auto images = static_cast<std::size_t>(x.shape()[0]);
  const std::size_t size = x.values<double>().size() / images, width = static_cast<std::size_t>(x.shape()[3]);
  std::vector<double> sigma;
  for (std::size_t n = 0; n < images; ++n) {
    const auto [low, high] = std::ranges::minmax(x.values<double>().subspan(n * size, size));
    sigma.push_back(question.noise * (high - low));
  }
  std::vector<Moments> maps(images, {question.smoothing}), gradients(images, {question.smoothing});
  for_each_variant(
      probe, method, question, augmented ? kAugmentations : question.samples,
      [&](std::int64_t image, std::int64_t variant, std::span<double> to) {
        const auto n = static_cast<std::size_t>(image);
        const double* const from = &x.values<double>()[n * size];
        for (std::size_t i = 0; i < size; ++i)
          to[i] = augmented ? from[is_mirrored(variant) ? i / width * width + (width - 1 - i % width) : i] *
                                  factor_of(variant)
                            : from[i] + sigma[n] * standard_normal(question.seed, variant,
                                                                   static_cast<std::int64_t>(i));
      },
      [&](std::int64_t image, std::int64_t variant, const Result& result, double) {
        const auto n = static_cast<std::size_t>(image);
        const auto add = [&](Moments& to, const Tensor& sample) {
          to.add(augmented && is_mirrored(variant) ? mirrored(sample) : sample.clone());
        };
        if (result.map && augmented)
          add(maps[n], display_map(result.map->map.to(DType::f32), Preset::pytorch_grad_cam, x.shape()[2],
                                   x.shape()[3]));
        else if (result.map)
          add(maps[n], result.map->map);
        if (result.gradient.defined()) add(gradients[n], result.gradient);
      });
  std::vector<Result> results(images);
  for (std::size_t n = 0; n < images; ++n) {
    if (maps[n].count > 0) results[n].map = ClassMap{{}, maps[n].result(dtype)};
    if (gradients[n].count > 0) results[n].gradient = gradients[n].result(dtype);
  }
  return results;
}

std::vector<QuadratureNode> quadrature(PathRule rule, int nodes) {
  const int least = rule == PathRule::trapezoid ? 2 : 1;
  if (nodes < least)
    throw Error(ErrorKind::usage, "a path of ", nodes, " steps was asked for, expected ", least, " at least");
  std::vector<QuadratureNode> all;
  for (int i = 0; i < nodes; ++i) {
    if (rule == PathRule::trapezoid) {
      const bool end = i == 0 || i == nodes - 1;
      all.push_back({static_cast<double>(i) / (nodes - 1), (end ? 0.5 : 1) / (nodes - 1)});
      continue;
    }
    // The roots of the Legendre polynomial of degree n, by Newton's steps from where they nearly are.
    double t = -std::cos(std::numbers::pi * (i + 0.75) / (nodes + 0.5)), slope = 0;
    for (int step = 0; step < 100; ++step) {
      double before = 0, p = 1;
      for (int k = 0; k < nodes; ++k) {
        const double next = ((2 * k + 1) * t * p - k * before) / (k + 1);
        before = p;
        p = next;
      }
      slope = nodes * (t * p - before) / (t * t - 1);
      const double off = p / slope;
      t -= off;
      if (std::abs(off) < 1e-15) break;
    }
    all.push_back({(1 + t) / 2, 1 / ((1 - t * t) * slope * slope)});
  }
  return all;
}

}  // namespace backlight
