#include "engine/evaluate/imputation.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "engine/core/error.hpp"

namespace backlight {
namespace {

constexpr double kEdge = 1.0 / 6, kCorner = 1.0 / 12;
constexpr float kDamping = 0.8F;

double dot(std::span<const double> a, std::span<const double> b) {
  return std::inner_product(a.begin(), a.end(), b.begin(), 0.0);
}

}  // namespace

/// What a visit of a level works on.
struct Imputer::Scratch {
  explicit Scratch(std::size_t size) : r(size), x(size), left(size) {}
  std::vector<float> r, x, left;
};

Imputer::Level::Level(std::int64_t rows, std::int64_t columns)
    : height(rows), width(columns), pitch(columns + 2) {
  for (std::vector<float>* values : {&diagonal, &inverse, &right, &below, &below_right, &below_left})
    values->assign(size(), 0);
}

void Imputer::Level::finish() {
  std::ranges::transform(diagonal, inverse.begin(), [](float d) { return d > 0 ? kDamping / d : 0; });
}

Imputer::Level Imputer::Level::coarser() const {
  Level coarse((height + 1) / 2, (width + 1) / 2);
  /// The weight w between cells (y, x) and (y + dy, x + dx), joined to that of their aggregates.
  const auto join = [&](std::int64_t y, std::int64_t x, std::int64_t dy, std::int64_t dx, float w) {
    if (w == 0) return;
    const std::int64_t down = (y + dy) / 2 - y / 2, across = (x + dx) / 2 - x / 2;
    const std::size_t from = coarse.at(y / 2, x / 2), to = coarse.at((y + dy) / 2, (x + dx) / 2);
    if (down == 0 && across == 0)
      coarse.diagonal[from] -= 2 * w;
    else if (down == 0)
      coarse.right[across > 0 ? from : to] += w;
    else
      (across == 0 ? coarse.below : across > 0 ? coarse.below_right : coarse.below_left)[from] += w;
  };
  for (std::int64_t y = 0; y < height; ++y)
    for (std::int64_t x = 0; x < width; ++x) {
      const std::size_t i = at(y, x);
      if (diagonal[i] == 0) continue;
      coarse.diagonal[coarse.at(y / 2, x / 2)] += diagonal[i];
      join(y, x, 0, 1, right[i]);
      join(y, x, 1, 0, below[i]);
      join(y, x, 1, 1, below_right[i]);
      join(y, x, 1, -1, below_left[i]);
    }
  coarse.finish();
  return coarse;
}

void Imputer::Level::residual(std::span<const float> r, std::span<const float> x,
                              std::span<float> out) const {
  const auto p = static_cast<std::size_t>(pitch);
  const float *const d = diagonal.data(), *const e = right.data(), *const s = below.data(),
                     *const se = below_right.data(), *const sw = below_left.data();
  for (std::int64_t row = 0; row < height; ++row) {
    const std::size_t first = at(row, 0);
#pragma GCC ivdep
    for (std::size_t i = first; i < first + static_cast<std::size_t>(width); ++i)
      out[i] = r[i] - d[i] * x[i] + e[i] * x[i + 1] + e[i - 1] * x[i - 1] + s[i] * x[i + p] +
               s[i - p] * x[i - p] + se[i] * x[i + p + 1] + se[i - p - 1] * x[i - p - 1] +
               sw[i] * x[i + p - 1] + sw[i - p + 1] * x[i - p + 1];
  }
}

Imputer::Imputer(std::int64_t height, std::int64_t width, std::vector<bool> missing)
    : height_(height), width_(width), missing_(std::move(missing)) {
  if (std::ssize(missing_) != height * width)
    throw Error(ErrorKind::usage, "a mask of ", missing_.size(), " pixels was given for a picture of ",
                height, "×", width);
  if (!missing_.empty() && std::ranges::find(missing_, false) == missing_.end())
    throw Error(ErrorKind::bad_input, "all ", missing_.size(),
                " pixels are missing, expected one at least that is known; remove a smaller share");
  Level finest(height, width);
  diagonal_.assign(finest.size(), 0);
  const auto is_missing = [&](std::int64_t y, std::int64_t x) {
    return y >= 0 && y < height && x >= 0 && x < width && missing_[static_cast<std::size_t>(y * width + x)];
  };
  for (std::int64_t y = 0; y < height; ++y)
    for (std::int64_t x = 0; x < width; ++x) {
      if (!is_missing(y, x)) continue;
      const std::size_t i = finest.at(y, x);
      const int rows = (y > 0) + (y + 1 < height), columns = (x > 0) + (x + 1 < width);
      diagonal_[i] = kEdge * (rows + columns) + kCorner * (rows * columns);
      finest.diagonal[i] = static_cast<float>(diagonal_[i]);
      if (is_missing(y, x + 1)) finest.right[i] = static_cast<float>(kEdge);
      if (is_missing(y + 1, x)) finest.below[i] = static_cast<float>(kEdge);
      if (is_missing(y + 1, x + 1)) finest.below_right[i] = static_cast<float>(kCorner);
      if (is_missing(y + 1, x - 1)) finest.below_left[i] = static_cast<float>(kCorner);
    }
  finest.finish();
  levels_.push_back(std::move(finest));
  while (levels_.back().height > 1 || levels_.back().width > 1) levels_.push_back(levels_.back().coarser());
}

void Imputer::cycle(std::size_t l, std::vector<Scratch>& scratch) const {
  const Level& level = levels_[l];
  auto& [r, x, left] = scratch[l];
  const std::size_t first = level.at(0, 0), end = level.at(level.height - 1, level.width);
  const auto relax = [&] {
    level.residual(r, x, left);
    for (std::size_t i = first; i < end; ++i) x[i] += level.inverse[i] * left[i];
  };
  if (l + 1 == levels_.size()) {  // one cell, exactly
    for (std::size_t i = first; i < end; ++i) x[i] = level.inverse[i] / kDamping * r[i];
    return;
  }
  for (std::size_t i = first; i < end; ++i) x[i] = level.inverse[i] * r[i];
  const Level& coarse = levels_[l + 1];
  Scratch& below = scratch[l + 1];
  // The first visit of a coarser level starts from zero; the second goes on from what the first has left.
  for (int visit = 0; visit < (l + 2 == levels_.size() ? 1 : 2); ++visit) {
    level.residual(r, x, left);
    std::ranges::fill(below.r, 0.0F);
    for (std::int64_t y = 0; y < level.height; ++y) {
      const float* const from = &left[level.at(y, 0)];
      float* const to = &below.r[coarse.at(y / 2, 0)];
      for (std::int64_t column = 0; column < level.width; ++column) to[column / 2] += from[column];
    }
    cycle(l + 1, scratch);
    for (std::int64_t y = 0; y < level.height; ++y) {
      const std::size_t i = level.at(y, 0);
      const float* const from = &below.x[coarse.at(y / 2, 0)];
      for (std::int64_t column = 0; column < level.width; ++column)
        x[i + static_cast<std::size_t>(column)] +=
            level.inverse[i + static_cast<std::size_t>(column)] > 0 ? from[column / 2] : 0;
    }
  }
  relax();
}

void Imputer::apply(std::span<const double> p, std::span<double> y) const {
  const auto pitch = static_cast<std::size_t>(width_ + 2);
  for (std::int64_t row = 0; row < height_; ++row) {
    const std::size_t first = levels_.front().at(row, 0);
    for (std::size_t i = first; i < first + static_cast<std::size_t>(width_); ++i) {
      const double around =
          kEdge * (p[i - 1] + p[i + 1] + p[i - pitch] + p[i + pitch]) +
          kCorner * (p[i - pitch - 1] + p[i - pitch + 1] + p[i + pitch - 1] + p[i + pitch + 1]);
      y[i] = diagonal_[i] > 0 ? diagonal_[i] * p[i] - around : 0;
    }
  }
}

int Imputer::fill(std::span<double> plane, double tolerance) const {
  const Level& finest = levels_.front();
  const std::size_t size = finest.size();
  // With zeros in the missing pixels, what A leaves of the known ones is −b.
  std::vector<double> x(size, 0), r(size, 0), z(size, 0), p(size, 0), ap(size, 0);
  for (std::int64_t y = 0; y < height_; ++y)
    for (std::int64_t column = 0; column < width_; ++column) {
      const auto i = static_cast<std::size_t>(y * width_ + column);
      if (missing_[i]) continue;
      if (!std::isfinite(plane[i]))
        throw Error(ErrorKind::bad_input, "pixel (", column, ", ", y, ") is ", plane[i],
                    ", expected a finite value to fill others from");
      p[finest.at(y, column)] = plane[i];
    }
  apply(p, r);
  for (double& v : r) v = -v;
  std::ranges::fill(p, 0.0);
  const double target = tolerance * std::sqrt(dot(r, r));
  std::vector<Scratch> scratch;
  for (const Level& level : levels_) scratch.emplace_back(level.size());
  double before = 0;
  int iterations = 0;
  constexpr int kMost = 1000;
  while (std::sqrt(dot(r, r)) > target) {
    if (++iterations > kMost)
      throw Error(ErrorKind::internal, "the imputation did not converge in ", kMost, " iterations");
    const double length = std::sqrt(dot(r, r));  // so that the cycle's floats keep their digits
    for (std::size_t i = 0; i < size; ++i) scratch.front().r[i] = static_cast<float>(r[i] / length);
    cycle(0, scratch);
    for (std::size_t i = 0; i < size; ++i) z[i] = length * static_cast<double>(scratch.front().x[i]);
    const double now = dot(r, z), beta = iterations == 1 ? 0 : now / before;
    before = now;
    for (std::size_t i = 0; i < size; ++i) p[i] = z[i] + beta * p[i];
    apply(p, ap);
    const double alpha = now / dot(p, ap);
    for (std::size_t i = 0; i < size; ++i) {
      x[i] += alpha * p[i];
      r[i] -= alpha * ap[i];
    }
  }
  for (std::int64_t y = 0; y < height_; ++y)
    for (std::int64_t column = 0; column < width_; ++column)
      if (const auto i = static_cast<std::size_t>(y * width_ + column); missing_[i])
        plane[i] = x[finest.at(y, column)];
  return iterations;
}

}  // namespace backlight
