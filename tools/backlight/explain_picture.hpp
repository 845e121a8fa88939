// One picture explained: one forward pass, then every class, method and layer from it, then the files.
#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/explain/methods.hpp"
#include "models/pictures.hpp"
#include "tools/backlight/common.hpp"
#include "tools/backlight/formats.hpp"
#include "tools/backlight/inputs.hpp"
#include "tools/backlight/pictures.hpp"
#include "tools/backlight/result_json.hpp"

namespace backlight::tools {

/// One method at one layer, or at several for one map; no layer where the method goes to the input alone.
struct Look {
  const Method* method;
  std::optional<NodeId> layer;  ///< the deepest
  std::vector<NodeId> more_layers = {};
};

/// What a run asks of every picture.
struct Request {
  std::vector<std::int64_t> classes;  ///< named by the user, in that order
  std::size_t top_k = 0;              ///< and the best so many
  std::vector<Look> looks;
  std::vector<NodeId> layers;         ///< at which maps are wanted, each once
  std::vector<NodeId> chosen_layers;  ///< where methods of one's choice look, a panel at the first
  bool input_gradient = false;
  bool tails = false;                ///< whether what follows those layers runs again
  Question question;                 ///< of each class; without it and a layer
  std::optional<Baseline> baseline;  ///< of the question's path, where that has none
  std::vector<std::string> baseline_files;  ///< pictures that the question's path has
  Fit fit = Fit::crop;
  ExifOrientation exif = ExifOrientation::apply;
  Formats formats;
  std::filesystem::path folder;
  bool force = false, skip_existing = false;
  bool layer_given = false;  ///< by option; then names of results hold it
  std::string choices;       ///< what else names hold, "_captum_stretch"
};

/// What stays the same from picture to picture.
class Explainer {
 public:
  /// `header` is the document that results belong to; it travels in every picture that is written. `inputs`
  /// are never written to.
  Explainer(const Model& model, Replays& replays, Context& context, Request request, Json header,
            Inputs inputs);

  /// Throws Error(usage) when a result whose name is known before the forward pass exists already, or is an
  /// input.
  void check_outputs(const std::vector<PictureSource>& pictures) const;

  /// Explains and writes. The record of the picture: facts, predictions, results. Nothing when all results
  /// are there and existing ones are to be skipped.
  std::optional<Json> explain(const PictureSource& source, Console& console) const;

 private:
  struct Work;

  std::filesystem::path file(const PictureSource& source, std::int64_t index, const Look& look,
                             std::string_view kind, std::string_view extension) const;
  /// The part of a name that says where was looked; "+" between several.
  std::string layers_part(std::span<const NodeId> layers) const;
  std::filesystem::path panel_file(const PictureSource& source) const;
  std::filesystem::path json_file(const PictureSource& source) const;
  std::vector<std::filesystem::path> files_of(const PictureSource& source,
                                              std::span<const std::int64_t> classes) const;
  void check_files(const std::vector<std::filesystem::path>& files) const;
  /// Those that are there and are to be skipped. Throws Error(usage) for one of another network, preparation
  /// or question.
  std::set<std::filesystem::path> kept_of(const std::vector<std::filesystem::path>& files,
                                          std::span<const std::int64_t> classes) const;
  const char* picture_extension() const { return request_.formats.picture_extension(); }
  void write_picture(const std::string& path, const Image& image, const Json& facts) const;
  std::vector<std::int64_t> classes_of(const ClassScores& scores) const;
  Question question(std::int64_t index, std::optional<NodeId> layer) const;
  /// The library's answer, with the gradient in the order R G B.
  Result answer(Probe& probe, std::int64_t index, const Look& look, const PictureSource& source,
                Console& console) const;
  Json result_json(Work& work, std::int64_t index, const Look& look, const Result& result,
                   double target) const;
  /// Adds to `json` what was written and what was kept.
  void write_files(Work& work, std::int64_t index, const Look& look, const Result& result, Json& json,
                   const std::optional<Box>& box) const;

  const Model& model_;
  Replays& replays_;
  Context& context_;
  Request request_;
  Json header_;
  Inputs inputs_;
  std::vector<std::string> class_names_;  ///< file-safe
  std::map<NodeId, std::string> layer_names_;
};

}  // namespace backlight::tools
