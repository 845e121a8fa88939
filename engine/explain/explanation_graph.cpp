#include "engine/explain/explanation_graph.hpp"

#include "engine/runtime/cuda/backend.hpp"
#include "kernels/dispatch.hpp"

namespace backlight {
namespace {

Context replay_context(Device device, Precision precision) {
  if (device.kind != Device::Kind::cuda)
    throw Error(ErrorKind::usage, "an explanation can be recorded on a CUDA device only, not on ", device);
  return Context(device, 1, precision);
}

DeviceInput zero_input(const Context& context, const Shape& shape) {
  return {context.zeros(shape), context.zeros({shape[0], shape[2], shape[3], 3}, DType::u8)};
}

}  // namespace

ExplanationGraph::ExplanationGraph(const Network& network, const Shape& input,
                                   const ExplanationGraphOptions& options, Device device, Precision precision)
    : programs_(network, Optimisations{}), options_(options), context_(replay_context(device, precision)) {
  network.shapes(input);  // refuses what does not fit
  input_ = zero_input(context_, input);
  asked_ = context_.zeros({input[0]}, DType::i64);
  graph_ = context_.record([&] { explain(); }, [&] { result_ = explain(); });
  classes_in_all_ = result_.scores.shape()[1];
}

ExplanationGraph::~ExplanationGraph() = default;

ExplanationGraph::Result ExplanationGraph::explain() {
  Explanation explanation(programs_, context_, context_.copy(input_.x), {options_.layer},
                          options_.gradient.has_value());
  Result result;
  result.scores = context_.copy(explanation.scores());
  const TargetParams target{.rows = result.scores.shape()[0], .classes = result.scores.shape()[1]};
  result.classes = context_.empty({target.rows}, DType::i64);
  Seed seed{score_node(programs_.network()), context_.empty(result.scores.shape())};
  std::int64_t* const classes = result.classes.data<std::int64_t>();
  dispatch(context_, DType::f32, [&]<class T>(const Kernels<T>& k) {
    if (options_.best_class)
      k.argmax(context_, target, result.scores.data<T>(), classes);
    else
      context_.copy(asked_, result.classes);
    k.one_hot(context_, target, classes, options_.direction == Direction::evidence ? 1 : -1,
              seed.dy.data<T>());
  });
  result.alpha = explanation.channel_weights(options_.layer, seed, options_.reduction);
  result.map = class_map_on_device(context_, result.alpha, explanation.activations(options_.layer));
  if (options_.gradient) result.gradient = explanation.gradient(seed, *options_.gradient);
  if (!options_.display) return result;
  const Shape& input = input_.x.shape();
  result.display = display_on_device(context_, *options_.display, result.map, input[2], input[3],
                                     &input_.seen, options_.gradient ? &result.gradient : nullptr);
  if (options_.gradient)
    result.saliency = saliency_on_device(context_, result.display.product, *options_.display, options_.bgr);
  return result;
}

const ExplanationGraph::Result& ExplanationGraph::run(const Tensor& x,
                                                      std::span<const std::int64_t> classes) {
  if (x.shape() != input_.x.shape() || x.dtype() != DType::f32)
    throw Error(ErrorKind::usage, "the input is ", x.dtype(), " ", x.shape(),
                ", but the explanation was recorded for float32 ", input_.x.shape());
  context_.copy(x, input_.x);
  return run(classes);
}

const ExplanationGraph::Result& ExplanationGraph::run(std::span<const std::int64_t> classes) {
  const std::size_t expected = options_.best_class ? 0 : static_cast<std::size_t>(asked_.numel());
  if (classes.size() != expected)
    throw Error(ErrorKind::usage, classes.size(), " classes were given, expected ", expected,
                options_.best_class ? ": the best class of each image is explained" : ", one per image");
  for (const std::int64_t k : classes)
    if (k < 0 || k >= classes_in_all_)
      throw Error(ErrorKind::usage, "class ", k, " was asked for, but the network has classes 0 to ",
                  classes_in_all_ - 1);
  if (!classes.empty()) context_.copy(classes, asked_);
  cuda::replay(context_.stream(), *graph_);
  return result_;
}

}  // namespace backlight
