#include "engine/evaluate/pointing.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "engine/image/map.hpp"
#include "kernels/upsample/upsample.hpp"

namespace backlight {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

/// First and one-past-last of `extent` pixels whose centre lies in [begin, end); one at least, none beyond the ends.
std::pair<std::int64_t, std::int64_t> centres_in(double begin, double end, std::int64_t extent) {
  auto first = static_cast<std::int64_t>(std::ceil(begin - 0.5)),
       last = static_cast<std::int64_t>(std::ceil(end - 0.5));
  if (first >= last) first = static_cast<std::int64_t>(std::floor((begin + end) / 2)), last = first + 1;
  return {std::clamp<std::int64_t>(first, 0, extent), std::clamp<std::int64_t>(last, 0, extent)};
}

std::span<const float> values_on(const Tensor& map, const PixelSet& set, const char* who) {
  const MapSize size = require_map(map, who);
  if (size.width != set.width || size.height != set.height)
    throw Error(ErrorKind::usage, who, ": the map is ", size.width, "×", size.height, ", the set of pixels ",
                set.width, "×", set.height);
  return map.values();
}

double maximum_of(std::span<const float> values) { return *std::max_element(values.begin(), values.end()); }

}  // namespace

std::optional<Pixel> strongest_pixel(const Tensor& map, const Placement& placement) {
  require_map(map, "strongest pixel");
  const PixelRect seen = placement.seen();
  const MapRows rows(map, placement);
  std::vector<float> row(static_cast<std::size_t>(rows.width()));
  float maximum = 0;
  std::optional<Pixel> strongest;
  for (std::int64_t y = 0; y < rows.height(); ++y) {
    rows.row(y, row.data());
    const auto at = std::max_element(row.begin(), row.end());
    if (*at <= maximum) continue;
    maximum = *at;
    strongest = Pixel{seen.x0 + (at - row.begin()), seen.y0 + y};
  }
  return strongest;
}

PixelSet PixelSet::of(std::int64_t width, std::int64_t height, std::span<const Box> boxes) {
  PixelSet set{width, height, std::vector<std::uint8_t>(static_cast<std::size_t>(width * height))};
  for (const Box& box : boxes) {
    const auto [x0, x1] = centres_in(box.x0, box.x1, width);
    const auto [y0, y1] = centres_in(box.y0, box.y1, height);
    for (std::int64_t y = y0; y < y1; ++y)
      std::fill(&set.in[y * width + x0], &set.in[y * width + x0] + (x1 - x0), 1);
  }
  return set;
}

std::int64_t PixelSet::count() const { return std::accumulate(in.begin(), in.end(), std::int64_t{0}); }

bool points_at(const Pixel& pixel, const PixelSet& object, double tolerance) {
  const auto reach = static_cast<std::int64_t>(std::ceil(tolerance));
  for (std::int64_t y = std::max<std::int64_t>(pixel.y - reach, 0);
       y <= std::min(pixel.y + reach, object.height - 1); ++y)
    for (std::int64_t x = std::max<std::int64_t>(pixel.x - reach, 0);
         x <= std::min(pixel.x + reach, object.width - 1); ++x) {
      const auto dx = static_cast<double>(x - pixel.x), dy = static_cast<double>(y - pixel.y);
      if (object.in[y * object.width + x] &&
          ((dx == 0 && dy == 0) || dx * dx + dy * dy < tolerance * tolerance))
        return true;
    }
  return false;
}

std::vector<RejectionPoint> rejection_curve(std::span<const RejectionCase> cases) {
  std::vector<RejectionCase> sorted(cases.begin(), cases.end());
  if (!std::ranges::is_sorted(sorted, {}, &RejectionCase::maximum))
    std::ranges::sort(sorted, {}, &RejectionCase::maximum);
  std::int64_t right = 0, all = 0;
  for (const RejectionCase& c : sorted) {
    all += c.times;
    if (c.present && c.hit) right += c.times;
  }
  std::vector<RejectionPoint> curve;
  const auto add = [&](double threshold) {
    curve.push_back({threshold, static_cast<double>(right) / static_cast<double>(all)});
  };
  for (std::size_t i = 0; i < sorted.size(); ++i) {
    const RejectionCase& c = sorted[i];
    // Behind a case that has the same maximum nothing can be told apart.
    if (i == 0 || c.maximum != sorted[i - 1].maximum) add(c.maximum);
    right += ((c.present ? 0 : 1) - (c.present && c.hit ? 1 : 0)) * c.times;
  }
  if (!sorted.empty()) add(std::numeric_limits<double>::infinity());
  return curve;
}

PixelSet seen_by_input(const PixelSet& set, const Placement& placement) {
  PixelSet seen{placement.input_width, placement.input_height, {}};
  seen.in.resize(static_cast<std::size_t>(seen.width * seen.height));
  for (std::int64_t y = 0; y < seen.height; ++y)
    for (std::int64_t x = 0; x < seen.width; ++x) {
      const double sx = std::floor((static_cast<double>(x) + 0.5 + placement.offset_x) * placement.scale_x),
                   sy = std::floor((static_cast<double>(y) + 0.5 + placement.offset_y) * placement.scale_y);
      if (sx >= 0 && sy >= 0 && sx < double(set.width) && sy < double(set.height))
        seen.in[y * seen.width + x] =
            set.in[static_cast<std::int64_t>(sy) * set.width + static_cast<std::int64_t>(sx)];
    }
  return seen;
}

double energy_inside(const Tensor& map, const PixelSet& set) {
  const auto values = values_on(map, set, "energy");
  double inside = 0, all = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double value = std::max(values[i], 0.0f);
    all += value;
    if (set.in[i]) inside += value;
  }
  return all > 0 ? inside / all : 0;
}

double inside_outside(const Tensor& values, const PixelSet& set) {
  const Shape& shape = values.shape();
  if ((shape.rank() != 2 && shape.rank() != 3) || shape[-2] != set.height || shape[-1] != set.width)
    throw Error(ErrorKind::usage, "inside and outside: the values are ", shape, ", the set of pixels is ",
                set.height, "×", set.width);
  const std::int64_t plane = set.width * set.height, count = set.count();
  if (count == 0 || count == plane)
    throw Error(ErrorKind::usage, "inside and outside: ", count, " of ", plane,
                " pixels are inside, expected some of both");
  double inside = 0, outside = 0;
  for (std::int64_t i = 0; i < plane; ++i) {
    double activation = 0;
    for (std::int64_t at = i; at < values.numel(); at += plane) {
      const double v = static_cast<double>(values.data<float>()[at]);
      activation = std::max(activation, shape.rank() == 3 ? std::abs(v) : v);
    }
    (set.in[static_cast<std::size_t>(i)] ? inside : outside) += activation;
  }
  if (outside > 0)
    return inside / static_cast<double>(count) / (outside / static_cast<double>(plane - count));
  return inside > 0 ? std::numeric_limits<double>::infinity() : 1;
}

double pixel_average_precision(const Tensor& map, const PixelSet& set) {
  const auto values = values_on(map, set, "average precision");
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::sort(order, [&](std::size_t a, std::size_t b) { return values[a] > values[b]; });
  const auto all = static_cast<double>(set.count());
  if (all == 0) return kNone;
  double sum = 0, hits = 0, counted = 0;
  for (std::size_t i = 0; i < order.size();) {
    const double before = hits;
    const float value = values[order[i]];
    for (; i < order.size() && values[order[i]] == value; ++i) {
      hits += set.in[order[i]];
      ++counted;
    }
    sum += hits / counted * (hits - before) / all;
  }
  return sum;
}

double segment_iou(const Tensor& map, const PixelSet& set, double fraction) {
  const auto values = values_on(map, set, "segment's overlap");
  const double maximum = maximum_of(values);
  if (maximum <= 0) return 0;
  std::int64_t common = 0, either = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const bool above = values[i] >= fraction * maximum;
    common += above && set.in[i];
    either += above || set.in[i];
  }
  return static_cast<double>(common) / static_cast<double>(either);
}

double loc(const Tensor& map, const PixelSet& set, double delta) {
  const auto values = values_on(map, set, "Loc");
  const auto [least, most] = std::ranges::minmax(values);
  std::int64_t inside = 0, outside = 0;
  for (std::size_t i = 0; i < values.size(); ++i)
    if (const double above = values[i] - double(least); above > delta * (double(most) - double(least)))
      (set.in[i] ? inside : outside) += 1;
  const std::int64_t all = set.count() + outside;
  return all > 0 ? static_cast<double>(inside) / static_cast<double>(all) : 0;
}

PixelHistogram pixel_histogram(const Tensor& map, const PixelSet& set, int levels, const PixelSet* ignored) {
  const auto values = values_on(map, set, "histogram");
  if (ignored) values_on(map, *ignored, "histogram");
  if (levels < 1) throw Error(ErrorKind::usage, levels, " levels were asked for, expected 1 or more");
  const auto bins = static_cast<std::size_t>(levels) + 1;
  PixelHistogram histogram{std::vector<std::int64_t>(bins), std::vector<std::int64_t>(bins)};
  const double maximum = maximum_of(values);
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (ignored && ignored->in[i] && !set.in[i]) continue;
    const double level = maximum > 0 ? std::clamp(values[i] / maximum, 0.0, 1.0) * levels : 0;
    ++(set.in[i] ? histogram.inside : histogram.outside)[static_cast<std::size_t>(level)];
  }
  return histogram;
}

double pxap(std::span<const double> inside, std::span<const double> outside) {
  const double all = std::accumulate(inside.begin(), inside.end(), 0.0);
  if (all == 0) return kNone;
  double sum = 0, hits = 0, counted = 0;
  for (std::size_t k = inside.size(); k-- > 0;) {
    hits += inside[k];
    counted += inside[k] + outside[k];
    if (counted > 0) sum += hits / counted * inside[k] / all;
  }
  return sum;
}

}  // namespace backlight
