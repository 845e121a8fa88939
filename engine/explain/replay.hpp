// Explanations of many pictures of one shape on a CUDA device: the forward and every question are recorded as CUDA
// graphs when they first come, and replayed for the pictures after it.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <tuple>
#include <vector>

#include "engine/explain/explanation.hpp"

namespace backlight {

/// An Explanation whose program is recorded once. Belongs to the thread of its context. What it returns lies in the
/// context's memory and is overwritten by the next call of its kind; the bits are those of an Explanation.
class ReplayedExplanation {
 public:
  /// For inputs of this type; runs the program once, on zeros, before it is recorded. Context and programs' network
  /// must outlive it, and the parameters stay where they are. Throws as Explanation does; Error(internal) on the CPU.
  ReplayedExplanation(Programs& programs, Context& context, const TensorType& input,
                      const std::vector<NodeId>& layers, bool input_gradient);

  /// False once the network has other weights than those that its program folded.
  bool is_current() const;
  /// Forward, for an x of that type, from any memory.
  void run(const Tensor& x);

  const Tensor& scores() const { return explanation_->scores(); }
  const Tensor& activations(NodeId layer) const { return explanation_->activations(layer); }
  const ClassMap& grad_cam(NodeId layer, const Seed& target, AlphaReduction reduction = AlphaReduction::mean);
  const Tensor& gradient(NodeId node, const Seed& target, BackwardRule rule);
  const ClassMap& cam(const Seed& target);

 private:
  template <class Result>
  struct Recorded {
    std::shared_ptr<cuda::Graph> graph;
    bool fits = true;  ///< where not, in the device's memory, the question is asked anew each time
    Result result;
  };
  template <class Result>
  const Result& answer(Recorded<Result>& recorded, const Seed& target, FunctionRef<Result(const Seed&)> ask);

  Context& context_;
  Tensor x_;
  std::optional<Explanation> explanation_;
  std::shared_ptr<cuda::Graph> forward_;
  std::map<NodeId, Seed> seeds_;  ///< what every recorded question is about, by where its target is
  // By that node, too.
  std::map<std::tuple<NodeId, NodeId, AlphaReduction>, Recorded<ClassMap>> maps_;
  std::map<std::tuple<NodeId, NodeId, BackwardRule>, Recorded<Tensor>> gradients_;
  Recorded<ClassMap> cam_;
};

/// For front ends that ask the same of one picture after another, in one context. On CUDA, what is asked a second
/// time is recorded; the first picture, and all on the CPU, are explained step by step by a program that is kept.
class Replays {
 public:
  /// Both must outlive it.
  Replays(Programs& programs, Context& context) : programs_(programs), context_(context) {}

  Programs& programs() { return programs_; }
  Context& context() { return context_; }
  /// Null where it is not to be recorded yet, or not on this device, or does not fit the device's memory.
  ReplayedExplanation* get(const TensorType& input, const std::vector<NodeId>& layers, bool input_gradient);

 private:
  struct Question {
    TensorType input;
    std::vector<NodeId> layers;
    bool input_gradient;
    friend bool operator==(const Question&, const Question&) = default;
  };

  Programs& programs_;
  Context& context_;
  std::optional<Question> last_;
  std::unique_ptr<ReplayedExplanation> replay_;
  bool fits_ = true;
};

}  // namespace backlight
