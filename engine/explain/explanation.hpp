// One forward pass of a batch, and every question about it: Grad-CAM, CAM, gradients under the three backward
// rules.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "engine/explain/target.hpp"
#include "engine/run/programs.hpp"
#include "engine/run/run.hpp"

namespace backlight {

/// Weights and raw signed map of one layer, for every image of the batch.
struct ClassMap {
  Tensor alpha;  ///< N×K, one weight per channel
  Tensor map;    ///< N×h×w, Σ_k α_k A^k without ReLU
};

/// How α reduces the gradient over positions: the paper's equation 1 takes the mean, its first code the sum.
enum class AlphaReduction { mean, sum };

/// Where CAM (Zhou et al. 2016) applies: the features, and the layer that weighs them for each class.
struct CamHead {
  NodeId features;
  NodeId classifier;  ///< linear, or a 1×1 convolution; its weight's rows are α
};

/// The head of a network that ends in global average pooling and one linear layer, or in one 1×1 convolution
/// and global average pooling (SqueezeNet; as in CAM's own code, the bias and a ReLU between are left out of
/// the map). Flatten and dropout may stand between, a softmax may follow. Nothing for other networks.
std::optional<CamHead> find_cam_head(const Network& network);

/// The node whose value holds the scores: the output, or what a final softmax or log-softmax reads.
NodeId score_node(const Network& network);

/// The fully connected layer that follows a layer where all between them works channel by channel, makes 0 of a channel
/// of zeros, and reads the layer alone: pooling, ReLUs, dropout, flattening. Without channel k that layer's value is
/// less by W_k p_k, of the columns and of what it reads of that channel. Nothing for other layers.
std::optional<NodeId> linear_behind(const Network& network, NodeId layer);

/// Why Grad-CAM cannot use this node when its value has this shape; an empty string when it can. It needs
/// N×K×h×w activations that the input decides and that the scores depend on.
std::string grad_cam_obstacle(const Network& network, NodeId node, const Shape& shape);

/// Holds one forward. Every call below is independent: order and repetition change no bit. Results lie in the
/// context's memory; Context::to_host brings them to the host's.
/// The network must outlive the explanation.
class Explanation {
 public:
  /// `layers`: where grad_cam() will be asked; `input_gradient`: whether gradient() will; `tails`: whether what
  /// follows the layers will run again, from other values.
  /// Throws Error(bad_input) when x (N×C×H×W) does not fit, Error(usage) when a layer cannot carry Grad-CAM.
  Explanation(const Network& network, Context& context, Tensor x, std::vector<NodeId> layers,
              bool input_gradient, bool tails = false);
  /// The same by a program that is kept for the next picture of this shape.
  Explanation(Programs& programs, Context& context, Tensor x, std::vector<NodeId> layers, bool input_gradient,
              bool tails = false);
  /// Goes on from values in the middle of the network, one for each of `given`, in place of what leads to them; layers
  /// may be among these.
  Explanation(const Network& network, Context& context, std::vector<Given> given, std::vector<Tensor> values,
              std::vector<NodeId> layers, bool tails = false);

  const Program& program() const { return run_.program(); }
  const Run& run() const { return run_; }
  /// N×K, before any softmax.
  const Tensor& scores() const { return run_.value(score_); }

  /// The class of the highest score, for every image.
  std::vector<std::int64_t> top_classes() const;

  /// The target "output classes[n] for image n". Throws Error(usage) for one that does not exist.
  Seed target(std::span<const std::int64_t> classes, Direction direction = Direction::evidence) const;
  /// Any other of its scores. Throws as `evaluate` does.
  Seed target(const Target& target) const;

  /// Equations 1 and 2 of the Grad-CAM paper without the ReLU, for any scalar target.
  ClassMap grad_cam(NodeId layer, const Seed& target, AlphaReduction reduction = AlphaReduction::mean);
  /// The same of a gradient that is known, N×K×h×w, in any memory.
  ClassMap grad_cam(NodeId layer, const Tensor& gradient, AlphaReduction reduction) const;
  /// Grad-CAM of any number T of targets of one image, α T×K and maps T×h×w; `dscores`, T×classes in any memory, has the
  /// gradient of each at the scores. Where the program knows α from the scores (Optimisations::closed_form) all maps are
  /// one matrix product, whose sums are in the network's type; else a backward is run for each. Throws Error(usage) for
  /// a batch of several images, and for a gradient that is not the scores'.
  ClassMap grad_cams(NodeId layer, const Tensor& dscores, AlphaReduction reduction = AlphaReduction::mean);
  /// Equation 1 alone: α, N×K.
  Tensor channel_weights(NodeId layer, const Seed& target, AlphaReduction reduction = AlphaReduction::mean);
  /// N×K×h×w, one of the layers named at the start.
  const Tensor& activations(NodeId layer) const { return run_.value(layer); }

  /// ∂target/∂x, N×C×H×W. `guided` gives Guided Backprop, `deconvnet` Deconvolution: these are no gradients.
  Tensor gradient(const Seed& target, BackwardRule rule) { return gradient(network_.input(), target, rule); }
  /// The same with respect to one of the layers named at the start, N×K×h×w.
  Tensor gradient(NodeId node, const Seed& target, BackwardRule rule);

  /// Class activation mapping: α is the class's row of the head's classifier. The features must be among
  /// `layers`. Throws Error(unsupported) for a network without the head that CAM needs.
  ClassMap cam(std::span<const std::int64_t> classes, Direction direction = Direction::evidence) const {
    return cam(target(classes, direction));
  }
  /// The same for any target made of scores.
  ClassMap cam(const Seed& target) const;

 private:
  Explanation(std::shared_ptr<const Program> program, Context& context, std::vector<Tensor> values);
  double scale_of(NodeId layer, AlphaReduction reduction) const;
  /// N×K of N×K×…
  Tensor channel_sums(const Tensor& values, double scale) const;
  Tensor product(const Tensor& rows, const Tensor& matrix) const;
  Tensor weighted_sum(const Tensor& alpha, const Tensor& activations) const;

  const Network& network_;
  Context& context_;
  NodeId score_;
  Run run_;
};

}  // namespace backlight
