#include <algorithm>
#include <cmath>
#include <string_view>

#include "engine/image/map.hpp"
#include "kernels/upsample/upsample.hpp"

namespace backlight {
namespace {

using Tap = MapRows::Tap;

/// The two neighbours of a continuous coordinate (pixel centres at whole numbers), edges repeated.
Tap tap_at(float coordinate, std::int64_t in) {
  const float clamped = std::clamp(coordinate, 0.0f, static_cast<float>(in - 1));
  const auto lower = static_cast<std::int64_t>(clamped);
  return {lower, std::min(lower + 1, in - 1), clamped - static_cast<float>(lower)};
}

std::vector<Tap> taps(std::int64_t in, std::int64_t out, Upsampling mode) {
  std::vector<Tap> result;
  const double ratio = static_cast<double>(in) / static_cast<double>(out);
  const double corner_ratio = out > 1 ? static_cast<double>(in - 1) / static_cast<double>(out - 1) : 0.0;
  for (std::int64_t i = 0; i < out; ++i) {
    if (mode == Upsampling::nearest) {
      // Single precision as in torch, where it decides which side a tie falls on.
      const float position = static_cast<float>(i) * (static_cast<float>(in) / static_cast<float>(out));
      const std::int64_t at = std::min(static_cast<std::int64_t>(position), in - 1);
      result.push_back({at, at, 0});
    } else if (mode == Upsampling::bilinear) {
      result.push_back(tap_at(static_cast<float>((static_cast<double>(i) + 0.5) * ratio - 0.5), in));
    } else {
      result.push_back(tap_at(static_cast<float>(static_cast<double>(i) * corner_ratio), in));
    }
  }
  return result;
}

/// Taps for the pixels [begin, end) of the source along one axis.
std::vector<Tap> projection_taps(std::int64_t begin, std::int64_t end, double scale, double offset, int input,
                                 std::int64_t map) {
  std::vector<Tap> result;
  const double map_per_input = static_cast<double>(map) / input;
  for (std::int64_t i = begin; i < end; ++i) {
    const double at_input = (static_cast<double>(i) + 0.5) / scale - offset;
    result.push_back(tap_at(static_cast<float>(at_input * map_per_input - 0.5), map));
  }
  return result;
}

}  // namespace

std::string_view name_of(Upsampling mode) {
  switch (mode) {
    case Upsampling::nearest:
      return "nearest";
    case Upsampling::bilinear:
      return "bilinear";
    case Upsampling::bilinear_align_corners:
      return "bilinear-align-corners";
    case Upsampling::bicubic:
      return "bicubic";
  }
  throw Error(ErrorKind::internal, "unknown upsampling ", static_cast<int>(mode));
}

MapRows::MapRows(const Tensor& map, std::int64_t height, std::int64_t width, Upsampling mode)
    : height_(height), width_(width) {
  const MapSize size = require_map(map, "upsample");
  if (height < 1 || width < 1)
    throw Error(ErrorKind::bad_input, "[upsample] ", height, "×", width,
                " was asked for, expected positive extents");
  if (mode == Upsampling::bicubic) {
    widen_bicubic(map.data<float>(), size.height, size.width);
  } else {
    rows_ = taps(size.height, height, mode);
    widen(map.data<float>(), size.height, size.width, taps(size.width, width, mode));
  }
}

MapRows::MapRows(const Tensor& map, const Placement& placement) {
  const MapSize size = require_map(map, "project");
  const PixelRect seen = placement.seen();
  height_ = seen.height();
  width_ = seen.width();
  rows_ = projection_taps(seen.y0, seen.y1, placement.scale_y, placement.offset_y, placement.input_height,
                          size.height);
  widen(map.data<float>(), size.height, size.width,
        projection_taps(seen.x0, seen.x1, placement.scale_x, placement.offset_x, placement.input_width,
                        size.width));
}

void MapRows::widen(const float* map, std::int64_t map_height, std::int64_t map_width,
                    const std::vector<Tap>& columns) {
  wide_.resize(static_cast<std::size_t>(map_height * width_));
  float* to = wide_.data();
  for (std::int64_t y = 0; y < map_height; ++y, map += map_width)
    for (const Tap& column : columns)
      *to++ = map[column.lower] * (1 - column.t) + map[column.upper] * column.t;
}

/// Pillow keeps float32 between the passes and sums in double within them.
void MapRows::widen_bicubic(const float* map, std::int64_t map_height, std::int64_t map_width) {
  const ResampleWeights columns = resample_weights(map_width, width_, 0, width_, Filter::bicubic);
  bicubic_rows_ = resample_weights(map_height, height_, 0, height_, Filter::bicubic);
  wide_.resize(static_cast<std::size_t>(map_height * width_));
  float* to = wide_.data();
  for (std::int64_t y = 0; y < map_height; ++y, map += map_width) {
    for (std::int64_t x = 0; x < width_; ++x) {
      const auto [first, count] = columns.taps[x];
      double sum = 0;
      for (int k = 0; k < count; ++k) sum += map[first + k] * columns.weights[x * columns.stride + k];
      *to++ = static_cast<float>(sum);
    }
  }
}

void MapRows::row(std::int64_t y, float* to) const {
  if (!rows_.empty()) {
    const Tap& tap = rows_[y];
    const float* above = &wide_[tap.lower * width_];
    const float* below = &wide_[tap.upper * width_];
    for (std::int64_t x = 0; x < width_; ++x) to[x] = above[x] * (1 - tap.t) + below[x] * tap.t;
    return;
  }
  const auto [first, count] = bicubic_rows_.taps[y];
  for (std::int64_t x = 0; x < width_; ++x) {
    double sum = 0;
    for (int k = 0; k < count; ++k)
      sum += wide_[(first + k) * width_ + x] * bicubic_rows_.weights[y * bicubic_rows_.stride + k];
    to[x] = static_cast<float>(sum);
  }
}

Tensor upsample(const Tensor& map, std::int64_t height, std::int64_t width, Upsampling mode) {
  const MapRows rows(map, height, width, mode);
  Tensor out({height, width});
  for (std::int64_t y = 0; y < height; ++y) rows.row(y, out.data<float>() + y * width);
  return out;
}

Tensor project(const Tensor& map, const Placement& placement) {
  const MapRows rows(map, placement);
  const PixelRect seen = placement.seen();
  Tensor out = Tensor::zeros({placement.source_height, placement.source_width});
  for (std::int64_t y = 0; y < rows.height(); ++y)
    rows.row(y, out.data<float>() + (seen.y0 + y) * placement.source_width + seen.x0);
  return out;
}

}  // namespace backlight
