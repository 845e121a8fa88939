#include "engine/run/run.hpp"

#include <algorithm>
#include <utility>

#include "engine/run/arena.hpp"
#include "kernels/dispatch.hpp"

namespace backlight {
namespace {

void accumulate(Context& context, const Tensor& term, Tensor& sum) {
  dispatch(context, sum.dtype(), [&]<class T>(const Kernels<T>& k) {
    k.add_forward(context, sum.numel(), sum.data<T>(), term.data<T>(), sum.data<T>());
  });
}

/// Where a batch's rows lie: along the first dimension.
TensorType with_batch(const TensorType& type, std::int64_t batch) {
  return {type.dtype, type.shape.with(0, batch)};
}

}  // namespace

/// What one layer is called with, in vectors that serve all layers of a pass one after the other.
struct Run::Operands {
  PoolVector<const Tensor*> x, w, y, dy;
  PoolVector<Tensor*> computed, dx, dw;
  PoolVector<Shape> x_shapes;
  PoolVector<Tensor> terms;  ///< what dx points to

  explicit Operands(const Context& context)
      : x(context.vector<const Tensor*>()),
        w(x),
        y(x),
        dy(x),
        computed(context.vector<Tensor*>()),
        dx(computed),
        dw(computed),
        x_shapes(context.vector<Shape>()),
        terms(context.vector<Tensor>()) {}

  void clear() {
    for (auto* all : {&x, &w, &y, &dy}) all->clear();
    for (auto* all : {&computed, &dx, &dw}) all->clear();
    x_shapes.clear();
    terms.clear();
  }
};

std::vector<Tensor> tensors(Tensor one) {
  std::vector<Tensor> all;
  all.push_back(std::move(one));
  return all;
}

Seed one_hot(NodeId node, const Shape& shape, std::span<const std::int64_t> index, DType dtype) {
  if (shape.rank() != 2 || shape[0] != static_cast<std::int64_t>(index.size()))
    throw Error(ErrorKind::usage, index.size(), " classes were given for scores of ", shape,
                ", expected one per row");
  Tensor dy = Tensor::zeros(shape, dtype);
  for (std::int64_t n = 0; n < shape[0]; ++n) {
    const std::int64_t k = index[static_cast<std::size_t>(n)];
    if (k < 0 || k >= shape[1])
      throw Error(ErrorKind::usage, "class ", k, " was asked for, but the network has classes 0 to ",
                  shape[1] - 1);
    dispatch_dtype(dtype, [&]<class T>() { dy.data<T>()[n * shape[1] + k] = T{1}; });
  }
  return {node, std::move(dy)};
}

Run::Run(const Network& network, Context& context, Tensor input, ProgramOptions options, std::uint64_t seed)
    // In braces, which are evaluated from left to right: the type before the input moves on.
    : Run{std::make_shared<const Program>(
              network, context, std::vector<TensorType>{{input.dtype(), input.shape()}}, std::move(options)),
          context, tensors(std::move(input)), seed} {}

Run::Run(std::shared_ptr<const Program> program, Context& context, std::vector<Tensor> values,
         std::uint64_t seed)
    : program_(std::move(program)),
      context_(context),
      mode_{program_->options().training, seed},
      values_(context.vector<Tensor>()),
      saved_(context.vector<Saved>()) {
  values_.resize(at(program_->network().size()));
  saved_.resize(values_.size());
  const std::span<const Given> given = program_->given();
  if (values.size() != given.size())
    throw Error(ErrorKind::usage, values.size(), " values were given for a program of ", given.size());
  for (std::size_t i = 0; i < given.size(); ++i) {
    const auto& [node, type] = given[i];
    if (values[i].shape() != type.shape || values[i].dtype() != type.dtype)
      throw Error(ErrorKind::usage, "the value of '", program_->network().node(node).name, "' is ",
                  values[i].dtype(), " ", values[i].shape(), ", but its program was made for ", type.dtype,
                  " ", type.shape);
  }
  if (program_->isa() != context.isa())
    throw Error(ErrorKind::usage, "the program arranged weights for ", cpu::name_of(program_->isa()),
                ", but its context computes by ", cpu::name_of(context.isa()), ": make it in that context");
  require_parameters();
  for (std::size_t i = 0; i < given.size(); ++i)
    values_[at(given[i].node)] = context.holds(values[i]) ? std::move(values[i]) : context.copy(values[i]);
  forward();
}

void Run::require_parameters() const {
  const Network& network = program_->network();
  const DType dtype = program_->dtype();
  if (!program_->is_made_of(network.weights()))
    throw Error(ErrorKind::usage,
                "the network's weights changed since its program folded them: make a new program");
  for (const Step& step : program_->steps()) {
    for (const std::size_t i : program_->node(step.node).parameters) {
      const Tensor& tensor = program_->parameter(i, network.weights());
      const auto name = [&] {
        const auto& all = network.Graph::parameters();
        return i < all.size() ? all[i].name : network.node(step.node).name;
      };
      if (tensor.dtype() != dtype)
        throw Error(ErrorKind::usage, "the network's parameter '", name(), "' is ", tensor.dtype(),
                    ", but its input is ", dtype,
                    ": convert one of them first, by Network::to or Tensor::to");
      if (!context_.holds(tensor))
        throw Error(ErrorKind::usage, "the network's parameter '", name(), "' does not lie in the memory of ",
                    context_.device(), ", where it is used: call Network::to(context) first");
    }
  }
}

void Run::parameters_of(const Node& node, PoolVector<const Tensor*>& all) const {
  for (const std::size_t i : node.parameters)
    all.push_back(&program_->parameter(i, program_->network().weights()));
}

void Run::forward() {
  std::shared_ptr<Arena> arena;
  if (const auto bytes = static_cast<std::int64_t>(program_->arena_bytes()); bytes > 0)
    arena = std::make_shared<Arena>(context_.empty({bytes}, DType::u8));
  const auto place = [&](const Step& step, int output) {
    const TensorType& type = program_->type(step.value + output);
    if (!arena) return context_.empty(type.shape, type.dtype);
    arena->go_to(step.offsets[static_cast<std::size_t>(output)]);
    return Tensor(type.shape, type.dtype, arena);
  };
  Operands operands(context_);
  auto& [x, w, y, dy, computed, dx, dw, x_shapes, terms] = operands;
  for (const Step& step : program_->steps()) {
    const Node& node = program_->node(step.node);
    operands.clear();
    for (const NodeId from : node.inputs) x.push_back(&values_[at(from)]);
    for (int i = 0; i < node.layer->output_count(); ++i) {
      Tensor& value = values_[at(step.value + i)];
      value = step.in_place ? std::move(values_[at(node.inputs.front())]) : place(step, i);
      computed.push_back(&value);
    }
    if (step.in_place) x.front() = computed.front();
    parameters_of(node, w);
    node.layer->forward({.context = context_,
                         .x = x,
                         .w = w,
                         .y = computed,
                         .saved = step.saves ? &saved_[at(step.node)] : nullptr,
                         .mode = {mode_.training, mode_.seed + static_cast<std::uint64_t>(step.node)},
                         .epilogue = {.residual = step.residual ? &values_[at(*step.residual)] : nullptr,
                                      .relu_upper = step.relu_upper},
                         .packed = program_->packed(step.node)});
    context_.report({.node = step.node, .backward = false});
    for (const NodeId from : step.releases) values_[at(from)] = {};
  }
}

const Tensor& Run::value(NodeId node) const {
  const Tensor& value = values_[program_->checked(node)];
  if (!value.defined())
    throw Error(ErrorKind::usage, "the value of '", program_->network().node(node).name,
                "' was released: name it in ProgramOptions::keep");
  return value;
}

Gradients Run::backward(std::span<const Seed> seeds, const BackwardOptions& options) {
  const Network& network = program_->network();
  if (consumed_) throw Error(ErrorKind::usage, "this run already ran its last backward");
  if (options.parameter_gradients && !program_->options().parameter_gradients)
    throw Error(ErrorKind::usage,
                "parameter gradients were asked for, but forward was not told to prepare them");
  if (reads_values(options.rule) && program_->options().rule != options.rule)
    throw Error(
        ErrorKind::usage,
        "a backward under a rule that reads values was asked for, but forward was not told to keep them: "
        "name the rule in ProgramOptions::rule");
  if (reads_values(options.rule) && options.parameter_gradients)
    throw Error(ErrorKind::usage, "parameters have gradients under the standard rule alone");
  if (const std::int64_t rows = program_->given().front().type.shape[0];
      options.rule == BackwardRule::rescale && rows % 2 != 0)
    throw Error(ErrorKind::usage, "a batch of ", rows, " was given, expected as many references as pictures");
  for (const NodeId id : options.wrt)
    if (!program_->is_differentiable(static_cast<NodeId>(program_->checked(id))))
      throw Error(ErrorKind::usage, "a gradient at '", network.node(id).name,
                  "' was asked for: name it in ProgramOptions::gradients_at");
  const std::vector<bool> wanted = program_->reached_from(options.wrt, options.parameter_gradients);
  PoolVector<Tensor> dvalues = context_.vector<Tensor>();
  dvalues.resize(at(network.size()));
  for (const Seed& seed : seeds) {
    const TensorType& type = program_->type(seed.node);
    const std::string& name = network.node(seed.node).name;
    if (!program_->has(seed.node))
      throw Error(ErrorKind::usage, "the seed at '", name,
                  "' is of a value that this program does not compute: name it in ProgramOptions::keep");
    if (seed.dy.shape() != type.shape)
      throw Error(ErrorKind::usage, "the seed at '", name, "' is ", seed.dy.shape(), ", its value is ",
                  type.shape);
    if (seed.dy.dtype() != type.dtype)
      throw Error(ErrorKind::usage, "the seed at '", name, "' is ", seed.dy.dtype(), ", its value is ",
                  type.dtype);
    Tensor& dvalue = dvalues[at(seed.node)];
    Tensor dy = context_.copy(seed.dy);
    if (dvalue.defined())
      accumulate(context_, dy, dvalue);
    else
      dvalue = std::move(dy);
  }
  consumed_ = options.last;

  Gradients result;
  if (options.parameter_gradients)
    for (const ConstNamedParameter& p : network.parameters())
      result.parameters.push_back(p.trainable ? context_.zeros(p.tensor->shape(), p.tensor->dtype())
                                              : Tensor());

  std::optional<InputBox> box;
  if (options.box.above_least.defined())
    box = {context_.copy(options.box.above_least), context_.copy(options.box.below_greatest)};
  Operands operands(context_);
  for (NodeId id = network.last(); id >= 0; --id) {
    if (program_->node(id).output > 0) continue;  // with the first of its layer's values
    const int values = program_->node(id).layer ? program_->node(id).layer->output_count() : 1;
    if (program_->is_backward_ready(id))
      layer_backward(id, wanted, dvalues, result.parameters, options, box ? &*box : nullptr, operands);
    for (NodeId value = id; value < id + values; ++value) {
      Tensor& dvalue = dvalues[at(value)];
      if (dvalue.defined() && std::ranges::find(options.wrt, value) != options.wrt.end())
        result.nodes.emplace(value, std::move(dvalue));
      dvalue = {};
      if (options.last && !program_->is_wanted(value)) values_[at(value)] = {};
    }
    if (options.last) {
      saved_[at(id)].tensors.clear();
      saved_[at(id)].indices = {};
    }
  }
  for (const NodeId id : options.wrt)
    if (!result.nodes.contains(id))
      result.nodes.emplace(id, context_.zeros(program_->shape(id), program_->type(id).dtype));
  return result;
}

void Run::layer_backward(NodeId id, const std::vector<bool>& wanted, PoolVector<Tensor>& dvalues,
                         std::vector<Tensor>& dparameters, const BackwardOptions& options,
                         const InputBox* box, Operands& operands) {
  const Node& node = program_->node(id);
  const Needs needs = program_->needs(id);
  operands.clear();
  auto& [x, w, y, dy, computed, dx, dw, x_shapes, terms] = operands;
  bool any = false;
  for (NodeId value = id; value < id + node.layer->output_count(); ++value) {
    const bool counts = dvalues[at(value)].defined() && wanted[at(value)];
    any |= counts;
    dy.push_back(counts ? &dvalues[at(value)] : nullptr);
    y.push_back(needs.outputs ? held(value) : nullptr);
  }
  if (!any) return;
  // A ReLU's dx takes the place of dy, which nobody else reads.
  const bool in_place = node.layer->relu_upper() && !reads_values(options.rule) &&
                        std::ranges::find(options.wrt, id) == options.wrt.end();
  terms.resize(node.inputs.size());
  for (std::size_t i = 0; i < node.inputs.size(); ++i) {
    const NodeId from = node.inputs[i];
    const TensorType& type = program_->type(from);
    x.push_back(needs.inputs ? held(from) : nullptr);
    x_shapes.push_back(type.shape);
    if (wanted[at(from)])
      terms[i] = in_place ? std::move(dvalues[at(id)]) : context_.empty(type.shape, type.dtype);
    if (wanted[at(from)] && in_place) dy.front() = &terms[i];
    dx.push_back(wanted[at(from)] ? &terms[i] : nullptr);
  }
  if (!dparameters.empty())
    for (const std::size_t i : node.parameters)
      dw.push_back(dparameters[i].defined() ? &dparameters[i] : nullptr);
  const auto is_null = [](const Tensor* tensor) { return tensor == nullptr; };
  if (std::ranges::all_of(dx, is_null) && std::ranges::all_of(dw, is_null)) return;
  parameters_of(node, w);
  node.layer->backward({.context = context_,
                        .x = x,
                        .x_shapes = x_shapes,
                        .w = w,
                        .y = y,
                        .saved = saved_[at(id)],
                        .dy = dy,
                        .dx = dx,
                        .dw = dw,
                        .rule = options.rule,
                        .at_input = program_->network().node(node.inputs.front()).kind() == OpKind::input,
                        .box = box,
                        .mode = {mode_.training, mode_.seed + static_cast<std::uint64_t>(id)},
                        .packed = program_->packed_backward(id)});
  context_.report({.node = id, .backward = true});
  for (std::size_t i = 0; i < terms.size(); ++i) {
    if (!terms[i].defined()) continue;
    Tensor& sum = dvalues[at(node.inputs[i])];
    if (sum.defined())
      accumulate(context_, terms[i], sum);
    else
      sum = std::move(terms[i]);
  }
}

std::shared_ptr<const Program> Run::tail(NodeId node, std::int64_t batch, ProgramOptions options) const {
  const ProgramOptions& own = program_->options();
  if (std::ranges::find(own.resume_at, node) == own.resume_at.end())
    throw Error(ErrorKind::usage, "a run from '",
                program_->network().node(static_cast<NodeId>(program_->checked(node))).name,
                "' on was asked for: name it in ProgramOptions::resume_at");
  if (options.outputs.empty()) options.outputs = own.outputs;
  std::vector<Given> given{{node, with_batch(program_->type(node), batch)}};
  for (const NodeId other : beside(program_->network(), node, options.outputs))
    given.push_back({other, with_batch(program_->type(other), batch)});
  return std::make_shared<const Program>(program_->network(), context_, std::move(given), std::move(options));
}

Run Run::resume(const std::shared_ptr<const Program>& tail, Tensor value,
                std::span<const std::int64_t> rows) const {
  std::vector<Tensor> values = tensors(std::move(value));
  for (const Given& other : tail->given().subspan(1)) {
    const Tensor& own = this->value(other.node);
    const std::int64_t batch = other.type.shape[0];
    if (rows.empty() ? batch != own.shape()[0] : batch != static_cast<std::int64_t>(rows.size()))
      throw Error(ErrorKind::usage, "a batch of ", batch, " goes on with ", rows.size(), " rows of a run of ",
                  own.shape()[0], ", expected one row for each");
    values.push_back(rows.empty() ? context_.copy(own) : rows_of(own, rows));
  }
  return Run(tail, context_, std::move(values));
}

Tensor Run::rows_of(const Tensor& value, std::span<const std::int64_t> rows) const {
  const Shape& shape = value.shape();
  Tensor result = context_.empty(shape.with(0, static_cast<std::int64_t>(rows.size())), value.dtype());
  const std::int64_t count = value.numel() / shape[0];
  const bool is_words = value.dtype() == DType::i32;  // as many bytes as a float32
  dispatch(context_, is_words ? DType::f32 : value.dtype(), [&]<class T>(const Kernels<T>& k) {
    for (std::size_t n = 0; n < rows.size(); ++n) {
      if (rows[n] < 0 || rows[n] >= shape[0])
        throw Error(ErrorKind::usage, "row ", rows[n], " was asked for, but the run has ", shape[0]);
      k.copy_rows(context_, {.count = count}, static_cast<const T*>(value.raw()) + rows[n] * count,
                  static_cast<T*>(result.raw()) + static_cast<std::int64_t>(n) * count);
    }
  });
  return result;
}

}  // namespace backlight
