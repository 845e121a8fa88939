#include "tools/diagnose/attacker.hpp"

#include <algorithm>
#include <cstdlib>

#include "engine/core/random.hpp"
#include "engine/evaluate/ranking.hpp"

namespace backlight::tools {
namespace {

void count_changes(AttackedPicture& picture) {
  const Image &before = picture.versions[0], &after = picture.versions[1];
  std::int64_t changed = 0;
  for (std::size_t i = 0; i < before.rgb.size(); ++i) {
    const std::int64_t by = std::abs(int{before.rgb[i]} - int{after.rgb[i]});
    picture.largest_change = std::max(picture.largest_change, by);
    changed += by > 0;
  }
  picture.changed = static_cast<double>(changed) / static_cast<double>(before.rgb.size());
}

}  // namespace

Attacker::Attacker(const Model& model, Context& context, NodeId layer, const DeviceOptions& device,
                   AttackSettings settings)
    : model_(model),
      context_(context),
      layer_(layer),
      programs_(model.network, optimisations(device, /*pictures=*/2)),
      settings_(settings) {}

std::vector<AttackedPicture> Attacker::attack(std::span<const Image> seen, std::span<const std::string> names,
                                              std::span<const std::int64_t> towards,
                                              FunctionRef<void(std::size_t done)> done) {
  const Preprocessing& how = model_.info.preprocessing;
  std::vector<Attacked> attacked =
      backlight::attack(programs_, context_, seen, towards, model_.scores == ScoreFunction::sigmoid, how,
                        settings_.options, done);
  std::vector<AttackedPicture> pictures;
  for (std::size_t i = 0; i < seen.size(); ++i) {
    Image twin = random_twin(seen[i], attacked[i].image, how, random_bits(settings_.seed, hash_of(names[i])));
    pictures.push_back({{seen[i], std::move(attacked[i].image), std::move(twin)},
                        attacked[i].steps,
                        attacked[i].before,
                        attacked[i].probability});
    count_changes(pictures.back());
  }
  return pictures;
}

Probe Attacker::probe(const Image& seen) {
  return {
      programs_, context_, normalise(seen, model_.info.preprocessing), {layer_}, /*input_gradient=*/false};
}

Answer Attacker::answer(Probe& probe, std::span<const std::int64_t> classes) const {
  Answer answer{class_scores(probe.scores().values(), model_.scores), {}};
  for (const std::int64_t index : classes)
    answer.maps[index] = probe.grad_cam(layer_, Target{.classes = {index}}).map.clone();
  return answer;
}

Answer Attacker::answer(const Image& seen, std::span<const std::int64_t> classes) {
  Probe of_picture = probe(seen);
  return answer(of_picture, classes);
}

Json Attacker::facts() const {
  const AttackOptions& options = settings_.options;
  return {{"method", "grad-cam"},
          {"preset", name_of(Preset::pytorch_grad_cam)},
          {"layer", layer()},
          {"epsilon", options.epsilon},
          {"step", options.step},
          {"steps", options.steps},
          {"probability", options.probability},
          {"seed", settings_.seed}};
}

Fit fit_to_read_back(Fit fit) { return fit == Fit::none ? Fit::none : Fit::stretch; }

std::optional<double> agreement(const Tensor& a, const Tensor& b) {
  const auto in_double = [](const Tensor& map) {
    return std::vector<double>(map.values().begin(), map.values().end());
  };
  return spearman(in_double(a), in_double(b));
}

Image overlay_on_input(const Image& seen, const Tensor& map) {
  Placement placement;
  placement.input_width = placement.source_width = seen.width;
  placement.input_height = placement.source_height = seen.height;
  return overlay(seen, map, placement, Preset::pytorch_grad_cam);
}

}  // namespace backlight::tools
