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
    : height(rows), width(columns), pitch(columns + 3) {  // an even end of a row may be one behind it
  for (std::vector<float>* values : {&diagonal, &inverse, &right, &below, &below_right, &below_left})
    values->assign(size(), 0);
}

void Imputer::Level::finish() {
  for (std::int64_t y = 0; y < height; ++y) {
    const auto row = std::span(diagonal).subspan(at(y, 0), static_cast<std::size_t>(width));
    const auto unknown = [](float d) { return d > 0; };
    const auto first = std::ranges::find_if(row, unknown);
    const auto last = std::find_if(row.rbegin(), std::make_reverse_iterator(first), unknown).base();
    begin.push_back((first - row.begin()) / 2 * 2);
    end.push_back((last - row.begin() + 1) / 2 * 2);
  }
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
  for_each_row([&](std::size_t first, std::size_t last) {
#pragma GCC ivdep
    for (std::size_t i = first; i < last; ++i)
      out[i] = r[i] - d[i] * x[i] + e[i] * x[i + 1] + e[i - 1] * x[i - 1] + s[i] * x[i + p] +
               s[i - p] * x[i - p] + se[i] * x[i + p + 1] + se[i - p - 1] * x[i - p - 1] +
               sw[i] * x[i + p - 1] + sw[i - p + 1] * x[i - p + 1];
  });
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
  float *const r = scratch[l].r.data(), *const x = scratch[l].x.data(), *const left = scratch[l].left.data();
  const float* const inverse = level.inverse.data();
  const bool last = l + 1 == levels_.size();  // of one cell, which is solved exactly
  level.for_each_row([&](std::size_t first, std::size_t end) {
    for (std::size_t i = first; i < end; ++i) x[i] = inverse[i] * r[i] / (last ? kDamping : 1);
  });
  if (last) return;
  const Level& coarse = levels_[l + 1];
  Scratch& below = scratch[l + 1];
  /// fn(values of a row from an even column on, values of the coarser row there, how many of these)
  const auto for_each_pair_of_rows = [&](float* fine, float* coarse_values, auto&& fn) {
    for (std::int64_t y = 0; y < level.height; ++y) {
      const std::int64_t first = level.begin[static_cast<std::size_t>(y)];
      fn(fine + level.at(y, first), coarse_values + coarse.at(y / 2, first / 2),
         (level.end[static_cast<std::size_t>(y)] - first) / 2);
    }
  };
  // The second visit goes on from what the first has left; one is enough where the coarser level is solved exactly.
  for (int visit = 0; visit < (l + 2 == levels_.size() ? 1 : 2); ++visit) {
    level.residual(scratch[l].r, scratch[l].x, scratch[l].left);
    std::ranges::fill(below.r, 0.0F);
    for_each_pair_of_rows(left, below.r.data(), [](const float* from, float* to, std::int64_t count) {
      for (std::int64_t i = 0; i < count; ++i) to[i] += from[2 * i] + from[2 * i + 1];
    });
    cycle(l + 1, scratch);
    for_each_pair_of_rows(x, below.x.data(), [](float* to, const float* from, std::int64_t count) {
      for (std::int64_t i = 0; i < count; ++i) {
        to[2 * i] += from[i];
        to[2 * i + 1] += from[i];
      }
    });
  }
  level.residual(scratch[l].r, scratch[l].x, scratch[l].left);
  level.for_each_row([&](std::size_t first, std::size_t end) {
    for (std::size_t i = first; i < end; ++i) x[i] += inverse[i] * left[i];
  });
}

void Imputer::apply(std::span<const double> p, std::span<double> y) const {
  const auto pitch = static_cast<std::size_t>(levels_.front().pitch);
  levels_.front().for_each_row([&](std::size_t first, std::size_t end) {
    for (std::size_t i = first; i < end; ++i) {
      const double around =
          kEdge * (p[i - 1] + p[i + 1] + p[i - pitch] + p[i + pitch]) +
          kCorner * (p[i - pitch - 1] + p[i - pitch + 1] + p[i + pitch - 1] + p[i + pitch + 1]);
      y[i] = diagonal_[i] > 0 ? diagonal_[i] * p[i] - around : 0;
    }
  });
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
    for (std::size_t i = 0; i < size; ++i)
      z[i] = diagonal_[i] > 0 ? length * static_cast<double>(scratch.front().x[i]) : 0;
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
