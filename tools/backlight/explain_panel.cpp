#include "tools/backlight/explain_panel.hpp"

#include "engine/core/version.hpp"
#include "kernels/overlay/overlay.hpp"

namespace backlight::tools {

PanelColorBar panel_color_bar(Preset preset) {
  switch (preset) {
    case Preset::paper:
      return {.column = 1, .colors = ColorMap::paper_jet};
    case Preset::captum:
      return {.column = 1, .colors = ColorMap::red_white_green, .ticks = {"−1", "0", "1"}};
    case Preset::pytorch_grad_cam:
    case Preset::paper_code:
      return {.column = 1, .colors = ColorMap::opencv_jet};
    case Preset::torch_cam:
      return {.column = 1, .colors = ColorMap::matplotlib_jet};
  }
  throw Error(ErrorKind::internal, "a preset without a colour bar");
}

Panel empty_panel(const PanelSubject& subject) {
  Panel panel;
  panel.columns = {"Picture", "Grad-CAM", "Guided Backprop", "Guided Grad-CAM"};
  panel.color_bar = panel_color_bar(subject.preset);
  panel.footer = text(subject.model.info.name, ", weights ", subject.model.weights_sha256.substr(0, 8),
                      ", Grad-CAM at ", subject.model.network.node(subject.layer).name, ", preset ",
                      name_of(subject.preset), ", backlight ", version());
  return panel;
}

PanelRow panel_row(const PanelSubject& subject, std::int64_t index, const ClassMap& grad_cam,
                   const Tensor& guided, const Tensor& product) {
  const auto i = static_cast<std::size_t>(index);
  const auto placed = [&](const Tensor& gradient) {
    return place_on_source(saliency(gradient, subject.preset), subject.placement);
  };
  const bool found = has_positive_evidence(grad_cam.map);

  PanelRow row;
  const std::string& name = subject.model.labels.at(i);
  row.label = can_label(name) ? name : text("class ", index);
  row.details = {can_label(name) ? text("class ", index) : "name: see the JSON",
                 "score " + decimal(subject.scores.logits[i], 2), percent(subject.scores.probabilities[i])};
  if (subject.direction == Direction::counterfactual) row.details.emplace_back("counterfactual");
  row.cells.push_back({subject.image, ""});
  row.cells.push_back({overlay(subject.image, grad_cam.map, subject.placement, subject.preset),
                       found ? "" : "no positive evidence"});
  row.cells.push_back({placed(guided), ""});
  row.cells.push_back({placed(product), found ? "" : "no positive evidence"});
  return row;
}

}  // namespace backlight::tools
