// One picture explained: one forward pass, then every class, method and layer from it, then the files.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tools/common.hpp"
#include "tools/methods.hpp"
#include "tools/pictures.hpp"
#include "tools/result_json.hpp"

namespace backlight::tools {

/// Which files are written.
struct Formats {
  bool overlay = false, heatmap = false, panel = false, npy = false, json = false;
  bool box = false;  ///< localise, and draw the box in overlays
};

/// What a run asks of every picture.
struct Request {
  std::vector<std::int64_t> classes;  ///< named by the user, in that order
  std::size_t top_k = 0;              ///< and the best so many
  std::vector<Question> questions;
  std::vector<NodeId> layers;  ///< at which maps are wanted, each once
  NodeId panel_layer = 0;      ///< at which a panel's Grad-CAM looks
  bool input_gradient = false;
  Preset preset = Preset::pytorch_grad_cam;
  Direction direction = Direction::evidence;
  Fit fit = Fit::crop;
  ExifOrientation exif = ExifOrientation::apply;
  Formats formats;
  std::filesystem::path folder;
  bool force = false;
};

/// What stays the same from picture to picture.
class Explainer {
 public:
  /// `header` is the document that results belong to; it travels in every picture that is written.
  Explainer(const Model& model, Context& context, Request request, Json header);

  /// Throws Error(usage) when a result whose name is known before the forward pass exists already.
  void check_outputs(const std::vector<PictureSource>& pictures) const;

  /// Explains and writes. The record of the picture: facts, predictions, results.
  Json explain(const PictureSource& source) const;

 private:
  struct Work;

  std::filesystem::path file(const PictureSource& source, std::int64_t index, const Question& question,
                             std::string_view kind, std::string_view extension) const;
  std::vector<std::filesystem::path> files(const PictureSource& source,
                                           std::span<const std::int64_t> classes) const;
  void refuse_existing(const std::vector<std::filesystem::path>& files) const;
  std::vector<std::int64_t> classes_of(const Scores& scores) const;
  Json result(Work& work, std::int64_t index, const Question& question, const Answer& answer) const;
  Json write_files(Work& work, std::int64_t index, const Question& question, const Answer& answer,
                   const Json& result, const std::optional<Box>& box) const;

  const Model& model_;
  Context& context_;
  Request request_;
  Json header_;
  std::vector<std::string> class_names_;  ///< file-safe
  std::map<NodeId, std::string> layer_names_;
};

}  // namespace backlight::tools
