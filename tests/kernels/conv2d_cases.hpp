// The shapes every check of a convolution runs over.
#pragma once

#include <string_view>

#include "kernels/conv2d/conv2d.hpp"
#include "kernels/conv2d/conv2d_layer.hpp"

namespace backlight::test {

struct Conv2dCase {
  std::string_view name;
  Shape x;
  std::int64_t out;
  Conv2dOptions options;
};

inline const Conv2dCase kConv2dCases[] = {
    {"one pixel", {1, 1, 1, 1}, 1, {}},
    {"1x1", {3, 13, 7, 9}, 127, {.kernel = 1}},
    {"1x1 stride 2", {2, 16, 9, 8}, 5, {.kernel = 1, .stride = 2, .bias = false}},
    {"1x1 stride 3, the last outputs in the padding",
     {2, 5, 7, 8},
     4,
     {.kernel = 1, .stride = 3, .padding = {0, 5, 0, 4}}},
    {"1x1 stride 1 by 2", {1, 7, 6, 11}, 9, {.kernel = 1, .stride = {1, 2}}},
    {"1x1 of 300 channels, more filters than pixels", {2, 300, 9, 13}, 149, {.kernel = 1}},
    {"3x3 same size", {3, 5, 13, 11}, 33, {.kernel = 3, .padding = 1}},
    {"3x3 no padding, 127 channels", {1, 127, 6, 5}, 13, {.kernel = 3, .bias = false}},
    {"3x3 stride 2 uneven", {2, 3, 16, 13}, 17, {.kernel = 3, .stride = 2, .padding = 1}},
    {"3x3 stride 3", {1, 4, 17, 16}, 6, {.kernel = 3, .stride = 3, .padding = 2}},
    {"11x11 stride 4", {2, 3, 40, 37}, 15, {.kernel = 11, .stride = 4, .padding = 2}},
    {"7x7 stride 2", {1, 3, 29, 30}, 16, {.kernel = 7, .stride = 2, .padding = 3, .bias = false}},
    {"2x2 stride 3 skips pixels", {1, 2, 10, 11}, 3, {.kernel = 2, .stride = 3}},
    {"1x7", {2, 6, 5, 17}, 10, {.kernel = {1, 7}, .padding = {0, 0, 3, 3}}},
    {"7x1", {1, 6, 17, 5}, 10, {.kernel = {7, 1}, .padding = {3, 3, 0, 0}}},
    {"stride and dilation differ by axis",
     {1, 3, 15, 18},
     7,
     {.kernel = {3, 2}, .stride = {2, 3}, .dilation = {2, 1}, .padding = {1, 2, 0, 3}}},
    {"padding bigger on one side", {2, 3, 7, 8}, 4, {.kernel = 3, .padding = {0, 2, 3, 1}}},
    {"dilation 2", {1, 4, 14, 13}, 18, {.kernel = 3, .dilation = 2, .padding = 2}},
    {"dilation 2 stride 2", {2, 4, 14, 13}, 5, {.kernel = 3, .stride = 2, .dilation = 2, .padding = 2}},
    {"dilation 3 stride 2", {1, 2, 19, 16}, 5, {.kernel = 3, .stride = 2, .dilation = 3, .padding = 1}},
    {"kernel larger than input", {1, 3, 3, 2}, 8, {.kernel = 5, .padding = 2}},
    {"rows wholly in the padding", {1, 2, 2, 2}, 3, {.kernel = 2, .padding = {3, 4, 4, 3}}},
    {"SAME stride 2 even", {1, 3, 12, 14}, 8, {.kernel = 3, .stride = 2, .same = true, .bias = false}},
    {"SAME stride 2 odd", {2, 3, 13, 15}, 8, {.kernel = 3, .stride = 2, .same = true}},
    {"SAME 5x5 stride 2", {1, 2, 14, 9}, 4, {.kernel = 5, .stride = 2, .same = true}},
    {"SAME 4x4", {1, 2, 6, 7}, 4, {.kernel = 4, .same = true}},
    {"2 groups", {2, 6, 9, 7}, 10, {.kernel = 3, .padding = 1, .groups = 2}},
    {"4 groups 1x1", {2, 8, 5, 7}, 12, {.kernel = 1, .groups = 4, .bias = false}},
    {"4 groups stride 2", {1, 8, 11, 12}, 4, {.kernel = 5, .stride = 2, .padding = 2, .groups = 4}},
    {"depthwise 3x3", {2, 13, 9, 21}, 13, {.kernel = 3, .padding = 1, .groups = 13, .bias = false}},
    {"depthwise 3x3 stride 2 SAME", {1, 5, 14, 35}, 5, {.kernel = 3, .stride = 2, .same = true, .groups = 5}},
    {"depthwise 3x3 stride 1 by 2",
     {1, 3, 8, 13},
     3,
     {.kernel = 3, .stride = {1, 2}, .padding = 1, .groups = 3}},
    {"depthwise 3x3, padding bigger than the filter",
     {1, 2, 3, 19},
     2,
     {.kernel = 3, .stride = 2, .padding = {4, 5, 20, 18}, .groups = 2}},
    {"depthwise 5x5", {3, 4, 7, 37}, 4, {.kernel = 5, .same = true, .groups = 4}},
    {"depthwise 5x5 stride 2", {1, 3, 13, 70}, 3, {.kernel = 5, .stride = 2, .padding = 2, .groups = 3}},
    {"depthwise 5x5 on 3x2", {1, 4, 3, 2}, 4, {.kernel = 5, .padding = 2, .groups = 4}},
    {"depthwise stride 3 dilation 2",
     {2, 3, 17, 19},
     3,
     {.kernel = {3, 4}, .stride = {3, 1}, .dilation = {1, 2}, .padding = {1, 0, 2, 3}, .groups = 3}},
    {"stride 5", {2, 3, 17, 14}, 4, {.kernel = {2, 3}, .stride = 5, .padding = 1}},
    {"depthwise 2x2 stride 11", {1, 2, 24, 25}, 2, {.kernel = 2, .stride = 11, .groups = 2}},
    {"depthwise 3x5 stride 31", {1, 2, 35, 40}, 2, {.kernel = {3, 5}, .stride = 31, .groups = 2}},
    {"depthwise 3x3 stride 9 on 7x5", {2, 3, 7, 5}, 3, {.kernel = 3, .stride = 9, .padding = 1, .groups = 3}},
    {"depthwise multiplier 2", {2, 5, 8, 9}, 10, {.kernel = 3, .padding = 1, .groups = 5}},
};

/// The convolution's parameters from its definition rather than from the layer under test.
inline Conv2dParams params_of(const Conv2dCase& c, const Shape& y) {
  const Conv2dOptions& o = c.options;
  Conv2dParams p{.batch = c.x[0],
                 .in_channels = c.x[1],
                 .in_height = c.x[2],
                 .in_width = c.x[3],
                 .out_channels = c.out,
                 .out_height = y[2],
                 .out_width = y[3],
                 .kernel_height = o.kernel.h,
                 .kernel_width = o.kernel.w,
                 .stride_height = o.stride.h,
                 .stride_width = o.stride.w,
                 .dilation_height = o.dilation.h,
                 .dilation_width = o.dilation.w,
                 .pad_top = o.padding.top,
                 .pad_left = o.padding.left,
                 .groups = o.groups};
  if (o.same) {
    const auto before = [](std::int64_t in, std::int64_t s, std::int64_t k, std::int64_t d) {
      const std::int64_t total = ((in + s - 1) / s - 1) * s + (k - 1) * d + 1 - in;
      return total > 0 ? total / 2 : 0;
    };
    p.pad_top = before(c.x[2], o.stride.h, o.kernel.h, o.dilation.h);
    p.pad_left = before(c.x[3], o.stride.w, o.kernel.w, o.dilation.w);
  }
  return p;
}

}  // namespace backlight::test
