#include "kernels/lstm/lstm_layer.hpp"

#include "engine/core/random.hpp"
#include "kernels/dispatch.hpp"

namespace backlight {
namespace {

class Lstm final : public Layer {
 public:
  Lstm(std::int64_t in, std::int64_t hidden, const LstmOptions& options)
      : in_(in), hidden_(hidden), options_(options) {
    if (in < 1 || hidden < 1 || options.layers < 1)
      throw Error(ErrorKind::usage, "[lstm] ", options.layers, " layers of ", hidden, " that read ", in,
                  " were asked for, all must be positive");
    if (!(options.dropout >= 0 && options.dropout <= 1))
      throw Error(ErrorKind::usage, "[lstm] dropout is ", options.dropout, ", expected 0 to 1");
  }

  OpKind kind() const override { return OpKind::lstm; }
  int output_count() const override { return 2; }
  Needs needs(bool parameter_gradients) const override {
    return {.inputs = parameter_gradients || options_.tokens};
  }
  std::vector<Attribute> attributes() const override {
    return {{"layers", options_.layers, std::int64_t{1}},
            {"dropout", options_.dropout, 0.0},
            {"tokens", options_.tokens, false},
            {"state", options_.state, false}};
  }

  std::vector<ParameterSpec> parameters() const override {
    std::vector<ParameterSpec> all;
    for (std::int64_t l = 0; l < options_.layers; ++l) {
      const std::string of = "_l" + std::to_string(l);
      all.push_back({"weight_ih" + of, {4 * hidden_, width(l)}});
      all.push_back({"weight_hh" + of, {4 * hidden_, hidden_}});
      if (!options_.bias) continue;
      all.push_back({"bias_ih" + of, {4 * hidden_}});
      all.push_back({"bias_hh" + of, {4 * hidden_}});
    }
    return all;
  }

  std::vector<TensorType> infer(std::span<const TensorType> x, DType computed) const override {
    require_inputs(kind(), x, std::size_t{1} + options_.tokens + options_.state);
    const Shape& shape = x[0].shape;
    require_rank(kind(), shape, 3, "N×T×features");
    if (shape[2] != in_)
      throw Error(ErrorKind::bad_input, "[lstm] x is ", shape, ", but weight_ih_l0 ", Shape{4 * hidden_, in_},
                  " expects ", in_, " features");
    const auto expect = [&](std::size_t i, DType dtype, const Shape& expected) {
      require_dtype(kind(), x, i, dtype);
      if (x[i].shape != expected)
        throw Error(ErrorKind::bad_input, "[lstm] x[0] is ", shape, ", x[", i, "] is ", x[i].shape,
                    ", expected ", expected);
    };
    expect(0, computed, shape);
    if (options_.tokens) expect(1, DType::i32, {shape[0], shape[1]});
    if (options_.state) expect(state_input(), computed, state_shape(shape[0]));
    return {{computed, {shape[0], shape[1], hidden_}}, {computed, state_shape(shape[0])}};
  }

  void forward(const ForwardArgs& a) const override {
    const DType dtype = a.y[0]->dtype();
    const std::int64_t batch = a.y[0]->shape()[0], steps = a.y[0]->shape()[1];
    const auto over_sequence = [&](std::int64_t count) {
      return a.context.empty({batch, steps, count}, dtype);
    };
    dispatch(a.context, dtype, [&]<class T>(const Kernels<T>& k) {
      Tensor lower;  // what the layer below says
      for (std::int64_t l = 0; l < options_.layers; ++l) {
        const bool last = l + 1 == options_.layers;
        const auto w = [&](Part part) { return parameter<T>(a.w, l, part); };
        const T* x = l == 0 ? a.x[0]->data<T>() : lower.data<T>();
        Tensor gates = over_sequence(4 * hidden_), recurrent = a.context.empty({batch, 4 * hidden_}, dtype);
        Tensor h = initial(a, k, l, kH), c = initial(a, k, l, kC), h_before, c_before;
        if (a.saved) {
          h_before = over_sequence(hidden_);
          c_before = over_sequence(hidden_);
        }
        Tensor own_y = last ? Tensor() : over_sequence(hidden_);
        T* const y = last ? a.y[0]->data<T>() : own_y.data<T>();
        k.linear_forward(a.context, product(batch * steps, width(l)), x, w(kInput), w(kInputBias),
                         gates.data<T>());
        for (std::int64_t step = 0; step < steps; ++step) {
          k.linear_forward(a.context, product(batch, hidden_), h.data<T>(), w(kState), w(kStateBias),
                           recurrent.data<T>());
          k.lstm_step_forward(a.context, {batch, steps, step, hidden_},
                              {.tokens = tokens(a.x),
                               .recurrent = recurrent.data<T>(),
                               .gates = gates.data<T>(),
                               .h = h.data<T>(),
                               .c = c.data<T>(),
                               .h_before = a.saved ? h_before.data<T>() : nullptr,
                               .c_before = a.saved ? c_before.data<T>() : nullptr,
                               .y = y});
        }
        const CopyParams into{batch, hidden_, hidden_, 2 * options_.layers * hidden_};
        k.copy_rows(a.context, into, c.data<T>(), a.y[1]->data<T>() + offset(l, kC));
        k.copy_rows(a.context, into, h.data<T>(), a.y[1]->data<T>() + offset(l, kH));
        if (!last && drops(a.mode)) k.dropout(a.context, dropout_of(a.mode, l, own_y), y, y);
        if (a.saved)
          for (Tensor* tensor : {&gates, &h_before, &c_before, &lower})
            a.saved->tensors.push_back(std::move(*tensor));
        lower = std::move(own_y);
      }
    });
  }

  void backward(const BackwardArgs& a) const override {
    const Shape& x = a.x_shapes[0];
    const std::int64_t batch = x[0], steps = x[1];
    Tensor* const dstate = options_.state ? a.dx[state_input()] : nullptr;
    const DType dtype = a.saved.tensors.front().dtype();
    dispatch(a.context, dtype, [&]<class T>(const Kernels<T>& k) {
      Tensor dupper;  // the gradient at what the layer says
      const T* dy = a.dy[0] ? a.dy[0]->data<T>() : nullptr;
      for (std::int64_t l = options_.layers - 1; l >= 0; --l) {
        const auto w = [&](Part part) { return parameter<T>(a.w, l, part); };
        const auto saved = [&](int i) {
          return a.saved.tensors[static_cast<std::size_t>(4 * l + i)].template data<T>();
        };
        const std::int64_t end = a.dy[1] ? steps : steps_with_gradient(a.context, dy, batch, steps);
        Tensor da = end < steps ? a.context.zeros({batch, steps, 4 * hidden_}, dtype)
                                : a.context.empty({batch, steps, 4 * hidden_}, dtype);
        Tensor da_step = a.context.empty({batch, 4 * hidden_}, dtype),
               through = a.context.zeros({batch, hidden_}, dtype);
        Tensor dh = state_part(a.context, k, a.dy[1], batch, dtype, l, kH);
        Tensor dc = state_part(a.context, k, a.dy[1], batch, dtype, l, kC);
        for (std::int64_t step = end - 1; step >= 0; --step) {
          k.lstm_step_backward(a.context, {batch, steps, step, hidden_},
                               {.tokens = tokens(a.x),
                                .gates = saved(kGates),
                                .c_before = saved(kCBefore),
                                .dy = dy,
                                .through = step + 1 < end ? through.data<T>() : nullptr,
                                .dh = dh.data<T>(),
                                .dc = dc.data<T>(),
                                .da = da.data<T>(),
                                .da_step = da_step.data<T>()});
          if (step > 0 || dstate)
            k.linear_backward_data(a.context, product(batch, hidden_), da_step.data<T>(), w(kState),
                                   through.data<T>());
        }
        if (dstate) {
          k.add_forward(a.context, dh.numel(), dh.data<T>(), through.data<T>(), dh.data<T>());
          const CopyParams into{batch, hidden_, hidden_, 2 * options_.layers * hidden_};
          k.copy_rows(a.context, into, dc.data<T>(), dstate->data<T>() + offset(l, kC));
          k.copy_rows(a.context, into, dh.data<T>(), dstate->data<T>() + offset(l, kH));
        }
        const LinearParams of_input = product(batch * steps, width(l)),
                           of_state = product(batch * steps, hidden_);
        if (T* dw = parameter<T>(a.dw, l, kInput))
          k.linear_backward_filter(a.context, of_input, l == 0 ? a.x[0]->data<T>() : saved(kLower),
                                   da.data<T>(), dw);
        if (T* dw = parameter<T>(a.dw, l, kState))
          k.linear_backward_filter(a.context, of_state, saved(kHBefore), da.data<T>(), dw);
        for (const Part bias : {kInputBias, kStateBias})
          if (T* db = parameter<T>(a.dw, l, bias))
            k.linear_backward_bias(a.context, of_input, da.data<T>(), db);
        if (l == 0 && !a.dx[0]) return;
        Tensor dlower = l > 0 ? a.context.empty({batch, steps, hidden_}, dtype) : Tensor();
        T* const dx = l > 0 ? dlower.data<T>() : a.dx[0]->data<T>();
        k.linear_backward_data(a.context, of_input, da.data<T>(), w(kInput), dx);
        if (l > 0 && drops(a.mode)) k.dropout(a.context, dropout_of(a.mode, l - 1, dlower), dx, dx);
        dupper = std::move(dlower);
        dy = l > 0 ? dx : nullptr;
      }
    });
  }

 private:
  /// Of a layer's parameters, in their order; halves of its state; what it saved.
  enum Part : std::uint8_t { kInput, kState, kInputBias, kStateBias };
  enum Half : std::uint8_t { kC, kH };
  enum : std::uint8_t { kGates, kHBefore, kCBefore, kLower };

  /// Steps up to the last at which any item's dy is not zero: nothing arrives behind it, as for a word's score at what
  /// is said after the word. All of them where dy lies on a device.
  template <class T>
  std::int64_t steps_with_gradient(const Context& context, const T* dy, std::int64_t batch,
                                   std::int64_t steps) const {
    if (context.device().kind == Device::Kind::cuda) return steps;
    const auto is_zero = [&](std::int64_t step) {
      for (std::int64_t n = 0; dy && n < batch; ++n)
        for (const T v : std::span(dy + (n * steps + step) * hidden_, static_cast<std::size_t>(hidden_)))
          if (v != T{0}) return false;
      return true;
    };
    std::int64_t end = steps;
    while (end > 0 && is_zero(end - 1)) --end;
    return end;
  }

  /// Of so many rows with a layer's weights.
  LinearParams product(std::int64_t rows, std::int64_t in) const { return {rows, in, 4 * hidden_, true}; }
  std::int64_t width(std::int64_t layer) const { return layer == 0 ? in_ : hidden_; }
  Shape state_shape(std::int64_t batch) const { return {batch, 2 * options_.layers * hidden_}; }
  std::size_t state_input() const { return options_.tokens ? 2 : 1; }
  std::int64_t offset(std::int64_t layer, Half half) const { return (2 * layer + half) * hidden_; }
  const std::int32_t* tokens(std::span<const Tensor* const> x) const {
    return options_.tokens ? x[1]->data<std::int32_t>() : nullptr;
  }

  /// Of the layer, or its gradient; null where there is none.
  template <class T, class Tensors>
  auto parameter(const Tensors& all, std::int64_t layer, Part part) const
      -> decltype(all[0]->template data<T>()) {
    const std::int64_t each = options_.bias ? 4 : 2;
    const auto i = static_cast<std::size_t>(layer * each + part);
    return part < each && i < all.size() && all[i] ? all[i]->template data<T>() : nullptr;
  }

  /// A layer's c or h out of a state, N×hidden; zeros where there is none.
  template <class T>
  Tensor state_part(Context& context, const Kernels<T>& k, const Tensor* state, std::int64_t batch,
                    DType dtype, std::int64_t layer, Half half) const {
    if (!state) return context.zeros({batch, hidden_}, dtype);
    Tensor part = context.empty({batch, hidden_}, dtype);
    k.copy_rows(context, {batch, hidden_, 2 * options_.layers * hidden_, hidden_},
                state->data<T>() + offset(layer, half), part.data<T>());
    return part;
  }
  template <class T>
  Tensor initial(const ForwardArgs& a, const Kernels<T>& k, std::int64_t layer, Half half) const {
    const Tensor* state = options_.state ? a.x[state_input()] : nullptr;
    return state_part(a.context, k, state, a.y[0]->shape()[0], a.y[0]->dtype(), layer, half);
  }

  bool drops(const Mode& mode) const { return mode.training && options_.dropout > 0; }
  /// Of what a layer gives the next: a mask of its own for each.
  DropoutParams dropout_of(const Mode& mode, std::int64_t layer, const Tensor& y) const {
    return {y.numel(), options_.dropout, random_bits(mode.seed, static_cast<std::uint64_t>(layer))};
  }

  std::int64_t in_, hidden_;
  LstmOptions options_;
};

}  // namespace

std::unique_ptr<Layer> lstm(std::int64_t in, std::int64_t hidden, const LstmOptions& options) {
  return std::make_unique<Lstm>(in, hidden, options);
}

}  // namespace backlight
