#include "tools/report/summary.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include "engine/evaluate/intervals.hpp"

namespace backlight::tools {
namespace {

using ClassPair = std::pair<std::int64_t, std::int64_t>;  ///< truth, prediction
using PairCounts = std::map<ClassPair, std::int64_t>;

struct ClassCounts {
  std::int64_t pictures = 0, right = 0, predicted = 0;
};

Json share_json(std::int64_t hits, std::int64_t n) {
  if (n == 0) return {};
  const Estimate share = wilson(hits, n);
  return {{"value", share.value}, {"low", share.low}, {"high", share.high}};
}

Json confusions_json(const PairCounts& pairs, const std::map<std::int64_t, ClassCounts>& classes,
                     std::span<const std::string> labels) {
  std::vector<std::pair<ClassPair, std::int64_t>> confused;
  for (const auto& pair : pairs)
    if (pair.first.first != pair.first.second) confused.push_back(pair);
  std::ranges::stable_sort(confused, std::greater{}, [](const auto& pair) { return pair.second; });
  const auto of_class = [&](std::int64_t c) {
    return Json{{"index", c}, {"name", labels[static_cast<std::size_t>(c)]}};
  };
  Json list = Json::array();
  for (const auto& [pair, count] : confused) {
    const std::int64_t of = classes.at(pair.first).pictures;
    list.push_back({{"true", of_class(pair.first)},
                    {"predicted", of_class(pair.second)},
                    {"count", count},
                    {"of", of},
                    {"share", static_cast<double>(count) / static_cast<double>(of)}});
  }
  return list;
}

Json matrix_json(const PairCounts& pairs, const std::map<std::int64_t, ClassCounts>& classes) {
  std::vector<std::int64_t> shown;
  for (const auto& [index, counts] : classes) shown.push_back(index);
  if (shown.size() > kMatrixClasses) {
    const auto errors = [&](std::int64_t index) {
      const ClassCounts& counts = classes.at(index);
      return counts.pictures + counts.predicted - 2 * counts.right;
    };
    std::ranges::stable_sort(shown, std::greater{}, errors);
    shown.resize(kMatrixClasses);
    std::ranges::sort(shown);
  }
  Json counts = Json::array();
  for (const std::int64_t truth : shown) {
    Json row = Json::array();
    for (const std::int64_t predicted : shown) {
      const auto at = pairs.find({truth, predicted});
      row.push_back(at == pairs.end() ? 0 : at->second);
    }
    counts.push_back(std::move(row));
  }
  return {{"classes", shown}, {"counts", counts}};
}

Json reliability_json(std::span<const Judgement> judgements) {
  struct Bin {
    std::int64_t pictures = 0, right = 0;
    double confidence = 0;
  };
  std::array<Bin, 10> bins;
  for (const Judgement& judged : judgements) {
    const double p = judged.probabilities.front();
    Bin& bin = bins[std::min<std::size_t>(static_cast<std::size_t>(p * bins.size()), bins.size() - 1)];
    ++bin.pictures;
    bin.right += judged.right();
    bin.confidence += p;
  }
  Json list = Json::array();
  double error = 0;
  for (std::size_t i = 0; i < bins.size(); ++i) {
    const Bin& bin = bins[i];
    const auto n = static_cast<double>(bin.pictures);
    error += std::abs(static_cast<double>(bin.right) - bin.confidence);
    list.push_back({{"low", static_cast<double>(i) / 10},
                    {"high", static_cast<double>(i + 1) / 10},
                    {"pictures", bin.pictures},
                    {"confidence", bin.pictures == 0 ? Json() : Json(bin.confidence / n)},
                    {"accuracy", bin.pictures == 0 ? Json() : Json(static_cast<double>(bin.right) / n)}});
  }
  return {{"bins", list},
          {"error", judgements.empty() ? Json() : Json(error / static_cast<double>(judgements.size()))}};
}

}  // namespace

Json summary_json(std::span<const Judgement> judgements, std::span<const std::string> labels) {
  std::int64_t top1 = 0, top5 = 0, several = 0;
  double loss = 0;
  std::map<std::int64_t, ClassCounts> classes;
  PairCounts pairs;
  for (const Judgement& judged : judgements) {
    top1 += judged.right();
    top5 += judged.rank <= kListedClasses;
    several += judged.annotated.size() > 1;
    loss += judged.loss;
    ++classes[judged.truth].pictures;
    classes[judged.truth].right += judged.right();
    ++classes[judged.predicted()].predicted;
    ++pairs[{judged.truth, judged.predicted()}];
  }
  const std::int64_t n = std::ssize(judgements);
  Json of_classes = Json::array();
  for (const auto& [index, counts] : classes)
    of_classes.push_back({{"index", index},
                          {"name", labels[static_cast<std::size_t>(index)]},
                          {"pictures", counts.pictures},
                          {"right", counts.right},
                          {"predicted", counts.predicted},
                          {"recall", share_json(counts.right, counts.pictures)},
                          {"precision", share_json(counts.right, counts.predicted)}});
  return {{"top1", share_json(top1, n)},
          {"top5", share_json(top5, n)},
          {"mean_loss", n == 0 ? Json() : Json(loss / static_cast<double>(n))},
          {"several_classes", several},
          {"classes", std::move(of_classes)},
          {"confusions", confusions_json(pairs, classes, labels)},
          {"matrix", matrix_json(pairs, classes)},
          {"reliability", reliability_json(judgements)}};
}

}  // namespace backlight::tools
