// The questions that methods ask of a network and a batch, answered on the host and each once.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "engine/explain/layer_path.hpp"
#include "engine/explain/replay.hpp"

namespace backlight {

/// The gradient of a layer averaged over the way to its value (layer_path.hpp). One step is the plain gradient.
struct PathAverage {
  int steps = 1;
  std::int64_t batch_bytes = kTailBytes;  ///< of points that go together, which changes no bit
};

/// Of one forward and one backward by themselves.
struct Propagation {
  std::vector<NodeId> wrt;  ///< nodes at which the backward arrives
  std::vector<NodeId> keep = {};
  BackwardRule rule = BackwardRule::standard;
  InputBox box = {};  ///< for rules that ask for it
};

/// What they made, in the host's memory.
struct Propagated {
  Tensor scores;                       ///< N×K, before any softmax
  std::map<NodeId, Tensor> values;     ///< of the nodes to be kept
  std::map<NodeId, Tensor>
      gradients;  ///< ∂ Σ dscores ∘ scores / ∂(value of node), or what the rule makes of it
};

/// One forward of one batch and every question about it, for all front ends. An Explanation answers anew each
/// time and on its device; a probe brings answers to the host and keeps those about the target asked last,
/// since methods share maps and gradients but targets share nothing: any number of classes take the memory of
/// one. References hold until another target is asked about.
///
/// Class maps are questions of their own, though activation() and gradient() would do: their sums are the
/// device's work, and of an answer only N×K + N×h×w values travel.
class Probe {
 public:
  /// As Explanation: the network must outlive the probe.
  Probe(const Network& network, Context& context, Tensor x, std::vector<NodeId> layers, bool input_gradient,
        bool tails = false);
  /// The same by a program that is kept for the next picture of this shape.
  Probe(Programs& programs, Context& context, Tensor x, std::vector<NodeId> layers, bool input_gradient,
        bool tails = false);
  /// The same from values in the middle of the network, one for each of `given`, in place of what leads from x to them:
  /// for layers there and behind. at() begins with inputs again.
  Probe(const Network& network, Context& context, Tensor x, std::vector<Given> given,
        std::vector<Tensor> values, std::vector<NodeId> layers, bool tails = false);
  /// The same for one picture after another: the next one's probe overwrites what this one's activation() reads. With
  /// `tails` nothing is replayed.
  Probe(Replays& replays, Tensor x, std::vector<NodeId> layers, bool input_gradient, bool tails = false);

  const Network& network() const { return network_; }
  Context& context() const { return context_; }
  /// N×C×H×W, in the host's memory.
  const Tensor& input() const { return input_; }
  /// The same about other inputs, of any number, made step by step.
  Probe at(Tensor x) const;
  /// The scores of other inputs, N×K for any N: their forward and nothing else.
  Tensor scores_of(Tensor x) const;
  /// Of other inputs, of any number, their forward and one backward from dscores, N×K.
  Propagated propagate(Tensor x, Tensor dscores, Propagation how) const;

  /// N×K, before any softmax.
  const Tensor& scores() const { return scores_; }
  /// What the target is of each image.
  std::vector<double> values(const Target& target) const;
  /// ∂target/∂scores, N×K. Throws Error(usage) for a target of one's own.
  Tensor score_gradient(const Target& target) const;
  /// N×K×h×w, of one of the layers named at the start.
  Tensor activation(NodeId layer) const;

  /// ∂target/∂(value of node) under a rule; `node` is one of the layers or the network's input.
  const Tensor& gradient(NodeId node, const Target& target, BackwardRule rule = BackwardRule::standard);
  /// The same of a layer, averaged on the way to its value; the target's gradient is that at each point's own scores.
  /// Throws Error(usage) for a probe without tails, and for a target of one's own.
  const Tensor& gradient(NodeId layer, const Target& target, const PathAverage& path);
  /// The target's value of image `image` where the layer's value is another: for each of so many variants, `make`
  /// changes A, of K·h·w values. Only what follows the layer runs, as many together as the bytes hold, which changes no
  /// bit. Throws as the path average.
  std::vector<double> values_from(NodeId layer, const Target& target, std::int64_t image,
                                  std::int64_t variants,
                                  FunctionRef<void(std::int64_t variant, std::span<double> a)> make,
                                  std::int64_t batch_bytes = kTailBytes) const;
  /// The target's values of image `image` without each of these channels of the layer, and last with all of them. Where
  /// `linear_behind` finds one only what follows that layer runs, by other roundings. Throws as the path average.
  std::vector<double> values_without(NodeId layer, const Target& target, std::int64_t image,
                                     std::span<const std::int64_t> channels,
                                     std::int64_t batch_bytes = kTailBytes) const;
  /// Where the scores that `name` says of an image, which are of every target, are kept: undefined until a caller puts
  /// them there.
  Tensor& kept_scores(std::int64_t image, const std::string& name) { return kept_scores_[{image, name}]; }
  /// Grad-CAM's map of one of the layers, of that gradient.
  const ClassMap& grad_cam(NodeId layer, const Target& target,
                           AlphaReduction reduction = AlphaReduction::mean, const PathAverage& path = {});
  /// CAM's map, of the features of the network's head. Throws as Explanation::cam.
  const ClassMap& cam(const Target& target);

 private:
  struct Answers {
    Target target;
    Seed seed;
    std::map<std::pair<NodeId, BackwardRule>, Tensor> gradients = {};
    std::map<std::tuple<NodeId, AlphaReduction, int>, ClassMap> maps = {};
    std::map<std::pair<NodeId, int>, Tensor> path_gradients = {};  ///< by steps
    ClassMap cam = {};
  };
  /// fn(explanation), whichever it is.
  template <class Fn>
  auto ask(Fn&& fn) const {
    return replay_ ? fn(*replay_) : fn(*own_);
  }
  /// Throws Error(usage) for a probe that was made without tails.
  const Run& whole_run() const;
  /// Refuses one of one's own, which is known of this batch's values alone.
  void require_any_scores(const Target& target) const;
  Answers& about(const Target& target);
  Seed seed_of(const Target& target) const;
  ClassMap to_host(const ClassMap& maps) const;
  /// W_k p_k of image `image` for each of these channels k, row by row, of a `linear_behind` a layer of so many.
  std::vector<double> linear_shares(NodeId linear, std::int64_t image, std::int64_t layer_channels,
                                    std::span<const std::int64_t> channels) const;

  const Network& network_;
  Context& context_;
  Programs* programs_ = nullptr;
  std::shared_ptr<Programs> own_programs_;  ///< where none were given
  std::vector<NodeId> layers_;
  bool input_gradient_, tails_;
  Tensor input_;
  std::unique_ptr<Explanation> own_;
  ReplayedExplanation* replay_ = nullptr;
  Tensor scores_;
  std::optional<Answers> answers_;
  std::map<std::pair<std::int64_t, std::string>, Tensor> kept_scores_;
};

}  // namespace backlight
