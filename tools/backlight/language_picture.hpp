// One picture before a captioner or question answerer: what its head reads, and the maps of what it says.
#pragma once

#include <optional>
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
  std::vector<language::Said> said = {};
  bool log_probability = false;
};

/// A map that is written.
struct NamedMap {
  std::string name;
  Json facts;
  ClassMap map;
  Tensor guided =
      {};  ///< Guided Grad-CAM, 3×H×W over the network's input, R G B; undefined where not asked for
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

  /// Made as the options have it, which is added to the facts. Throws as HeadExplanation::maps.
  std::vector<NamedMap> explain(language::HeadExplanation& head, SeenPicture& picture,
                                std::span<const AskedMap> asked) const;

  /// Throws Error(usage) when a result of maps of these names exists already, or is an input. `subject`: what the whole
  /// picture's document is named by.
  void check_free(const PictureSource& source, const std::string& subject,
                  std::span<const std::string> names) const;
  /// Writes what was asked for, and adds `maps` and `files` to the picture's record; without maps nothing is written.
  /// Throws as check_free, Error(bad_input) for a map that is not finite.
  void write(const PictureSource& source, const std::string& subject, SeenPicture& picture,
             std::span<const NamedMap> maps) const;

 private:
  Tensor guided(language::HeadExplanation& head, SeenPicture& picture, const language::HeadTarget& target,
                const Tensor& map) const;
  std::filesystem::path file(const PictureSource& source, const std::string& name, std::string_view kind,
                             std::string_view extension) const;
  Json write_map(const PictureSource& source, const SeenPicture& picture, const NamedMap& named) const;

  const language::LanguageModel& model_;
  Context& context_;
  LanguageMaps maps_;
  Json header_;
  Inputs inputs_;
  Programs programs_;
};

/// A line for each map of a picture's record, and for each of its files.
std::string maps_text(const Json& record);

}  // namespace backlight::tools
