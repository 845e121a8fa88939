// How cuDNN does one convolution: the operation as a graph, and the execution plans that cuDNN's heuristics
// have for it. Nothing here needs a device: plans can be made for one that is only described.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <iosfwd>
#include <vector>

#include "engine/runtime/cuda/cudnn.hpp"
#include "engine/runtime/device.hpp"
#include "kernels/conv2d/conv2d.hpp"

namespace backlight::cuda {

enum class ConvDirection : std::uint8_t { forward, backward_data, backward_filter };

/// Everything that a plan depends on but the device.
///   forward          y   = conv(x, w), then + residual, + bias, max(0, ·) as far as they are asked for
///   backward_data    x   = dx
///   backward_filter  w  += dw; w = dw in float16
/// Tensors are float32 in NCHW, with Precision::f16 float16 in NHWC, which is how tensor cores read them.
struct ConvProblem {
  Conv2dParams params;
  ConvDirection direction = ConvDirection::forward;
  Precision precision = Precision::strict;
  bool residual = false, bias = false, relu = false;
  std::int64_t alignment = 16;  ///< of every pointer, in bytes

  friend auto operator<=>(const ConvProblem&, const ConvProblem&) = default;
  friend std::ostream& operator<<(std::ostream& out, const ConvProblem& problem);
};

/// The tensors of a graph, by which pointers are given to a plan.
enum class ConvTensor : std::int64_t { x = 'x', w = 'w', y = 'y', bias = 'b', residual = 'r' };

struct ConvPlan {
  CudnnDescriptor config;  ///< the engine and its settings, which the plan refers to
  CudnnDescriptor plan;
  std::size_t workspace_bytes = 0;
  std::int64_t engine = 0;  ///< cuDNN's number of it
};

/// At most `count` plans that need no more workspace than `workspace_limit`, in the order of cuDNN's
/// heuristics, and after those that its fallback has. Empty where cuDNN has none. All are deterministic. With
/// Precision::strict no plan uses tensor cores or rounds its inputs.
std::vector<ConvPlan> conv_plans(const ConvProblem& problem, const CudnnDescriptor& device,
                                 std::size_t workspace_limit, std::size_t count);

struct ConvPointer {
  ConvTensor tensor;
  const void* address;
};

/// Enqueues the plan in the handle's stream.
void execute(const ConvPlan& plan, cudnnHandle_t handle, std::initializer_list<ConvPointer> pointers,
             void* workspace);

}  // namespace backlight::cuda
