#include "engine/image/upsample.hpp"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <vector>

#include "engine/image/map.hpp"
#include "engine/image/resample.hpp"

namespace backlight {
namespace {

/// Output = (1 − t) · in[lower] + t · in[upper].
struct Tap {
  std::int64_t lower, upper;
  float t;
};

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

/// Rows first blended along x, then along y.
Tensor blend(const float* map, std::int64_t map_width, const std::vector<Tap>& rows,
             const std::vector<Tap>& columns) {
  Tensor out({static_cast<std::int64_t>(rows.size()), static_cast<std::int64_t>(columns.size())});
  float* to = out.data<float>();
  for (const Tap& row : rows) {
    const float* upper_row = map + row.lower * map_width;
    const float* lower_row = map + row.upper * map_width;
    for (const Tap& column : columns) {
      const float above = upper_row[column.lower] * (1 - column.t) + upper_row[column.upper] * column.t;
      const float below = lower_row[column.lower] * (1 - column.t) + lower_row[column.upper] * column.t;
      *to++ = above * (1 - row.t) + below * row.t;
    }
  }
  return out;
}

Tensor bicubic(const float* map, MapSize size, std::int64_t height, std::int64_t width) {
  const ResampleWeights columns = resample_weights(size.width, width, 0, width, Filter::bicubic);
  const ResampleWeights rows = resample_weights(size.height, height, 0, height, Filter::bicubic);
  // Pillow keeps float32 between the passes and sums in double within them.
  std::vector<float> wide(static_cast<std::size_t>(size.height * width));
  for (std::int64_t y = 0; y < size.height; ++y) {
    for (std::int64_t x = 0; x < width; ++x) {
      const auto [first, count] = columns.taps[x];
      double sum = 0;
      for (int k = 0; k < count; ++k)
        sum += map[y * size.width + first + k] * columns.weights[x * columns.stride + k];
      wide[y * width + x] = static_cast<float>(sum);
    }
  }
  Tensor out({height, width});
  float* to = out.data<float>();
  for (std::int64_t y = 0; y < height; ++y) {
    const auto [first, count] = rows.taps[y];
    for (std::int64_t x = 0; x < width; ++x) {
      double sum = 0;
      for (int k = 0; k < count; ++k)
        sum += wide[(first + k) * width + x] * rows.weights[y * rows.stride + k];
      *to++ = static_cast<float>(sum);
    }
  }
  return out;
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

Tensor upsample(const Tensor& map, std::int64_t height, std::int64_t width, Upsampling mode) {
  const MapSize size = require_map(map, "upsample");
  if (height < 1 || width < 1)
    throw Error(ErrorKind::bad_input, "[upsample] ", height, "×", width,
                " was asked for, expected positive extents");
  if (mode == Upsampling::bicubic) return bicubic(map.data<float>(), size, height, width);
  return blend(map.data<float>(), size.width, taps(size.height, height, mode), taps(size.width, width, mode));
}

Tensor project(const Tensor& map, const Placement& placement) {
  const MapSize size = require_map(map, "project");
  const PixelRect seen = placement.seen();
  const Tensor part = blend(map.data<float>(), size.width,
                            projection_taps(seen.y0, seen.y1, placement.scale_y, placement.offset_y,
                                            placement.input_height, size.height),
                            projection_taps(seen.x0, seen.x1, placement.scale_x, placement.offset_x,
                                            placement.input_width, size.width));
  Tensor out = Tensor::zeros({placement.source_height, placement.source_width});
  for (std::int64_t y = 0; y < seen.height(); ++y)
    std::copy_n(part.data<float>() + y * seen.width(), seen.width(),
                out.data<float>() + (seen.y0 + y) * placement.source_width + seen.x0);
  return out;
}

}  // namespace backlight
