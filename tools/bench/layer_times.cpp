#include "tools/bench/layer_times.hpp"

#include <algorithm>
#include <chrono>

#include "engine/explain/explanation.hpp"

namespace backlight::bench {
namespace {

using Clock = std::chrono::steady_clock;

PassTime summary(std::vector<double> times) {
  std::ranges::sort(times);
  return {times[times.size() / 2], times.front()};
}

std::int64_t bytes_of(const TensorType& type) {
  return type.shape.numel() * static_cast<std::int64_t>(size_of(type.dtype));
}

/// What a layer is and does, without its time.
LayerTime described(const Program& program, const LayerCall& call) {
  const Node& node = program.node(call.node);
  // Backward runs by node; a ReLU that another layer's forward computes is no step of its own.
  const auto step = std::ranges::find(program.steps(), call.node, &Step::node);
  const NodeId value = call.backward ? call.node : step->value;
  const Tensor* const packed = call.backward ? program.packed_backward(call.node) : program.packed(call.node);
  std::vector<Shape> x;
  std::int64_t read = 0, written = 0, weights = 0;
  for (const NodeId from : node.inputs) {
    x.push_back(program.shape(from));
    read += bytes_of(program.type(from));
  }
  for (int i = 0; i < node.layer->output_count(); ++i) written += bytes_of(program.type(value + i));
  for (const std::size_t i : node.parameters)
    weights += static_cast<std::int64_t>(program.parameter(i, program.network().weights()).bytes());
  if (packed) weights = static_cast<std::int64_t>(packed->bytes());
  std::int64_t bytes = read + written + weights;
  if (call.backward) {  // the gradients are as large as the values, some of which are read, too
    const Needs needs = program.needs(call.node);
    bytes += (needs.inputs ? read : 0) + (needs.outputs ? written : 0);
  }
  std::string kind(name_of(node.kind()));
  if (!call.backward && step->residual) {
    kind += " + add";
    bytes += bytes_of(program.type(*step->residual));
  }
  if (!call.backward && step->relu_upper) kind += " + relu";
  const Work work = node.layer->work(x, packed, call.backward);
  return {
      node.name,       kind,          call.backward, std::string(work.kernel), program.shape(value), {},
      work.operations, work.executed, bytes};
}

/// A context's calls of layers while it lives, and the milliseconds from the end of one to that of the next.
class Watch {
 public:
  explicit Watch(Context& context) : context_(context) {
    context.watch([this](const LayerCall& call) {
      const auto now = Clock::now();
      calls.push_back(call);
      times.push_back(std::chrono::duration<double, std::milli>(now - last).count());
      last = now;
    });
  }
  ~Watch() { context_.watch({}); }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  std::vector<LayerCall> calls;
  std::vector<double> times;
  Clock::time_point last = Clock::now();

 private:
  Context& context_;
};

}  // namespace

LayerTimes time_layers(Programs& programs, Context& context, const Tensor& x, std::optional<NodeId> layer,
                       int repeat) {
  LayerTimes result{};
  std::vector<std::vector<double>> times;  // by layer and pass
  std::vector<double> wholes;
  for (int pass = 0; pass <= repeat; ++pass) {
    const auto begin = Clock::now();
    Watch watch(context);
    const auto describe = [&](const Program& program) {
      if (pass > 0) return;
      for (const LayerCall& call : watch.calls) result.layers.push_back(described(program, call));
    };
    if (layer) {
      Explanation explanation(programs, context, context.copy(x), {*layer}, /*input_gradient=*/false);
      const std::vector<std::int64_t> classes(static_cast<std::size_t>(x.shape()[0]), 0);
      explanation.grad_cam(*layer, explanation.target(classes));
      describe(explanation.program());
    } else {
      const auto program = programs.get(context, std::vector<TensorType>{{x.dtype(), x.shape()}}, {});
      const Run run(program, context, tensors(context.copy(x)));
      describe(*program);
    }
    times.resize(watch.times.size());
    if (pass == 0) continue;
    for (std::size_t i = 0; i < times.size(); ++i) times[i].push_back(watch.times[i]);
    wholes.push_back(std::chrono::duration<double, std::milli>(Clock::now() - begin).count());
  }
  for (std::size_t i = 0; i < times.size(); ++i) result.layers[i].time = summary(std::move(times[i]));
  result.whole = summary(std::move(wholes));
  return result;
}

}  // namespace backlight::bench
