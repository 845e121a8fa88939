// What an operation is, for whatever asks: fusion, folding, CAM's head, a printed network.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <string_view>

namespace backlight {

/// The activations: nonlinear functions of every element by itself.
#define BACKLIGHT_ACTIVATIONS(row)                                                                        \
  row(gelu) row(hard_sigmoid) row(hard_swish) row(leaky_relu) row(relu) row(relu6) row(sigmoid) row(silu) \
      row(tanh)

/// Every operation once: the enumerator is its name.
#define BACKLIGHT_OP_KINDS(row)                                                                             \
  BACKLIGHT_ACTIVATIONS(row)                                                                                \
  row(adaptive_avg_pool2d) row(add) row(avg_pool2d) row(batch_norm1d) row(batch_norm2d) row(broadcast_add)  \
      row(concat) row(conv2d) row(coordinates) row(dropout) row(embedding) row(flatten) row(l2_normalize)   \
          row(line_map) row(linear) row(local_response_norm) row(log_softmax) row(lstm) row(masked_softmax) \
              row(matmul) row(max_pool2d) row(maximum) row(multiply) row(positions) row(softmax)            \
                  row(strided_identity_pad)

enum class OpKind : std::uint8_t {
  input,  ///< none: a value that is given
#define BACKLIGHT_ROW(name) name,
  BACKLIGHT_OP_KINDS(BACKLIGHT_ROW)
#undef BACKLIGHT_ROW
      custom,  ///< a layer of the caller's own
};

/// E.g. "conv2d": what a printed network shows and error messages begin with.
std::string_view name_of(OpKind kind);
std::ostream& operator<<(std::ostream& out, OpKind kind);

constexpr bool is_activation(OpKind kind) {
#define BACKLIGHT_ROW(name) kind == OpKind::name ||
  return BACKLIGHT_ACTIVATIONS(BACKLIGHT_ROW) false;
#undef BACKLIGHT_ROW
}

/// Linear in its inputs, but for a constant, outside training.
constexpr bool is_affine(OpKind kind) {
  switch (kind) {
    case OpKind::adaptive_avg_pool2d:
    case OpKind::add:
    case OpKind::avg_pool2d:
    case OpKind::batch_norm1d:
    case OpKind::batch_norm2d:
    case OpKind::broadcast_add:
    case OpKind::concat:
    case OpKind::conv2d:
    case OpKind::dropout:
    case OpKind::flatten:
    case OpKind::linear:
    case OpKind::strided_identity_pad:
      return true;
    default:
      return false;
  }
}

}  // namespace backlight
