#include "tools/report/card.hpp"

#include <algorithm>
#include <cmath>

#include "engine/evaluate/localization.hpp"
#include "engine/evaluate/pointing.hpp"
#include "engine/evaluate/ranking.hpp"
#include "engine/image/resize.hpp"

namespace backlight::tools {
namespace {

/// Of the longer side of a page's pictures, in pixels; smaller ones keep their size.
constexpr int kPictureSide = 256;

constexpr std::array<Flag, 6> kFlags{
    {{"confident", "confident and wrong", "wrong, with a probability above 0.9"},
     {"in-top5", "label in top-5", "wrong, but the truth is among the first five"},
     {"same", "same evidence",
      "both maps agree (rank correlation above 0.8): the network sees the thing and takes it for another"},
     {"elsewhere", "elsewhere",
      "the maps disagree (rank correlation below 0.2): the prediction is about another part of the picture"},
     {"outside", "outside the box", "the prediction's map has its maximum in no annotated box"},
     {"no-evidence", "no positive evidence",
      "nothing at this layer speaks for the prediction, or for the truth"}}};

/// The picture as a page shows it, and the network's input on it.
struct SmallPicture {
  Image image;
  Placement placement;
};

SmallPicture shrunk(Image image, Placement placement) {
  const int longer = std::max(image.width, image.height);
  if (longer <= kPictureSide) return {std::move(image), placement};
  const auto side = [&](int length) { return std::max(1, (length * kPictureSide + longer / 2) / longer); };
  const int width = side(image.width), height = side(image.height);
  placement.scale_x *= static_cast<double>(width) / image.width;
  placement.scale_y *= static_cast<double>(height) / image.height;
  placement.source_width = width;
  placement.source_height = height;
  return {resize(image, width, height), placement};
}

Json optional_json(const std::optional<double>& value) { return value ? Json(*value) : Json(); }

std::vector<Box> boxes_of(const std::vector<TrueObject>& objects, std::optional<std::int64_t> index) {
  std::vector<Box> boxes;
  for (const TrueObject& object : objects)
    if (object.box && (!index || object.index == *index)) boxes.push_back(*object.box);
  return boxes;
}

}  // namespace

std::span<const Flag> report_flags() { return kFlags; }

std::vector<std::string_view> flags_of(const Judgement& judged) {
  std::vector<std::string_view> flags;
  if (judged.right()) return flags;
  if (judged.probabilities.front() > kConfident) flags.emplace_back("confident");
  if (judged.rank <= kListedClasses) flags.emplace_back("in-top5");
  return flags;
}

std::string_view flag_of_agreement(std::optional<double> agreement) {
  if (!agreement) return "";
  return *agreement > kSameEvidence ? "same" : *agreement < kElsewhere ? "elsewhere" : "";
}

Card CardMaker::make(const Judgement& judged, Image image, const std::vector<TrueObject>& objects) const {
  const Preprocessing& how = model_.info.preprocessing;
  const Preset preset = request_.question.preset;
  Fitted fitted = fit_picture(image, model_, request_.fit, request_.input_gradient);
  Probe probe(replays_, std::move(fitted.x), request_.layers, request_.input_gradient);
  const Placement& placement = fitted.placement;
  const auto width = static_cast<double>(image.width), height = static_cast<double>(image.height);
  const PixelSet annotated = PixelSet::of(image.width, image.height, boxes_of(objects, {}));
  image.alpha = std::vector<std::uint8_t>();
  const SmallPicture small = shrunk(std::move(image), placement);

  Card card;
  const auto in_shares = [&](const Box& box) {
    return Box{box.x0 / width, box.y0 / height, box.x1 / width, box.y1 / height};
  };
  const auto add_figure = [&](std::vector<Figure>& to, const Image& picture, std::string caption,
                              std::string alternative) -> Figure& {
    return to.emplace_back(Figure{pictures_.add(picture), picture.width, picture.height, std::move(caption),
                                  std::move(alternative)});
  };
  const auto question = [&](const Look& look, std::int64_t index, std::vector<Target::Other> others = {}) {
    Question asked = request_.question;
    asked.target.classes = {index};
    asked.target.others = std::move(others);
    asked.layer = look.layer;
    return explain_picture(probe, *look.method, asked, how);
  };

  add_figure(card.figures, small.image, "picture", "the picture");
  for (const Box& box : boxes_of(objects, {})) card.truth.push_back(in_shares(box));

  const std::int64_t predicted = judged.predicted(), truth = judged.truth;
  std::vector<Tensor> maps;
  card.maps = {{"positive_evidence", Json::object()}, {"box", Json::object()}, {"iou", Json::object()}};
  bool evidence = true;
  const auto explain_class = [&](const char* member, std::int64_t index) {
    const std::string& name = name_of_class(index);
    for (const Look& look : request_.looks) {
      Result result = question(look, index);
      const bool found = has_positive_evidence(result.map->map);
      if (result.gradient.defined()) {
        add_figure(card.guided, result.overlay(small.image, small.placement, preset), "for " + name,
                   "Guided Grad-CAM of " + name);
        continue;
      }
      Figure& figure =
          add_figure(card.figures, overlay(small.image, result.map->map, small.placement, preset),
                     found ? "for " + name : "nothing for " + name, "Grad-CAM of " + name);
      const std::optional<Box> box = locate(result.map->map, placement, preset);
      const std::vector<Box> of_class = boxes_of(objects, index);
      if (box) figure.found = in_shares(*box);
      evidence = evidence && found;
      card.maps["positive_evidence"][member] = found;
      card.maps["box"][member] = box ? box_json(*box) : Json();
      card.maps["iou"][member] = of_class.empty() ? Json() : Json(box ? best_iou(*box, of_class) : 0.0);
      maps.push_back(std::move(result.map->map));
    }
  };
  explain_class("predicted", predicted);
  if (!judged.right()) explain_class("true", truth);

  std::optional<double> agreement;
  if (!judged.right()) {
    const Result result = question(request_.looks.front(), predicted, {{truth, -1}});
    add_figure(card.figures, overlay(small.image, result.map->map, small.placement, preset),
               name_of_class(predicted) + " − " + name_of_class(truth),
               "Grad-CAM of what sets " + name_of_class(predicted) + " apart from " + name_of_class(truth));
    std::vector<double> values[2];
    for (std::size_t i = 0; i < 2; ++i)
      for (const float value : maps[i].values()) values[i].push_back(value);
    agreement = spearman(values[0], values[1]);
  }
  card.maps["agreement"] = optional_json(agreement);

  const Shape& input = probe.input().shape();
  const std::optional<Pixel> strongest =
      strongest_pixel(enlarged_evidence(maps.front(), preset, input[2], input[3]), placement);
  if (const std::string_view flag = flag_of_agreement(agreement); !flag.empty()) card.flags.push_back(flag);
  if (annotated.count() > 0 && strongest && !points_at(*strongest, annotated, 0))
    card.flags.emplace_back("outside");
  if (!evidence) card.flags.emplace_back("no-evidence");
  return card;
}

}  // namespace backlight::tools
