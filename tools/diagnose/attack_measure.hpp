// Attacks over many pictures of which is known what is where: what becomes of the maps of classes that are there.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "tools/diagnose/attack_picture.hpp"
#include "tools/diagnose/page.hpp"
#include "tools/evaluate/annotations.hpp"
#include "tools/evaluate/journal.hpp"

namespace backlight::tools {

/// A picture to be attacked, read when its turn comes.
struct SubjectPicture {
  std::string name;
  std::function<Image()> read;
  std::function<std::vector<TrueObject>(const Image&)> objects;
};

/// Scenes of two objects, of models/scenes.
std::vector<SubjectPicture> drawn_subjects(std::uint64_t seed, std::int64_t scenes);
/// Those of a data set, whose classes are named as the model names them.
std::vector<SubjectPicture> annotated_subjects(const DataSet& set, const Model& model, ExifOrientation exif,
                                               Console& console);

/// The class of a picture's attack: one that is not there, drawn by seed and the picture's name. Throws
/// Error(bad_input) where all are there.
std::int64_t absent_class(std::uint64_t seed, const std::string& name, std::span<const TrueObject> objects,
                          std::int64_t classes);

struct AttackMeasurement {
  Json results = Json::array();  ///< an entry per measure and version, as of `backlight evaluate`
  Json attack;                   ///< of the attacks themselves: how many reached their aim, by how many steps
  Json errors = Json::array();   ///< pictures that were left out
  std::size_t measured = 0;
  std::vector<DiagnosisPicture> examples;  ///< panels of the first ones, by the names of their files
};

/// Attacks and measures all of them, several at a time where they are of one size, and writes rows of every picture and
/// figures of the first ones into the folder. `towards`: the class of every attack; pictures where it is are left out.
/// `tolerance`: of the pointing game. Throws Error(bad_input) where no picture could be measured.
AttackMeasurement measure_attacks(Attacker& attacker, Context& context,
                                  std::span<const SubjectPicture> subjects,
                                  std::optional<std::int64_t> towards, Fit fit, double tolerance,
                                  const std::filesystem::path& folder, Console& console);

/// The page about a document of such a measurement.
std::vector<DiagnosisSection> attack_page(const Json& document, std::vector<DiagnosisPicture> examples);

}  // namespace backlight::tools
