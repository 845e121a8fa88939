#include "engine/explain/replay.hpp"

#include "engine/runtime/cuda/backend.hpp"

namespace backlight {

ReplayedExplanation::ReplayedExplanation(Programs& programs, Context& context, const TensorType& input,
                                         const std::vector<NodeId>& layers, bool input_gradient)
    : context_(context), x_(context.zeros(input.shape, input.dtype)) {
  const auto explain = [&] {
    explanation_.reset();
    explanation_.emplace(programs, context_, context_.copy(x_), layers, input_gradient);
  };
  const auto rehearse = [&] {
    explain();
    explanation_.reset();
  };
  forward_ = context_.record(rehearse, explain);
}

bool ReplayedExplanation::is_current() const {
  const Program& program = explanation_->program();
  return program.is_made_of(program.network().weights());
}

void ReplayedExplanation::run(const Tensor& x) {
  context_.copy(x, x_);
  cuda::replay(context_.stream(), *forward_);
}

template <class Result>
const Result& ReplayedExplanation::answer(Recorded<Result>& recorded, const Seed& target,
                                          FunctionRef<Result(const Seed&)> ask) {
  if (!seeds_.contains(target.node)) seeds_.emplace(target.node, Seed{target.node, context_.copy(target.dy)});
  Seed& seed = seeds_.at(target.node);
  context_.copy(target.dy, seed.dy);
  if (!recorded.graph && recorded.fits) {
    try {
      recorded.graph = context_.record([&] { ask(seed); }, [&] { recorded.result = ask(seed); });
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::resources) throw;
      recorded.fits = false;
    }
  }
  if (recorded.graph)
    cuda::replay(context_.stream(), *recorded.graph);
  else
    recorded.result = ask(seed);
  return recorded.result;
}

const ClassMap& ReplayedExplanation::grad_cam(NodeId layer, const Seed& target, AlphaReduction reduction) {
  return answer<ClassMap>(maps_[{target.node, layer, reduction}], target,
                          [&](const Seed& seed) { return explanation_->grad_cam(layer, seed, reduction); });
}

const Tensor& ReplayedExplanation::gradient(NodeId node, const Seed& target, BackwardRule rule) {
  return answer<Tensor>(gradients_[{target.node, node, rule}], target,
                        [&](const Seed& seed) { return explanation_->gradient(node, seed, rule); });
}

const ClassMap& ReplayedExplanation::cam(const Seed& target) {
  return answer<ClassMap>(cam_, target, [&](const Seed& seed) { return explanation_->cam(seed); });
}

ReplayedExplanation* Replays::get(const TensorType& input, const std::vector<NodeId>& layers,
                                  bool input_gradient) {
  if (context_.device().kind != Device::Kind::cuda || !fits_) return nullptr;
  Question question{input, layers, input_gradient};
  if (last_ != question || (replay_ && !replay_->is_current())) {
    replay_.reset();
    last_ = std::move(question);
    return nullptr;
  }
  if (!replay_) {
    try {
      replay_ = std::make_unique<ReplayedExplanation>(programs_, context_, input, layers, input_gradient);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::resources) throw;
      fits_ = false;
    }
  }
  return replay_.get();
}

}  // namespace backlight
