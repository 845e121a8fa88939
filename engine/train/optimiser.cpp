#include "engine/train/optimiser.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "kernels/dispatch.hpp"

namespace backlight {
namespace {

/// By what gradients are multiplied: 1 where they are no longer than they may be.
double scale_of(Context& context, std::span<const Tensor> gradients, double largest_norm) {
  if (largest_norm == std::numeric_limits<double>::infinity()) return 1;
  const double norm = norm_of(context, gradients);
  if (!std::isfinite(norm))
    throw Error(ErrorKind::usage, "the norm of the gradient is ", norm,
                ", expected a finite number; try a lower learning rate");
  return std::min(1.0, largest_norm / (norm + 1e-6));
}

}  // namespace

Optimiser::Optimiser(std::span<const NamedParameter> parameters, const Context& context,
                     const std::variant<SgdOptions, AdamOptions>& options)
    : options_(options) {
  for (const NamedParameter& p : parameters) {
    const auto zeros = [&](bool wanted) {
      return wanted && p.trainable ? context.zeros(p.tensor->shape(), p.tensor->dtype()) : Tensor();
    };
    names_.push_back(p.name);
    firsts_.push_back(zeros(true));
    seconds_.push_back(zeros(std::holds_alternative<AdamOptions>(options)));
  }
}

void Optimiser::step(Context& context, std::span<const NamedParameter> parameters,
                     std::span<const Tensor> gradients, double learning_rate, std::int64_t step) {
  if (gradients.size() != parameters.size() || parameters.size() != names_.size())
    throw Error(ErrorKind::usage, gradients.size(), " gradients were given for ", names_.size(),
                " parameters");
  const auto* adam = std::get_if<AdamOptions>(&options_);
  const double scale = adam ? scale_of(context, gradients, adam->largest_norm) : 1;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (!parameters[i].trainable) continue;
    Tensor& w = *parameters[i].tensor;
    dispatch(context, w.dtype(), [&]<class T>(const Kernels<T>& k) {
      if (const auto* sgd = std::get_if<SgdOptions>(&options_))
        k.sgd_step(context,
                   {.count = w.numel(),
                    .learning_rate = learning_rate,
                    .momentum = sgd->momentum,
                    .weight_decay = w.shape().rank() >= 2 ? sgd->weight_decay : 0,
                    .nesterov = sgd->nesterov},
                   gradients[i].data<T>(), w.data<T>(), firsts_[i].data<T>());
      else
        k.adam_step(context,
                    {.count = w.numel(),
                     .learning_rate = learning_rate,
                     .beta1 = adam->beta1,
                     .beta2 = adam->beta2,
                     .epsilon = adam->epsilon,
                     .step = step + 1,
                     .scale = scale},
                    gradients[i].data<T>(), w.data<T>(), firsts_[i].data<T>(), seconds_[i].data<T>());
    });
  }
}

std::vector<NamedParameter> Optimiser::state() {
  std::vector<NamedParameter> all;
  const bool adam = std::holds_alternative<AdamOptions>(options_);
  for (std::size_t i = 0; i < names_.size(); ++i) {
    if (!firsts_[i].defined()) continue;
    all.push_back({(adam ? "first_moment." : "velocity.") + names_[i], &firsts_[i]});
    if (adam) all.push_back({"second_moment." + names_[i], &seconds_[i]});
  }
  return all;
}

double norm_of(Context& context, std::span<const Tensor> gradients) {
  std::vector<const Tensor*> all;
  for (const Tensor& gradient : gradients)
    if (gradient.defined()) all.push_back(&gradient);
  if (all.empty()) return 0;
  Tensor sums = context.empty({static_cast<std::int64_t>(all.size())}, all.front()->dtype());
  dispatch(context, sums.dtype(), [&]<class T>(const Kernels<T>& k) {
    for (std::size_t i = 0; i < all.size(); ++i) {
      const std::int64_t count = all[i]->numel();
      const T* g = all[i]->data<T>();
      Tensor squares = context.empty({count}, sums.dtype());
      k.multiply_forward(context, MultiplyParams({count}, {count}), g, g, squares.data<T>());
      k.channel_sum(context, {.batch = 1, .channels = 1, .plane = count}, 1, squares.data<T>(),
                    sums.data<T>() + i);
    }
  });
  const Tensor on_host = context.to_host(sums).to(DType::f64);
  double total = 0;
  for (const double sum : on_host.values<double>()) total += sum;
  return std::sqrt(total);
}

double cosine_learning_rate(std::int64_t step, std::int64_t steps, std::int64_t warmup, double peak) {
  const auto at = static_cast<double>(step);
  if (step < warmup) return peak * (at + 1) / static_cast<double>(warmup);
  const double progress = (at - static_cast<double>(warmup)) / static_cast<double>(steps - warmup);
  return peak * 0.5 * (1 + std::cos(std::numbers::pi * progress));
}

}  // namespace backlight
