// Figures of what a captioner or question answerer said of one picture, and of where it looked.
#pragma once

#include <span>
#include <string>

#include "tools/backlight/language_picture.hpp"
#include "tools/backlight/panel.hpp"

namespace backlight::tools {

struct LanguagePanelSubject {
  const language::LanguageModel& model;
  const LanguageMaps& how;
  const SeenPicture& picture;
  const std::string& said;  ///< the caption, or the question
};

/// A figure of these maps, of one picture and at least one:
///   words    the picture, the sentence, then a column per word: Grad-CAM above, Guided Grad-CAM below
///   answers  a row each: Grad-CAM, Guided Backprop, Guided Grad-CAM; in the first one the picture with the question,
///            and attention by its levels, with the word that weighs most
///   regions  the picture with their boxes, then a column per region caption
///   layers   where they were asked for: a row per word or answer, a column per layer
/// Colours have a scale of their own in each map. A map without positive evidence is said to be one.
Panel language_panel(const LanguagePanelSubject& subject, std::span<const NamedMap> maps);

/// A map, and a gradient over the network's input, laid over the picture, with the box of the map's region.
Image overlay_of(const SeenPicture& picture, const NamedMap& map, Preset preset);
Image saliency_of(const SeenPicture& picture, const NamedMap& map, const Tensor& gradient, Preset preset);

}  // namespace backlight::tools
