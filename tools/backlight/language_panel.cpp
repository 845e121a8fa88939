#include "tools/backlight/language_panel.hpp"

#include <algorithm>
#include <array>

#include "engine/core/version.hpp"
#include "kernels/overlay/overlay.hpp"
#include "tools/backlight/explain_panel.hpp"

namespace backlight::tools {
namespace {

/// More cells make further lines.
constexpr std::size_t kMostOfLine = 10;
/// Of regions in the picture, in their order.
constexpr std::array<Rgb, 6> kRegionColors{
    {{255, 60, 60}, {60, 220, 60}, {80, 130, 255}, {255, 220, 40}, {240, 80, 240}, {60, 230, 230}}};

bool is_of(const NamedMap& map, std::string_view kind) { return map.asked.facts["of"] == kind; }

/// The word, the answer or the region's caption that a map is of.
std::string subject_of(const NamedMap& map) {
  for (const char* member : {"word", "name", "text"})
    if (const auto found = map.asked.facts.find(member); found != map.asked.facts.end()) {
      const std::string name = found->get<std::string>();
      return can_label(name) ? name : "see the JSON";
    }
  return map.asked.facts["of"];
}

std::string evidence_of(const NamedMap& map) {
  return has_positive_evidence(map.map.map) ? "" : "no positive evidence";
}

class LanguageFigure {
 public:
  explicit LanguageFigure(const LanguagePanelSubject& subject) : subject_(subject), how_(subject.how) {
    panel_.footer =
        text(name_of(subject.model.task), ", weights ", subject.model.weights_sha256.substr(0, 8), ", ",
             method_, ", path of ", how_.how.steps, how_.how.steps == 1 ? " point" : " points", ", preset ",
             name_of(how_.preset), ", backlight ", version());
  }

  Panel words(std::span<const NamedMap> maps) {
    PanelRow map = row(method_), product = row("Guided " + method_);
    map.cells.push_back({subject_.picture.image});
    product.cells.emplace_back();
    const auto add = [&](const NamedMap& of, const std::string& caption) {
      map.cells.push_back(map_cell(of, ""));
      product.cells.push_back({saliency_of(subject_.picture, of, of.guided, how_.preset),
                               caption + "\n" + evidence_of(of), subject_of(of)});
    };
    for (const NamedMap& one : maps)
      if (is_of(one, "sentence"))
        add(one, subject_.said + "\nlog p " + decimal(subject_.picture.record["log_probability"], 2));
    for (const NamedMap& one : maps)
      if (is_of(one, "word")) add(one, percent(one.asked.facts["probability"]));
    return untitled({std::move(map), std::move(product)});
  }

  Panel regions(std::span<const NamedMap> maps) {
    PanelRow map = row(method_), backprop = row("Guided Backprop"), product = row("Guided " + method_);
    Image picture = subject_.picture.image;
    for (std::size_t i = 0; i < maps.size(); ++i)
      draw_box_on(picture, *maps[i].asked.region, kRegionColors[i % kRegionColors.size()]);
    map.cells.push_back({std::move(picture), "inside/outside: how much stronger a map is in the box"});
    backprop.cells.emplace_back();
    product.cells.emplace_back();
    for (const NamedMap& one : maps) {
      const auto ratio = [&](const char* of) {
        const Json& value = one.asked.facts["inside_outside"][of];
        return "inside/outside " + (value.is_null() ? "∞" : decimal(value, 1));
      };
      map.cells.push_back(map_cell(one, ratio("grad_cam") + "\n" + evidence_of(one)));
      map.cells.back().name = subject_of(one);
      backprop.cells.push_back(
          {saliency_of(subject_.picture, one, one.backprop, how_.preset), ratio("guided_backprop")});
      product.cells.push_back(
          {saliency_of(subject_.picture, one, one.guided, how_.preset), ratio("guided_grad_cam")});
    }
    return untitled({std::move(map), std::move(backprop), std::move(product)});
  }

  Panel answers(std::span<const NamedMap> maps) {
    const bool any = std::ranges::any_of(maps, [](const NamedMap& map) { return is_of(map, "answer"); });
    panel_.columns = {"Picture"};
    if (any) {
      panel_.columns.insert(panel_.columns.end(), {method_, "Guided Backprop", "Guided " + method_});
      panel_.color_bar = panel_color_bar(how_.preset);
    }
    for (const NamedMap& map : maps) {
      if (!is_of(map, "answer")) continue;
      PanelRow answer = scored_row(map);
      answer.cells = {PanelCell(),
                      map_cell(map, evidence_of(map)),
                      {saliency_of(subject_.picture, map, map.backprop, how_.preset)},
                      {saliency_of(subject_.picture, map, map.guided, how_.preset), evidence_of(map)}};
      panel_.rows.push_back(std::move(answer));
    }
    if (!any) panel_.rows.emplace_back().cells.emplace_back();
    panel_.rows.front().cells.front() = {subject_.picture.image, "", subject_.said};
    for (const NamedMap& map : maps) {
      if (!is_of(map, "attention")) continue;
      panel_.columns.push_back("Attention, " + map.asked.facts["level"].get<std::string>() + " level");
      const Json& words = map.asked.facts["words"];
      const auto& most =
          *std::ranges::max_element(words, {}, [](const Json& word) { return word["weight"].get<double>(); });
      PanelCell cell = map_cell(map, "most weight: " + percent(most["weight"]));
      cell.name = most["word"];
      panel_.rows.front().cells.push_back(std::move(cell));
    }
    if (panel_.columns.back().starts_with("Attention"))
      panel_.footer = "Attention is one map for all answers and explains none. " + panel_.footer;
    for (PanelRow& row : panel_.rows) row.cells.resize(panel_.columns.size());
    return std::move(panel_);
  }

  Panel layers(std::span<const NamedMap> maps) {
    std::vector<PanelRow> rows;
    for (const NamedMap& map : maps) {
      if (is_of(map, "attention")) continue;
      if (map.asked.facts["layer"] == maps.front().asked.facts["layer"])
        rows.push_back(scored_row(map)), rows.back().cells.emplace_back();
      const Shape& shape = map.map.map.shape();
      PanelCell cell = map_cell(map, text(shape[0], "×", shape[1], "\n", evidence_of(map)));
      cell.name = map.asked.facts["layer"];
      rows.back().cells.push_back(std::move(cell));
    }
    rows.front().cells.front() = {subject_.picture.image, "", subject_.said};
    return untitled(std::move(rows));
  }

 private:
  PanelRow row(std::string label) const {
    PanelRow row{.label = std::move(label), .details = {}, .cells = {}};
    if (how_.direction == Direction::counterfactual) row.details.emplace_back("counterfactual");
    return row;
  }
  PanelRow scored_row(const NamedMap& map) const {
    PanelRow scored = row(subject_of(map));
    const Json& facts = map.asked.facts;
    if (facts.contains("probability"))
      scored.details.insert(scored.details.begin(),
                            {"score " + decimal(facts["logit"], 2), percent(facts["probability"])});
    return scored;
  }
  PanelCell map_cell(const NamedMap& map, std::string caption) const {
    return {overlay_of(subject_.picture, map, how_.preset), std::move(caption)};
  }
  Panel untitled(std::vector<PanelRow> rows) {
    panel_.rows = std::move(rows);
    panel_.columns.assign(panel_.rows.front().cells.size(), "");
    wrap_rows(panel_, kMostOfLine);
    return std::move(panel_);
  }

  const LanguagePanelSubject& subject_;
  const LanguageMaps& how_;
  const std::string method_ = how_.how.elementwise ? "HiResCAM" : "Grad-CAM";
  Panel panel_;
};

}  // namespace

Image overlay_of(const SeenPicture& picture, const NamedMap& map, Preset preset) {
  Image shown = overlay(picture.image, map.map.map, picture.placement, preset);
  if (map.asked.region) draw_box_on(shown, *map.asked.region);
  return shown;
}

Image saliency_of(const SeenPicture& picture, const NamedMap& map, const Tensor& gradient, Preset preset) {
  Image shown = place_on_source(saliency(gradient, preset), picture.placement);
  if (map.asked.region) draw_box_on(shown, *map.asked.region);
  return shown;
}

Panel language_panel(const LanguagePanelSubject& subject, std::span<const NamedMap> maps) {
  LanguageFigure figure(subject);
  if (!subject.how.layers.empty() && !is_of(maps.front(), "attention")) return figure.layers(maps);
  if (is_of(maps.front(), "region")) return figure.regions(maps);
  return subject.model.task == language::LanguageTask::caption ? figure.words(maps) : figure.answers(maps);
}

}  // namespace backlight::tools
