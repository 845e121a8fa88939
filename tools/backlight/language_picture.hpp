// One picture before a captioner or question answerer: what its head reads, and the maps of what it says.
#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "engine/run/programs.hpp"
#include "engine/run/run.hpp"
#include "tools/backlight/language_options.hpp"

namespace backlight::tools {

/// A picture as the head gets it.
struct SeenPicture {
  Image image;
  Placement placement;
  Run cnn;
  Json record;  ///< the picture's facts

  const Tensor& map() const { return cnn.output(); }  ///< 1×K×h×w
};

/// A map to be made: of these words, or of an answer.
struct AskedMap {
  std::string name;  ///< "a-star_word-2": stands in names of results, another one for each map of a picture
  Json facts;        ///< what it is of: the first members of its entry in the JSON
  std::vector<language::Said> said = {};  ///< nothing: attention
  bool log_probability = false;
  std::optional<Box> region = {};  ///< of which the words are said, in pixels of the picture
};

/// A map that was made. Guided Backprop and its product with the map, Guided Grad-CAM, are 3×H×W over the network's
/// input, R G B; undefined where not asked for.
struct NamedMap {
  AskedMap asked;
  ClassMap map;
  Tensor backprop = {}, guided = {};
};

/// What stays the same from picture to picture.
class LanguagePictures {
 public:
  /// `header` is the document that results belong to; it travels in every picture that is written. `inputs` are never
  /// written to. Model and context must outlive it.
  LanguagePictures(const language::LanguageModel& model, Context& context, const LanguageMaps& maps,
                   Optimisations optimise, Json header, Inputs inputs);

  /// Throws as reading, fitting and running a picture do, Error(bad_input) for a map that is not finite.
  SeenPicture see(const PictureSource& source, Console& console);

  /// Each at every layer, made as the options have it, which is added to the facts. Throws as
  /// HeadExplanation::gradients, Error(bad_input) for a map that is not finite.
  std::vector<NamedMap> explain(language::HeadExplanation& head, SeenPicture& picture,
                                std::span<const AskedMap> asked) const;

  /// Throws Error(usage) when a result of these maps is an input, or exists already and is not to be kept. `subject`:
  /// what the whole picture's panel and document are named by.
  void check_free(const PictureSource& source, const std::string& subject,
                  std::span<const AskedMap> asked) const;
  /// Whether all results of these maps, one at least, are there and are to be kept. Throws Error(usage) for one of
  /// another run.
  bool is_done(const PictureSource& source, const std::string& subject,
               std::span<const AskedMap> asked) const;
  /// Writes what was asked for and is not kept, and adds `maps`, `files` and `kept` to the picture's record; without
  /// maps nothing is written. `said`, the caption or the question, stands in the panel. Throws as is_done and
  /// check_free.
  void write(const PictureSource& source, const std::string& subject, const std::string& said,
             SeenPicture& picture, std::span<const NamedMap> maps) const;

 private:
  using Files = std::set<std::filesystem::path>;

  std::vector<AskedMap> at_layers(std::span<const AskedMap> asked) const;
  std::filesystem::path file(const PictureSource& source, const std::string& name, std::string_view kind,
                             std::string_view extension) const;
  std::filesystem::path panel_file(const PictureSource& source, const std::string& subject) const;
  std::filesystem::path json_file(const PictureSource& source, const std::string& subject) const;
  /// What is written of maps at their layers.
  Files files_of(const PictureSource& source, const std::string& subject,
                 std::span<const AskedMap> maps) const;
  void check_files(const Files& files) const;
  Files kept_of(const Files& files, std::span<const AskedMap> maps) const;
  Json write_map(const PictureSource& source, const SeenPicture& picture, const NamedMap& named,
                 const Files& kept) const;

  const language::LanguageModel& model_;
  Context& context_;
  LanguageMaps maps_;
  std::vector<NodeId> layers_;
  std::string layers_name_;  ///< what names of panels and documents hold of layers that were asked for
  Json header_;
  Inputs inputs_;
  Programs programs_;
};

/// A line for each map of a picture's record, and for each of its files.
std::string maps_text(const Json& record);

}  // namespace backlight::tools
