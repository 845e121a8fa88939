#include "models/language/tags.hpp"

#include <algorithm>
#include <limits>

#include "engine/explain/explanation.hpp"
#include "models/language/drawn.hpp"
#include "models/scenes/evaluate.hpp"

namespace backlight::language {
namespace {

constexpr std::uint64_t kChoicePurpose = 90;
constexpr std::int64_t kTagChunk = 50;
constexpr std::size_t kMostObjects = 3;

/// Labels such that every object has as many.
constexpr int kLabels = 6;

bool has_tag(const Layout& layout, int tag) {
  return std::ranges::any_of(layout.objects, [&](const auto& object) { return tag_of(object.thing) == tag; });
}

/// Whether everything that is there has a higher score than anything else.
bool all_on_top(const Layout& layout, std::span<const float> scores) {
  float lowest = std::numeric_limits<float>::infinity(), highest_other = -lowest;
  for (int tag = 0; tag < kTags; ++tag) {
    const float score = scores[static_cast<std::size_t>(tag)];
    if (has_tag(layout, tag))
      lowest = std::min(lowest, score);
    else
      highest_other = std::max(highest_other, score);
  }
  return lowest > highest_other;
}

bool points_at(const Scene& scene, int tag, std::span<const float> map, std::int64_t width) {
  for (std::size_t i = 0; i < scene.boxes.size(); ++i)
    if (tag_of(scene.layout.objects[i].thing) == tag &&
        scenes::points_into(scene.boxes[i], map, width, kSceneSize))
      return true;
  return false;
}

}  // namespace

std::vector<std::string> tag_names() {
  std::vector<std::string> names;
  for (const std::string_view colour : kColours)
    for (const std::string_view noun : kNouns) names.push_back(text(colour, " ", noun));
  return names;
}

Batch tag_batch(Context& context, std::uint64_t seed, std::int64_t scenes, int batch, std::int64_t step) {
  if (batch < 1 || scenes < 1)
    throw Error(ErrorKind::usage, "batches of ", batch, " out of ", scenes,
                " scenes were asked for, expected at least one of each");
  std::vector<std::uint64_t> indices;
  for (int n = 0; n < batch; ++n)
    indices.push_back(
        random_bits(random_bits(seed, kChoicePurpose), static_cast<std::uint64_t>(step * batch + n)) %
        static_cast<std::uint64_t>(scenes));
  std::vector<Scene> drawn = render_all(context, seed, indices);
  Batch result{{}, {}, kLabels};
  for (const Scene& scene : drawn)
    for (std::size_t k = 0; k < kLabels; ++k)
      result.labels.push_back(tag_of(scene.layout.objects[k % scene.layout.objects.size()].thing));
  result.x = input_of(context, drawn);
  return result;
}

TagRates tag_rates(const Network& network, Context& context, NodeId layer, std::uint64_t seed,
                   std::int64_t scenes) {
  if (scenes < 1) throw Error(ErrorKind::usage, "rates over ", scenes, " scenes were asked for");
  std::int64_t on_top = 0, asked = 0, hits = 0;
  for (std::int64_t first = 0; first < scenes; first += kTagChunk) {
    std::vector<std::uint64_t> indices;
    for (std::int64_t i = first; i < std::min(scenes, first + kTagChunk); ++i)
      indices.push_back(static_cast<std::uint64_t>(i));
    std::vector<Scene> chunk = render_all(context, seed, indices);
    Explanation explanation(network, context, input_of(context, chunk), {layer}, /*input_gradient=*/false);
    const Tensor scores = context.to_host(explanation.scores());
    for (std::size_t n = 0; n < chunk.size(); ++n)
      on_top += all_on_top(chunk[n].layout, scores.values().subspan(n * kTags, kTags));
    for (std::size_t which = 0; which < kMostObjects; ++which) {
      std::vector<std::int64_t> tags;
      for (const Scene& scene : chunk)
        tags.push_back(tag_of(scene.layout.objects[which % scene.layout.objects.size()].thing));
      const Tensor maps = context.to_host(explanation.grad_cam(layer, explanation.target(tags)).map);
      const auto plane = static_cast<std::size_t>(maps.numel()) / chunk.size();
      for (std::size_t n = 0; n < chunk.size(); ++n) {
        const Layout& layout = chunk[n].layout;
        if (which >= layout.objects.size() || (which > 0 && !layout.distinct())) continue;  // asked already
        ++asked;
        hits += points_at(chunk[n], static_cast<int>(tags[n]), maps.values().subspan(n * plane, plane),
                          maps.shape()[2]);
      }
    }
  }
  return {static_cast<double>(on_top) / static_cast<double>(scenes),
          static_cast<double>(hits) / static_cast<double>(asked)};
}

}  // namespace backlight::language
