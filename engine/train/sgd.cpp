#include "engine/train/sgd.hpp"

#include <cmath>
#include <numbers>

#include "kernels/dispatch.hpp"

namespace backlight {

Sgd::Sgd(Network& network, const Context& context, const SgdOptions& options)
    : options_(options), network_(network) {
  for (const NamedParameter& p : network.parameters())
    velocities_.push_back(p.trainable ? context.zeros(p.tensor->shape(), p.tensor->dtype()) : Tensor());
}

void Sgd::step(Context& context, std::span<const Tensor> gradients, double learning_rate) {
  const std::vector<NamedParameter> parameters = network_.parameters();
  if (gradients.size() != parameters.size())
    throw Error(ErrorKind::usage, gradients.size(), " gradients were given for ", parameters.size(),
                " parameters");
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (!parameters[i].trainable) continue;
    Tensor& w = *parameters[i].tensor;
    const SgdParams params{.count = w.numel(),
                           .learning_rate = learning_rate,
                           .momentum = options_.momentum,
                           .weight_decay = w.shape().rank() >= 2 ? options_.weight_decay : 0,
                           .nesterov = options_.nesterov};
    dispatch(context, w.dtype(), [&]<class T>(const Kernels<T>& k) {
      k.sgd_step(context, params, gradients[i].data<T>(), w.data<T>(), velocities_[i].data<T>());
    });
  }
}

std::vector<NamedParameter> Sgd::velocities() {
  std::vector<NamedParameter> named;
  const std::vector<NamedParameter> parameters = network_.parameters();
  for (std::size_t i = 0; i < parameters.size(); ++i)
    if (parameters[i].trainable) named.push_back({parameters[i].name, &velocities_[i], true, parameters[i].node});
  return named;
}

double cosine_learning_rate(std::int64_t step, std::int64_t steps, std::int64_t warmup, double peak) {
  const auto at = static_cast<double>(step);
  if (step < warmup) return peak * (at + 1) / static_cast<double>(warmup);
  const double progress = (at - static_cast<double>(warmup)) / static_cast<double>(steps - warmup);
  return peak * 0.5 * (1 + std::cos(std::numbers::pi * progress));
}

}  // namespace backlight
