// The interface of every layer: what an operation is. It owns neither parameters nor anything of a run, so one
// layer serves many networks and threads. Forward and backward are const; what backward needs of forward is
// declared, and kept by the run.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "engine/core/tensor.hpp"
#include "engine/graph/extent.hpp"
#include "engine/graph/op_kind.hpp"
#include "engine/graph/rule.hpp"
#include "engine/runtime/device.hpp"

namespace backlight {

/// What a forward computed beyond its output and a backward will want again: each layer's header says what.
struct Saved {
  std::vector<Tensor> tensors;
  Tensor indices;
  std::vector<Tensor> statistics;  ///< what update_statistics takes over; the last backward leaves them
};

/// Which of a layer's values its backward reads.
struct Needs {
  bool inputs = false;
  bool outputs = false;
};

/// Random numbers of a training pass are a function of `seed` and the node, never of the order of execution.
struct Mode {
  bool training = false;
  std::uint64_t seed = 0;
};

/// What is to follow in the same pass over y, as in every residual network: y = relu(layer(x) + residual).
struct ForwardEpilogue {
  const Tensor* residual = nullptr;  ///< of y's shape; null adds nothing
  std::optional<double> relu_upper = {};
};

struct ForwardArgs {
  Context& context;
  std::span<const Tensor* const> x;
  std::span<const Tensor* const> w;  ///< in the order of parameters()
  std::span<Tensor* const> y;  ///< allocated; y[0] is the same tensor as x[0] when the layer runs in place
  Saved* saved = nullptr;      ///< null when no backward will follow
  Mode mode = {};
  ForwardEpilogue epilogue = {};   ///< only for layers that take one, and not in training
  const Tensor* packed = nullptr;  ///< what pack() made of w; null where it was not asked or made nothing
};

/// What weights are to be arranged for.
struct PackArgs {
  const Context& context;
  std::span<const Tensor* const> w;  ///< in the order of parameters()
  std::span<const Shape> x_shapes;
  bool winograd = false;  ///< whether other roundings may come of it
};

/// How far values lie from the least and from the greatest that an input can have, of the input's shape.
struct InputBox {
  Tensor above_least, below_greatest;  ///< x − least, not below 0, and x − greatest, not above
};

struct BackwardArgs {
  Context& context;
  std::span<const Tensor* const> x;  ///< null entries unless needs().inputs
  std::span<const Shape> x_shapes;
  std::span<const Tensor* const> w;
  std::span<const Tensor* const> y;  ///< null entries unless needs().outputs
  const Saved& saved;
  std::span<const Tensor* const>
      dy;                       ///< one per output, null where the target does not depend on it; never all
  std::span<Tensor* const> dx;  ///< one per input, overwritten; null where not wanted
  std::span<Tensor* const> dw;  ///< one per parameter, accumulated into; empty, or null where not wanted
  /// Under one that reads values x and y are there, whatever needs() says.
  BackwardRule rule = BackwardRule::standard;
  bool at_input = false;          ///< whether x[0] is the network's input
  const InputBox* box = nullptr;  ///< where one was given
  Mode mode = {};
  const Tensor* packed = nullptr;  ///< what pack_backward() made of w; null where it was not asked or made nothing
};

/// What one call of a layer does on the CPU, for reports of where time goes.
struct Work {
  std::string_view kernel = {};  ///< which of its kernels; empty where there is but one
  std::int64_t operations = 0;   ///< of its equation, a multiplication and an addition are two; 0 where bytes are all
  std::int64_t executed = 0;     ///< by the kernel, which may need fewer
};

/// A tensor that a layer computes with, under PyTorch's name ("weight", "bias", "running_mean").
struct ParameterSpec {
  std::string name;
  Shape shape;
  bool trainable = true;  ///< false for running statistics
  double initial = 0;     ///< every element, until a file or an initialisation says otherwise
};

/// One of the options that a layer was made with, under the name that they give it, e.g. "stride".
struct Attribute {
  using Value = std::variant<bool, std::int64_t, double, Extent2d, Padding2d>;
  std::string_view name;
  Value value;
  std::optional<Value> usual = {};  ///< what it is where nothing else is asked for
};

class Layer {
 public:
  virtual ~Layer() = default;

  virtual OpKind kind() const { return OpKind::custom; }
  /// How many values it computes.
  virtual int output_count() const { return 1; }
  /// The types of its values, from those of its inputs; `computed` is what its parameters are, float32 or
  /// float64. Throws Error(bad_input) naming what was found and what was expected.
  ///
  /// By default one value, of output_shape and of the inputs' type, which must be `computed`.
  virtual std::vector<TensorType> infer(std::span<const TensorType> x, DType computed) const;
  /// The shape rule of a layer of one value. Throws as infer does.
  virtual Shape output_shape(std::span<const Shape> x) const;
  virtual std::vector<ParameterSpec> parameters() const { return {}; }
  /// All that decides what the layer computes, beyond its kind and its parameters' shapes.
  virtual std::vector<Attribute> attributes() const { return {}; }
  /// `parameter_gradients` is true in training mode, too.
  virtual Needs needs(bool parameter_gradients) const = 0;
  /// True when forward may write its one value over x[0] (same shape, and backward does not need x[0]).
  virtual bool in_place() const { return false; }
  /// True when forward heeds ForwardArgs::epilogue.
  virtual bool takes_epilogue() const { return false; }
  /// Whether the gradient's sum over what comes of a channel is its sum over that channel, outside training: values are
  /// moved, and shared out.
  virtual bool keeps_sums() const { return false; }
  /// Where this layer is a ReLU: the value at which it ends, infinity for the plain one.
  virtual std::optional<double> relu_upper() const { return std::nullopt; }

  /// The parameters as forward reads them on the context's device, arranged once for any number of calls; undefined
  /// where there is nothing to arrange.
  virtual Tensor pack(const PackArgs&) const { return {}; }
  /// The same as backward reads them for the gradients of its inputs.
  virtual Tensor pack_backward(const PackArgs&) const { return {}; }
  /// Of a forward, or a backward to the inputs; `packed`: what pack() or pack_backward() made, or null.
  virtual Work work(std::span<const Shape> /*x*/, const Tensor* /*packed*/, bool /*backward*/) const { return {}; }
  virtual void forward(const ForwardArgs& args) const = 0;
  virtual void backward(const BackwardArgs& args) const = 0;

  /// After a training step in which it saved statistics: its parameters take them over (batch norm's running ones).
  virtual void update_statistics(Context&, const Saved&, std::span<Tensor* const> /*w*/) const {}
};

/// Throws unless there are exactly `count` inputs.
void require_inputs(OpKind kind, std::span<const Shape> x, std::size_t count);
void require_inputs(OpKind kind, std::span<const TensorType> x, std::size_t count);
/// Throws unless input `i` is of that type.
void require_dtype(OpKind kind, std::span<const TensorType> x, std::size_t i, DType expected);
/// Throws unless `shape` has the given rank; `meaning` is e.g. "N×C×H×W".
void require_rank(OpKind kind, const Shape& shape, int rank, std::string_view meaning);

}  // namespace backlight
