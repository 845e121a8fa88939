// FullGrad (Srinivas and Fleuret 2019, arXiv:1905.00780): of a network whose operations are linear but for where they
// bend, the target is what the input and every bias b have of it, exactly:
//
//   y = Σ x ∘ ∂y/∂x + Σ_l Σ b_l ∘ ∂y/∂z_l,   z_l = … + b_l; of batch norm b = β − γμ/σ
//   L = Σ_c ψ(x ∘ ∂y/∂x) + Σ_l Σ_c ψ(b_l ∘ ∂y/∂z_l) over layers l whose z is a picture, c over channels
//   ψ(v) = U((|v| − min |v|)/(max − min)), min and max over all channels, U align-corners
//   paper-code        max − min + 1e-6
//   pytorch-grad-cam  min and max of each channel, max − min + 1e-7, U half-pixel
//
// A fully connected layer's bias belongs to the sum and not to the map. So does ReLU6's ceiling, a bias of 6 where it
// is reached, which no program counts. The map has the input's size.
#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "engine/explain/methods/list.hpp"
#include "engine/explain/methods/per_image.hpp"
#include "kernels/upsample/upsample.hpp"

namespace backlight {
namespace {

constexpr std::array kFullGradPresets{Preset::paper, Preset::pytorch_grad_cam, Preset::paper_code};

bool is_piecewise_linear(OpKind kind) {
  return is_affine(kind) || kind == OpKind::relu || kind == OpKind::relu6 || kind == OpKind::leaky_relu ||
         kind == OpKind::max_pool2d || kind == OpKind::maximum;
}

/// What a layer adds to each of its channels; empty where it adds nothing.
std::vector<double> bias_of(const Network& network, const Node& node) {
  const auto parameter = [&](std::size_t i) {
    const Tensor values = network.weights()[node.parameters[i]].to_host().to(DType::f64);
    return std::vector<double>(values.values<double>().begin(), values.values<double>().end());
  };
  switch (node.kind()) {
    case OpKind::conv2d:
    case OpKind::linear:
      return node.parameters.size() > 1 ? parameter(1) : std::vector<double>();
    case OpKind::batch_norm1d:
    case OpKind::batch_norm2d: {
      const std::vector<Attribute> attributes = node.layer->attributes();
      const double eps = std::get<double>(std::ranges::find(attributes, "eps", &Attribute::name)->value);
      const std::vector<double> gamma = parameter(0), mean = parameter(2), variance = parameter(3);
      std::vector<double> bias = parameter(1);
      for (std::size_t c = 0; c < bias.size(); ++c)
        bias[c] -= gamma[c] * mean[c] / std::sqrt(variance[c] + eps);
      return bias;
    }
    default:
      return {};
  }
}

/// ψ without U of C×h×w terms, summed over channels: h×w.
Tensor scaled_sum(std::vector<double> terms, std::size_t channels, std::int64_t height, std::int64_t width,
                  Preset preset) {
  for (double& v : terms) v = std::abs(v);
  const double epsilon = preset == Preset::paper_code ? 1e-6 : preset == Preset::pytorch_grad_cam ? 1e-7 : 0;
  const std::size_t plane = terms.size() / channels;
  const std::size_t together = preset == Preset::pytorch_grad_cam ? plane : terms.size();
  for (std::size_t first = 0; first < terms.size(); first += together) {
    const std::span<double> part = std::span(terms).subspan(first, together);
    const auto [least, greatest] = std::ranges::minmax(part);
    const double low = least, range = greatest - low + epsilon;
    for (double& v : part) v = range > 0 ? (v - low) / range : 0;
  }
  Tensor sum = Tensor::zeros({height, width}, DType::f64);
  for (std::size_t i = 0; i < terms.size(); ++i) sum.values<double>()[i % plane] += terms[i];
  return sum.to(DType::f32);
}

class FullGrad {
 public:
  FullGrad(const Probe& probe, Preset preset) : probe_(probe), preset_(preset) {
    const Network& network = probe.network();
    for (NodeId id = 0; id <= score_node(network); ++id) {
      if (!network.node(id).computes()) continue;
      if (std::vector<double> bias = bias_of(network, network.node(id)); !bias.empty())
        biases_.emplace(id, std::move(bias));
      if (network.node(id).kind() == OpKind::relu6) ceilings_.push_back(id);
    }
  }

  Result of(Tensor x, Tensor dscores) const {
    const NodeId input = probe_.network().input();
    std::vector<NodeId> wrt{input};
    for (const auto& [node, bias] : biases_) wrt.push_back(node);
    std::ranges::copy(ceilings_, std::back_inserter(wrt));
    const Tensor exact = x.to(DType::f64);
    const Propagated made =
        probe_.propagate(std::move(x), std::move(dscores), {.wrt = std::move(wrt), .keep = ceilings_});
    Sums sums{0, Tensor::zeros({exact.shape()[2], exact.shape()[3]}, DType::f64)};
    add(sums, made.gradients.at(input),
        [&](std::size_t i, std::size_t) { return exact.values<double>()[i]; });
    for (const auto& [node, bias] : biases_)
      add(sums, made.gradients.at(node), [&](std::size_t, std::size_t channel) { return bias[channel]; });
    for (const NodeId node : ceilings_) {
      const Tensor value = made.values.at(node).to(DType::f64),
                   gradient = made.gradients.at(node).to(DType::f64);
      for (std::size_t i = 0; i < value.values<double>().size(); ++i)
        if (value.values<double>()[i] >= 6) sums.total += 6 * gradient.values<double>()[i];
    }
    Result result;
    result.map = ClassMap{{}, sums.map.to(probe_.input().dtype())};
    result.completeness = Completeness{sums.total, 0};
    return result;
  }

 private:
  struct Sums {
    double total;
    Tensor map;
  };

  /// Of one image, N×C×h×w or N×C: factor(position, channel) times the gradient.
  template <class Factor>
  void add(Sums& sums, const Tensor& gradient, Factor&& factor) const {
    const Tensor exact = gradient.to(DType::f64);
    const Shape& shape = exact.shape();
    const bool picture = shape.rank() == 4;
    const auto channels = static_cast<std::size_t>(shape[picture ? 1 : -1]);
    const std::size_t plane = picture ? static_cast<std::size_t>(shape[2] * shape[3]) : 1;
    std::vector<double> terms(exact.values<double>().begin(), exact.values<double>().end());
    for (std::size_t i = 0; i < terms.size(); ++i) terms[i] *= factor(i, i / plane % channels);
    sums.total += std::accumulate(terms.begin(), terms.end(), 0.0);
    if (!picture) return;
    const Upsampling mode =
        preset_ == Preset::pytorch_grad_cam ? Upsampling::bilinear : Upsampling::bilinear_align_corners;
    const Shape& size = sums.map.shape();
    const Tensor map =
        upsample(scaled_sum(std::move(terms), channels, shape[2], shape[3], preset_), size[0], size[1], mode);
    std::ranges::transform(sums.map.values<double>(), map.values(), sums.map.values<double>().begin(),
                           std::plus<>());
  }

  const Probe& probe_;
  Preset preset_;
  std::map<NodeId, std::vector<double>> biases_;
  std::vector<NodeId> ceilings_;
};

/// Picture by picture, since gradients at every layer take the memory of all of them.
std::vector<Result> answer_full_grad(Probe& probe, const Question& question, BackwardRule) {
  const FullGrad full_grad(probe, question.preset);
  const Tensor dscores = probe.score_gradient(question.target);
  const std::vector<double> values = probe.values(question.target);
  std::vector<Result> results;
  for (std::size_t n = 0; n < values.size(); ++n) {
    Tensor x = image_of(probe.input(), n), dy = image_of(dscores, n);
    Shape one = probe.input().shape().with(0, 1), row = dscores.shape().with(0, 1);
    results.push_back(full_grad.of(std::move(x).reshaped(one), std::move(dy).reshaped(row)));
    if (is_sum_of_scores(question.target))
      results.back().completeness->expected = values[n];
    else
      results.back().completeness.reset();
  }
  return results;
}

}  // namespace

Method method::full_grad() {
  return {.name = "fullgrad",
          .summary = "what the picture and every bias of the network have of the score",
          .paper = "arXiv:1905.00780",
          .forwards = 2,
          .backwards = 1,
          .presets = kFullGradPresets,
          .is_defined_for = is_piecewise_linear,
          .answer = answer_full_grad};
}

}  // namespace backlight
