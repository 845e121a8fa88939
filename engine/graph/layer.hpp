// The interface of every layer. A layer owns its parameters and nothing of a pass: one network serves many
// threads. Forward and backward are const; what backward needs of forward is declared, and kept by the pass.
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
  bool output = false;
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
  Tensor& y;     ///< allocated; the same tensor as *x[0] when the layer runs in place
  Saved* saved;  ///< null when no backward will follow
  Mode mode = {};
  ForwardEpilogue epilogue = {};  ///< only for layers that take one, and not in training
};

struct BackwardArgs {
  Context& context;
  std::span<const Tensor* const> x;  ///< null entries unless needs().inputs
  std::span<const Shape> x_shapes;
  const Tensor* y;  ///< null unless needs().output
  const Saved& saved;
  const Tensor& dy;
  std::span<Tensor* const> dx;  ///< one per input, overwritten; null where not wanted
  std::span<Tensor* const> dw;  ///< one per parameter, accumulated into; empty, or null where not wanted
  ReluRule rule = ReluRule::standard;
  Mode mode = {};
};

/// A named tensor that a layer owns, under PyTorch's name ("weight", "bias", "running_mean"), to be written
/// or only to be read.
template <class T>
struct BasicParameter {
  std::string name;
  T* tensor = nullptr;
  bool trainable = true;  ///< false for running statistics
};
using Parameter = BasicParameter<Tensor>;
using ConstParameter = BasicParameter<const Tensor>;

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

  /// The operation's name, e.g. "conv2d"; also the prefix of its error messages.
  virtual std::string_view kind() const = 0;
  /// Shape rule. Throws Error(bad_input) naming what was found and what was expected.
  virtual Shape output_shape(std::span<const Shape> x) const = 0;
  virtual std::vector<Parameter> parameters() { return {}; }
  std::vector<ConstParameter> parameters() const;
  /// All that decides what the layer computes, beyond its kind and its parameters.
  virtual std::vector<Attribute> attributes() const { return {}; }
  /// `parameter_gradients` is true in training mode, too.
  virtual Needs needs(bool parameter_gradients) const = 0;
  /// True when forward may write y over x[0] (same shape, and backward does not need x[0]).
  virtual bool in_place() const { return false; }
  /// True when forward heeds ForwardArgs::epilogue.
  virtual bool takes_epilogue() const { return false; }
  /// Where this layer is a ReLU: the value at which it ends, infinity for the plain one.
  virtual std::optional<double> relu_upper() const { return std::nullopt; }

  virtual void forward(const ForwardArgs& args) const = 0;
  virtual void backward(const BackwardArgs& args) const = 0;

  /// After a training step: takes over what the pass observed (batch norm's running statistics).
  virtual void update_statistics(Context&, const Saved&) {}
};

/// Throws unless `x` holds exactly `count` shapes.
void require_inputs(std::string_view kind, std::span<const Shape> x, std::size_t count);
/// Throws unless `shape` has the given rank; `meaning` is e.g. "N×C×H×W".
void require_rank(std::string_view kind, const Shape& shape, int rank, std::string_view meaning);

}  // namespace backlight
