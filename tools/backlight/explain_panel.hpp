// The figure of one picture: source, Grad-CAM, Guided Backprop and Guided Grad-CAM, a row per class.
#pragma once

#include "engine/explain/display.hpp"
#include "tools/backlight/panel.hpp"
#include "tools/backlight/scores.hpp"

namespace backlight::tools {

/// What all rows of a figure share.
struct PanelSubject {
  const Model& model;
  const Image& image;
  const Placement& placement;
  const ClassScores& scores;
  Preset preset;
  Direction direction;
  NodeId layer;
};

/// Of overlays in the second column.
PanelColorBar panel_color_bar(Preset preset);

/// Titles, colour bar and footer; rows are added to it.
Panel empty_panel(const PanelSubject& subject);

/// One class: Grad-CAM, Guided Backprop and their product, gradients in the order R G B. A map without positive
/// evidence is said to be one.
PanelRow panel_row(const PanelSubject& subject, std::int64_t index, const ClassMap& grad_cam,
                   const Tensor& guided, const Tensor& product);

}  // namespace backlight::tools
