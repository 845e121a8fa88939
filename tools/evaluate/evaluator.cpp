#include "tools/evaluate/evaluator.hpp"

#include <algorithm>
#include <set>

#include "engine/core/random.hpp"
#include "engine/evaluate/baselines.hpp"
#include "models/pictures.hpp"
#include "tools/evaluate/measures.hpp"

namespace backlight::tools {

Evaluator::Evaluator(const Model& model, Replays& replays, const Request& request,
                     std::span<const std::unique_ptr<Measure>> measures, AskedClasses asked,
                     std::uint64_t seed)
    : model_(model), replays_(replays), request_(request), measures_(measures), asked_(asked), seed_(seed) {
  for (const Look& look : request.looks) {
    const auto same = std::ranges::count(request.looks, look.method, &Look::method);
    names_.emplace_back(look.method->name);
    if (same > 1) names_.back() += "@" + model.network.node(*look.layer).name;
  }
  for (const BaselineMap& baseline : baseline_maps()) names_.emplace_back(baseline.name);
}

Question Evaluator::question_of(const Probe& probe, const Look& look, std::int64_t index) const {
  Question question = request_.question;
  question.target.classes = {index};
  question.layer = look.layer;
  question.more_layers = look.more_layers;
  question.range = input_range(*look.method, probe.input(), model_.info.preprocessing);
  if (look.method->gives_gradient(question)) question.channels = ChannelReduction::max_abs;
  if (request_.baseline && !question.path.baseline)
    question.path.baseline = std::make_shared<const Tensor>(
        baseline(*request_.baseline, probe.input(), model_.info.preprocessing));
  return question;
}

EvaluatedMap Evaluator::map_of(Probe& probe, const Look& look, std::int64_t index) const {
  const Question question = question_of(probe, look, index);
  Result result = explain_picture(probe, *look.method, question, model_.info.preprocessing);
  const Shape& input = probe.input().shape();
  Tensor evidence = enlarged_evidence(result.map->map, question.preset, input[2], input[3]);
  return {std::move(result.map->map), std::move(evidence)};
}

PictureFindings Evaluator::evaluate(const std::string& name, const Image& image,
                                    const std::vector<TrueObject>& objects,
                                    const std::vector<std::uint8_t>& ignored) const {
  Fitted fitted = fit_picture(image, model_, request_.fit, request_.input_gradient);
  Probe probe(replays_, std::move(fitted.x), request_.layers, request_.input_gradient, request_.tails);
  const ClassScores scores = class_scores(probe.scores().values(), model_.scores);
  EvaluatedPicture picture{name, image, fitted.placement, objects, ignored, model_, probe, scores, {}, seed_};
  picture.asked = asked_ == AskedClasses::annotated ? classes_of(objects)
                                                    : scores.best(asked_ == AskedClasses::top5 ? 5 : 1);

  std::set<std::int64_t> classes;
  for (const auto& measure : measures_)
    for (const std::int64_t index : measure->classes(picture)) classes.insert(index);
  std::vector<Candidate> candidates;
  for (const Look& look : request_.looks)
    candidates.push_back({names_[candidates.size()], look.method,
                          [&](std::int64_t index) { return question_of(probe, look, index); }});
  for (std::size_t i = candidates.size(); i < names_.size(); ++i) candidates.push_back({names_[i]});
  const std::uint64_t seed = random_bits(seed_, hash_of(name));
  for (const std::int64_t index : classes)  // one after the other, since methods share what a class costs
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      if (i < request_.looks.size()) {
        candidates[i].maps.emplace(index, map_of(probe, request_.looks[i], index));
        continue;
      }
      Tensor map = baseline_maps()[i - request_.looks.size()].map(fitted.seen, seed);
      candidates[i].maps.emplace(index, EvaluatedMap{map.clone(), std::move(map)});
    }

  const std::int64_t best = scores.best(1).front();
  PictureFindings findings{
      image.width, image.height, best, scores.probabilities[static_cast<std::size_t>(best)], {}};
  for (const auto& measure : measures_) {
    const bool asks = !measure->classes(picture).empty();
    findings.rows.push_back(asks ? measure->rows(picture, candidates)
                                 : std::vector<MeasureRows>(candidates.size()));
  }
  return findings;
}

}  // namespace backlight::tools
