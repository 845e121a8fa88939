// Pictures to work on: files, the files of a folder, standard input.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "engine/image/image.hpp"
#include "tools/backlight/console.hpp"
#include "tools/backlight/inputs.hpp"

namespace backlight::tools {

struct PictureSource {
  std::string path;              ///< "-" for standard input
  std::filesystem::path folder;  ///< below the folder that was given; where its results go below theirs
  std::string stem = {};         ///< what the names of results begin with; unique in their folder

  /// What messages call it.
  std::string name() const { return path == "-" ? "standard input" : path; }
  /// Decodes it, and says what is to be said about its pixels.
  Image read(ExifOrientation orientation, Alpha alpha, Console& console) const;
};

struct InputOptions {
  std::vector<std::string> inputs;
  bool recursive = false;
};

/// Adds the positional argument IMAGE|DIR|-, once or several times, and --recursive.
void add_inputs(CLI::App& command, InputOptions& options, bool required = true);

struct PictureList {
  std::vector<PictureSource> pictures;
  bool batch = false;  ///< a folder, or several inputs: one bad picture does not end the run
  std::size_t written_by_backlight = 0, not_pictures = 0;         ///< files of folders that are left out
  std::vector<std::pair<std::string, std::string>> unreadable{};  ///< folders below, and why
};

/// Expands folders into their pictures, in the order of the names' bytes; see list_folder. Throws
/// Error(bad_input) for a folder that cannot be read or holds no picture, Error(usage) for "-" given twice.
PictureList list_pictures(const InputOptions& options, Console& console);

/// What a run on these pictures reads, with the network's files.
Inputs inputs_of(const PictureList& list, std::initializer_list<std::filesystem::path> others);

}  // namespace backlight::tools
