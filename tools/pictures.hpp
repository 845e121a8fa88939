// Pictures to work on: files, the files of a folder, standard input.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "engine/image/image.hpp"
#include "tools/console.hpp"

namespace backlight::tools {

/// Exit code of a batch in which some pictures failed; the others are the values of ErrorKind.
inline constexpr int kSomeFailed = 6;

struct PictureSource {
  std::string path;  ///< "-" for standard input
  std::string stem;  ///< what the names of results begin with; unique within a run

  Image read(ExifOrientation orientation) const;
};

/// Adds the positional argument IMAGE|DIR|-, once or several times.
void add_inputs(CLI::App& command, std::vector<std::string>& inputs);

struct PictureList {
  std::vector<PictureSource> pictures;
  bool batch = false;  ///< a folder, or several inputs: one bad picture does not end the run
};

/// Expands folders into their pictures, in the order of the names' bytes and without descending; what is
/// neither named nor signed as a picture is left out. Throws Error(bad_input) for an input that does not
/// exist and a folder that cannot be read or holds no picture, Error(usage) for "-" given twice.
PictureList list_pictures(const std::vector<std::string>& inputs, Console& console);

/// Of a batch: what each picture gave, and the errors of those that failed.
struct BatchResult {
  nlohmann::ordered_json images = nlohmann::ordered_json::array();
  nlohmann::ordered_json errors = nlohmann::ordered_json::array();
  int exit_code = 0;
};

/// Calls `work` on every picture. In a batch an Error is reported and the next picture follows; otherwise it
/// is thrown on.
BatchResult for_each_picture(const PictureList& list, Console& console,
                             const std::function<nlohmann::ordered_json(const PictureSource&)>& work);

}  // namespace backlight::tools
