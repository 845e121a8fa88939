#include "support/gradcheck.hpp"

#include <cmath>
#include <limits>

#include "engine/run/run.hpp"
#include "support/random.hpp"

namespace backlight::test {
namespace {

double dot(const Tensor& a, const Tensor& b) {
  double sum = 0;
  for (std::int64_t i = 0; i < a.numel(); ++i) sum += a.data<double>()[i] * b.data<double>()[i];
  return sum;
}

}  // namespace

GradcheckResult gradcheck(Network& network, std::vector<Tensor> x, Mode mode) {
  network.to(DType::f64);
  Context context({}, 1);
  std::vector<TensorType> types;
  std::vector<NodeId> varied;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (is_computed(x[i].dtype())) {
      x[i] = x[i].to(DType::f64);
      varied.push_back(network.inputs()[i]);
    }
    types.push_back({x[i].dtype(), x[i].shape()});
  }
  const auto copies = [&] {
    std::vector<Tensor> all;
    for (const Tensor& tensor : x) all.push_back(tensor.clone());
    return all;
  };
  const auto forward_program =
      std::make_shared<const Program>(network, context, types, ProgramOptions{.training = mode.training});
  const auto forward = [&] { return Run(forward_program, context, copies(), mode.seed); };

  Run pass(
      std::make_shared<const Program>(
          network, context, types,
          ProgramOptions{.gradients_at = varied, .parameter_gradients = true, .training = mode.training}),
      context, copies(), mode.seed);
  const Tensor r = random_tensor(pass.output().shape(), "gradcheck.r", -1, 1, DType::f64);
  const Gradients gradients = pass.backward({network.output(), r.clone()},
                                            {.wrt = varied, .parameter_gradients = true, .last = true});

  GradcheckResult result;
  const auto check = [&](Tensor& variable, const Tensor& analytic, const std::string& name) {
    constexpr double kStep = 1e-5;
    for (std::int64_t i = 0; i < variable.numel(); ++i) {
      double& element = variable.data<double>()[i];
      const double value = element;
      element = value + kStep;
      const double above = dot(forward().output(), r);
      element = value - kStep;
      const double below = dot(forward().output(), r);
      element = value;
      const double numeric = (above - below) / (2 * kStep);
      double error = std::abs(analytic.data<double>()[i] - numeric) / std::max(1.0, std::abs(numeric));
      if (!(error <= std::numeric_limits<double>::max())) error = std::numeric_limits<double>::infinity();
      ++result.checked;
      if (error >= result.worst) {
        result.worst = error;
        result.where = text(name, "[", i, "]: ", analytic.data<double>()[i], " against ", numeric);
      }
    }
  };
  for (std::size_t i = 0; i < x.size(); ++i)
    if (const auto found = gradients.nodes.find(network.inputs()[i]); found != gradients.nodes.end())
      check(x[i], found->second, network.node(found->first).name);
  const auto parameters = network.parameters();
  for (std::size_t i = 0; i < parameters.size(); ++i)
    if (parameters[i].trainable) check(*parameters[i].tensor, gradients.parameters[i], parameters[i].name);
  return result;
}

Network single(std::unique_ptr<Layer> layer, std::int64_t channels) {
  Network network(channels);
  network.add("layer", std::move(layer));
  return network;
}

}  // namespace backlight::test
