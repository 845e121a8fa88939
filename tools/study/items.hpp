// The pictures of a study and the networks that look at them.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "tools/backlight/explain_picture.hpp"
#include "tools/evaluate/annotations.hpp"
#include "tools/evaluate/class_lookup.hpp"
#include "tools/study/design.hpp"

namespace backlight::tools {

/// A network with what it computed before, and the techniques of a study at its layers.
class StudyNetwork {
 public:
  /// Throws as load_network, and as choose_looks.
  StudyNetwork(const NetworkOptions& options, Request request, std::span<const Technique> techniques,
               Context& context, Console& console);

  const Model& model() const { return model_; }
  /// The class of this name. Throws as ClassLookup.
  std::int64_t class_of(const std::string& name) { return class_of_(name); }
  /// What people call a class: short_names.
  const std::string& name_of_class(std::int64_t index) const {
    return names_.at(static_cast<std::size_t>(index));
  }
  /// Whether that tells people which class is meant: not where only its index does.
  bool has_a_name(std::int64_t index) const {
    return model_.labels.at(static_cast<std::size_t>(index)).starts_with(name_of_class(index));
  }
  ClassScores scores(const Image& image);
  /// What each technique shows of the picture for each of the classes, side × side pixels: by class, then technique.
  std::vector<std::vector<Image>> show(const Image& image, std::span<const std::int64_t> classes, int side);

 private:
  Model model_;
  std::vector<std::string> names_;
  Request request_;
  Programs programs_;
  Replays replays_;
  ClassLookup class_of_;
};
using StudyNetworks = std::vector<std::unique_ptr<StudyNetwork>>;

/// A picture and the names of the classes on it, each once.
struct StudyPicture {
  std::string name;
  std::vector<std::string> classes;
  std::function<Image()> read;
};

/// Scenes of one object or two, drawn when they are read.
std::vector<StudyPicture> drawn_pictures(std::size_t count, int objects, std::uint64_t seed);
/// Of any data that `backlight evaluate` reads, so many by seed where `limit` is not 0; what is wrong with one of them
/// is said and added to `errors`.
std::vector<StudyPicture> read_pictures(const std::filesystem::path& data, const DataSetOptions& how,
                                        std::size_t limit, std::uint64_t seed, ExifOrientation exif,
                                        Console& console, Json& errors);

/// A picture that serves as an item.
struct StudyCandidate {
  std::size_t picture = 0;
  std::vector<Categories> classes;  ///< per network
  std::vector<std::array<double, 2>> probabilities;
};

struct StudyCandidates {
  std::vector<StudyCandidate> found;
  std::size_t looked_at = 0;
  std::vector<std::size_t> right;  ///< per network: pictures of which the best class is on the picture
};

/// Asks each network about each picture. Of discrimination a picture serves that has two classes, both with a
/// probability of `floor` at least for each network; of trust one of which all networks predict the same class that is
/// on it; of both only with classes that have a name of their own. A picture that fails is said and added to `errors`.
StudyCandidates find_candidates(StudyKind kind, std::span<const StudyPicture> pictures,
                                StudyNetworks& networks, double floor, Console& console, Json& errors);

}  // namespace backlight::tools
