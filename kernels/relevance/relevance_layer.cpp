#include "kernels/relevance/relevance_layer.hpp"

#include "kernels/dispatch.hpp"

namespace backlight {
namespace {

constexpr double kGamma = 0.25;

/// Contributions w·x of one sign, or in γ's rule more of them than of the other, are one part of z, and those of the
/// other sign another: R is shared among either.
struct PartRule {
  Slopes weights;  ///< of the part, its bias, too; the other part has them the other way round
  double own = 1;  ///< how much of R the part gets
  double other = 0;
  bool by_sign = false;  ///< the part where z is above 0 alone, the other where it is below
};

/// What relevance_backward does step by step, on one device and in one type.
class RelevancePass {
 public:
  RelevancePass(const BackwardArgs& args, const LinearProducts& products) : a_(args), products_(products) {}

  void epsilon() { products_.backward(share(z(), {}), weight(), *a_.dx[0]); }

  void parts(const PartRule& rule) {
    const Slopes turned{rule.weights.below, rule.weights.above};
    const Tensor above = slopes(x(), {1, 0}), below = slopes(x(), {0, 1});
    const Tensor w = slopes(weight(), rule.weights), v = slopes(weight(), turned);
    Tensor s =
        share(sum_of(above, w, bias(rule.weights), below, v), {.scale = rule.own, .below = !rule.by_sign});
    Tensor positive = backward(s, w), negative = backward(s, v);
    if (rule.other != 0) {
      s = share(sum_of(above, v, bias(turned), below, w), {.scale = rule.other, .above = !rule.by_sign});
      add(backward(s, v), positive);
      add(backward(s, w), negative);
    }
    dispatch(a_.context, x().dtype(), [&]<class T>(const Kernels<T>& k) {
      k.by_sign(a_.context, x().numel(), x().data<T>(), positive.data<T>(), negative.data<T>(),
                a_.dx[0]->data<T>());
    });
  }

  /// R itself: (x − l) ∘ W⁺ᵀs + (x − h) ∘ W⁻ᵀs.
  void box() {
    if (!a_.box || a_.box->above_least.shape() != x().shape() || a_.box->below_greatest.shape() != x().shape())
      throw Error(ErrorKind::usage,
                  "the z-box rule needs how far each value lies from the least and the greatest: give "
                  "BackwardOptions::box, both ",
                  x().shape());
    const Tensor w = slopes(weight(), {1, 0}), v = slopes(weight(), {0, 1});
    const Tensor s = share(sum_of(a_.box->above_least, w, {}, a_.box->below_greatest, v), {});
    Tensor& r = *a_.dx[0];
    multiply(a_.box->above_least, backward(s, w), r);
    Tensor below = empty(r.shape());
    multiply(a_.box->below_greatest, backward(s, v), below);
    add(below, r);
  }

  /// R itself, the same share to each value that z reads.
  void flat() {
    const auto ones = [&](const Shape& shape) {
      Tensor all(shape, x().dtype());
      all.fill(1);
      return a_.context.copy(all);
    };
    const Tensor w = ones(weight().shape());
    Tensor count = empty(z().shape());
    products_.forward(ones(x().shape()), w, nullptr, count);
    products_.backward(share(count, {}), w, *a_.dx[0]);
  }

 private:
  const Tensor& x() const { return *a_.x[0]; }
  const Tensor& z() const { return *a_.y[0]; }
  const Tensor& weight() const { return *a_.w[0]; }
  Tensor empty(const Shape& shape) const { return a_.context.empty(shape, x().dtype()); }

  Tensor slopes(const Tensor& values, const Slopes& slopes) const {
    Tensor result = empty(values.shape());
    dispatch(a_.context, values.dtype(), [&]<class T>(const Kernels<T>& k) {
      k.slopes(a_.context, values.numel(), slopes, values.data<T>(), result.data<T>());
    });
    return result;
  }
  Tensor bias(const Slopes& slopes) const {
    return a_.w.size() > 1 ? this->slopes(*a_.w[1], slopes) : Tensor();
  }
  /// w·above + b + v·below.
  Tensor sum_of(const Tensor& above, const Tensor& w, const Tensor& bias, const Tensor& below,
                const Tensor& v) const {
    Tensor sum = empty(z().shape()), term = empty(z().shape());
    products_.forward(above, w, bias.defined() ? &bias : nullptr, sum);
    products_.forward(below, v, nullptr, term);
    add(term, sum);
    return sum;
  }
  /// R = z·dy over what the denominator says.
  Tensor share(const Tensor& denominator, ShareParams params) const {
    params.count = z().numel();
    Tensor s = empty(z().shape());
    dispatch(a_.context, s.dtype(), [&]<class T>(const Kernels<T>& k) {
      k.share(a_.context, params, z().data<T>(), a_.dy[0]->data<T>(), denominator.data<T>(), s.data<T>());
    });
    return s;
  }
  Tensor backward(const Tensor& s, const Tensor& w) const {
    Tensor dx = empty(x().shape());
    products_.backward(s, w, dx);
    return dx;
  }
  void add(const Tensor& term, Tensor& sum) const {
    dispatch(a_.context, sum.dtype(), [&]<class T>(const Kernels<T>& k) {
      k.add_forward(a_.context, sum.numel(), sum.data<T>(), term.data<T>(), sum.data<T>());
    });
  }
  void multiply(const Tensor& a, const Tensor& b, Tensor& y) const {
    dispatch(a_.context, y.dtype(), [&]<class T>(const Kernels<T>& k) {
      k.multiply_forward(a_.context, MultiplyParams(a.shape(), b.shape()), a.data<T>(), b.data<T>(),
                         y.data<T>());
    });
  }

  const BackwardArgs& a_;
  const LinearProducts& products_;
};

}  // namespace

void secant_backward(const BackwardArgs& a) {
  if (!a.dx[0]) return;
  const bool halves = a.rule == BackwardRule::rescale;
  const Tensor& x = *a.x[0];
  const std::int64_t count = halves ? x.numel() / 2 : x.numel();
  Tensor given = a.context.empty({count}, x.dtype());
  const Tensor zeros = halves ? Tensor() : a.context.zeros(x.shape(), x.dtype());
  dispatch(a.context, x.dtype(), [&]<class T>(const Kernels<T>& k) {
    const auto reference = [&](const Tensor& values) {
      return halves ? values.data<T>() + count : zeros.data<T>();
    };
    T* const dx = a.dx[0]->data<T>();
    k.difference_part(a.context, count, {}, a.y[0]->data<T>(), reference(*a.y[0]), a.dy[0]->data<T>(),
                      given.data<T>());
    k.over_difference(a.context, count, x.data<T>(), reference(x), given.data<T>(), dx, dx);
  });
}

void relevance_backward(OpKind kind, const BackwardArgs& args, const LinearProducts& products) {
  if (!args.dx[0]) return;
  RelevancePass pass(args, products);
  switch (relevance_rule(args.rule, kind, args.at_input)) {
    case RelevanceRule::epsilon:
      return pass.epsilon();
    case RelevanceRule::gamma:
      return pass.parts({.weights = {1 + kGamma, 1}, .other = 1, .by_sign = true});
    case RelevanceRule::plus:
      return pass.parts({.weights = {1, 0}});
    case RelevanceRule::alpha2_beta1:
      return pass.parts({.weights = {1, 0}, .own = 2, .other = -1});
    case RelevanceRule::box:
      return pass.box();
    case RelevanceRule::flat:
      return pass.flat();
  }
}

}  // namespace backlight
