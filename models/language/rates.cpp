#include "models/language/rates.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "engine/core/rows.hpp"
#include "engine/evaluate/intervals.hpp"
#include "engine/evaluate/pointing.hpp"
#include "engine/explain/display.hpp"
#include "engine/run/run.hpp"
#include "models/language/captions.hpp"
#include "models/language/drawn.hpp"
#include "models/scenes/evaluate.hpp"

namespace backlight::language {
namespace {

constexpr std::int64_t kChunk = 50;

void require_scenes(std::int64_t scenes) {
  if (scenes < 1) throw Error(ErrorKind::usage, "rates over ", scenes, " scenes were asked for");
}

void require_captioner(const LanguageModel& model, bool captioner) {
  if ((model.task == LanguageTask::caption) != captioner)
    throw Error(ErrorKind::usage, "rates of ", captioner ? "captions" : "answers",
                " were asked of a network of task ", name_of(model.task));
}

/// The scenes [first, last) and the CNN's maps of them, in the host's memory.
struct Chunk {
  std::vector<Scene> scenes;
  Tensor maps;

  Tensor map(std::size_t n) const { return rows_of(maps, std::array{static_cast<std::int64_t>(n)}); }
};

Chunk chunk_of(const LanguageModel& model, Context& context, std::uint64_t seed,
               std::span<const std::uint64_t> indices, bool blind = false) {
  Chunk chunk{render_all(context, seed, indices), {}};
  const Run run(model.cnn, context, input_of(context, chunk.scenes));
  chunk.maps = context.to_host(run.output());
  if (blind) chunk.maps.fill(0);
  return chunk;
}

std::vector<std::uint64_t> numbers(std::int64_t first, std::int64_t last) {
  std::vector<std::uint64_t> all;
  for (std::int64_t i = first; i < last; ++i) all.push_back(static_cast<std::uint64_t>(i));
  return all;
}

/// The words of a question, padded to the length that all have.
std::vector<std::int32_t> tokens_of(const Vocabulary& vocabulary, const Question& question) {
  std::vector<std::int32_t> tokens = vocabulary.encode(joined(words_of(question)));
  tokens.resize(static_cast<std::size_t>(vocabulary.max_length()), vocabulary.special().pad);
  return tokens;
}

bool points_into(const Scene& scene, ObjectSet objects, const Tensor& map) {
  for (std::size_t i = 0; i < scene.boxes.size(); ++i)
    if ((objects >> i & 1) != 0 &&
        scenes::points_into(scene.boxes[i], map.values(), map.shape()[1], kSceneSize))
      return true;
  return false;
}

void count(const Scene& scene, ObjectSet evidence, const Tensor& map, Pointing& pointing) {
  pointing.evidence.count(points_into(scene, evidence, map));
  const auto others = static_cast<ObjectSet>(scene.layout.all() & ~evidence);
  if (others != 0) pointing.other.count(points_into(scene, others, map));
}

WordRole role_of(std::string_view word) {
  const auto is_one_of = [&](const auto& words) { return std::ranges::find(words, word) != words.end(); };
  if (is_one_of(kNouns)) return WordRole::noun;
  if (is_one_of(kPlurals)) return WordRole::plural;
  if (is_one_of(kColours)) return WordRole::colour;
  if (is_one_of(kSizes)) return WordRole::size;
  return is_one_of(kNumbers) ? WordRole::number : WordRole::relation;
}

/// Calls fn(scene, map, asked) for the first questions of a seed, a few at a time.
template <class Fn>
void for_each_question(const LanguageModel& model, Context& context, std::uint64_t seed, std::int64_t scenes,
                       std::int64_t count, bool blind, Fn&& fn) {
  require_scenes(std::min(scenes, count));
  const Questions all(seed, scenes);
  for (std::int64_t first = 0; first < count; first += kChunk) {
    std::vector<Questions::Asked> asked;
    std::vector<std::uint64_t> indices;
    for (std::int64_t i = first; i < std::min(count, first + kChunk); ++i)
      indices.push_back(asked.emplace_back(all.at(static_cast<std::uint64_t>(i))).scene);
    const Chunk chunk = chunk_of(model, context, seed, indices, blind);
    for (std::size_t n = 0; n < asked.size(); ++n) fn(chunk.scenes[n], chunk.map(n), asked[n].question);
  }
}

struct RegionMaps {
  Tensor map, backprop;  ///< h×w; 3×H×W
};

/// Of "a red star", whatever else the picture has.
RegionMaps region_maps(const LanguageModel& model, Context& context, Run& cnn, const Thing& thing,
                       const HeadMapOptions& options) {
  const std::array words{std::string_view("a"), kColours[static_cast<std::size_t>(thing.colour)],
                         kNouns[static_cast<std::size_t>(thing.noun)]};
  std::vector<std::int32_t> tokens = model.vocabulary.encode(joined(words));
  HeadTarget caption{.log_probability = true};
  for (std::size_t t = 0; t < tokens.size(); ++t)
    caption.said.push_back({static_cast<std::int64_t>(t), tokens[t]});
  tokens.insert(tokens.begin(), model.vocabulary.special().start);
  HeadExplanation head(model.head, context, context.to_host(cnn.output()), tokens);
  Tensor backprop = guided_backprop(head, cnn, caption);
  return {std::move(head.maps({&caption, 1}, options).front().map),
          std::move(backprop).reshaped({3, kSceneSize, kSceneSize})};
}

}  // namespace

bool answers_rightly(const Tensor& scores, std::optional<std::int64_t> answer) {
  const auto values = scores.values();
  return answer == std::ranges::max_element(values) - values.begin();
}

std::string_view name_of(WordRole role) {
  constexpr std::array<std::string_view, kWordRoles> kNames{"noun",   "colour",   "size",    "number",
                                                            "plural", "relation", "sentence"};
  return kNames[static_cast<std::size_t>(role)];
}

CaptionRates caption_rates(const LanguageModel& model, Context& context, std::uint64_t seed,
                           std::int64_t scenes, const DecodeOptions& options, bool blind) {
  require_captioner(model, true);
  require_scenes(scenes);
  CaptionDecoder decoder(model.head, context, model.vocabulary.special(), options);
  CaptionRates rates;
  for (std::int64_t first = 0; first < scenes; first += kChunk) {
    const Chunk chunk =
        chunk_of(model, context, seed, numbers(first, std::min(scenes, first + kChunk)), blind);
    for (std::size_t n = 0; n < chunk.scenes.size(); ++n) {
      const Layout& layout = chunk.scenes[n].layout;
      const std::string said = model.vocabulary.decode(decoder.decode(chunk.map(n)).front().words);
      const bool is_true = std::ranges::any_of(
          captions(layout), [&](const Caption& caption) { return joined(caption.words) == said; });
      rates.all.count(is_true);
      rates.kinds[static_cast<std::size_t>(layout.kind)].count(is_true);
    }
  }
  return rates;
}

AnswerRates answer_rates(const LanguageModel& model, Context& context, std::uint64_t seed,
                         std::int64_t scenes, std::int64_t questions, bool blind) {
  require_captioner(model, false);
  AnswerRates rates;
  for_each_question(model, context, seed, scenes, questions, blind,
                    [&](const Scene&, const Tensor& map, const Question& question) {
                      const HeadExplanation head(model.head, context, map,
                                                 tokens_of(model.vocabulary, question));
                      const bool right = answers_rightly(head.scores(), question.answer);
                      rates.all.count(right);
                      rates.families[static_cast<std::size_t>(question.family)].count(right);
                    });
  return rates;
}

std::array<Pointing, kWordRoles> caption_pointing(const LanguageModel& model, Context& context,
                                                  std::uint64_t seed, std::int64_t scenes,
                                                  const HeadMapOptions& options) {
  require_captioner(model, true);
  require_scenes(scenes);
  std::array<Pointing, kWordRoles> rates;
  for (std::int64_t first = 0; first < scenes; first += kChunk) {
    const std::vector<std::uint64_t> indices = numbers(first, std::min(scenes, first + kChunk));
    const Chunk chunk = chunk_of(model, context, seed, indices);
    for (std::size_t n = 0; n < chunk.scenes.size(); ++n) {
      const Scene& scene = chunk.scenes[n];
      const std::vector<Caption> all = captions(scene.layout);
      const Caption& caption = all[indices[n] % all.size()];
      std::vector<std::int32_t> tokens = model.vocabulary.encode(joined(caption.words));
      std::vector<HeadTarget> targets;
      HeadTarget sentence{.log_probability = true};
      for (std::size_t t = 0; t < tokens.size(); ++t) {
        sentence.said.push_back({static_cast<std::int64_t>(t), tokens[t]});
        targets.push_back({.said = {sentence.said.back()}});
      }
      targets.push_back(sentence);
      tokens.insert(tokens.begin(), model.vocabulary.special().start);
      const HeadExplanation head(model.head, context, chunk.map(n), tokens);
      const std::vector<ClassMap> maps = head.maps(targets, options);
      ObjectSet mentioned = 0;
      for (std::size_t t = 0; t < caption.words.size(); ++t) {
        mentioned |= caption.evidence[t];
        if (caption.evidence[t] != 0)
          count(scene, caption.evidence[t], maps[t].map,
                rates[static_cast<std::size_t>(role_of(caption.words[t]))]);
      }
      count(scene, mentioned, maps.back().map, rates[static_cast<std::size_t>(WordRole::sentence)]);
    }
  }
  return rates;
}

RegionRates region_rates(const LanguageModel& model, Context& context, std::uint64_t seed,
                         std::int64_t scenes, const HeadMapOptions& options) {
  require_captioner(model, true);
  require_scenes(scenes);
  RegionRates rates;
  std::vector<double> grad_cam, backprop, guided_grad_cam;
  for (std::uint64_t index = 0; std::cmp_less(index, scenes); ++index) {
    if (!lay_out(seed, index).related()) continue;
    std::vector<Scene> scene{render(seed, index)};
    Run cnn(model.cnn, context, input_of(context, scene), {.gradients_at = {model.cnn.input()}});
    for (std::size_t i = 0; i < scene.front().boxes.size(); ++i) {
      const RegionMaps region =
          region_maps(model, context, cnn, scene.front().layout.objects[i].thing, options);
      count(scene.front(), static_cast<ObjectSet>(1u << i), region.map, rates.pointing);
      const PixelSet object = PixelSet::of(kSceneSize, kSceneSize, {&scene.front().boxes[i], 1});
      const auto ratio = [&](const Tensor& values) { return inside_outside(values, object); };
      grad_cam.push_back(
          ratio(enlarged_evidence(region.map, Preset::pytorch_grad_cam, kSceneSize, kSceneSize)));
      backprop.push_back(ratio(region.backprop));
      guided_grad_cam.push_back(ratio(guided_product(region.backprop, region.map, Preset::pytorch_grad_cam)));
    }
  }
  rates.grad_cam = median(std::move(grad_cam));
  rates.guided_backprop = median(std::move(backprop));
  rates.guided_grad_cam = median(std::move(guided_grad_cam));
  return rates;
}

std::array<Pointing, kFamilies> answer_pointing(const LanguageModel& model, Context& context,
                                                std::uint64_t seed, std::int64_t scenes,
                                                std::int64_t questions, const HeadMapOptions& options,
                                                bool only_right) {
  require_captioner(model, false);
  std::array<Pointing, kFamilies> rates;
  for_each_question(model, context, seed, scenes, questions, /*blind=*/false,
                    [&](const Scene& scene, const Tensor& map, const Question& question) {
                      if (question.evidence == 0) return;
                      const HeadExplanation head(model.head, context, map,
                                                 tokens_of(model.vocabulary, question));
                      if (only_right && !answers_rightly(head.scores(), question.answer)) return;
                      const HeadTarget target{.said = {{0, question.answer}}};
                      count(scene, question.evidence, head.maps({&target, 1}, options).front().map,
                            rates[static_cast<std::size_t>(question.family)]);
                    });
  return rates;
}

}  // namespace backlight::language
