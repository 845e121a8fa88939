#include "tools/backlight/pictures.hpp"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>

#include "tools/backlight/folder.hpp"
#include "tools/backlight/names.hpp"

namespace backlight::tools {
namespace {

namespace fs = std::filesystem;

/// Adds a folder's pictures, and what was left out.
void add_folder(const std::string& folder, bool recursive, PictureList& list, Console& console) {
  FolderListing found = list_folder(folder, recursive);
  if (found.pictures.empty() && found.unreadable.empty()) {
    const std::string own =
        found.written_by_backlight > 0
            ? text(", ", counted(found.written_by_backlight, "picture"), " that backlight wrote")
            : "";
    const std::string below = found.folders_below > 0 ? text(", ", counted(found.folders_below, "folder"),
                                                             " below it; --recursive searches there, too")
                                                      : "";
    throw Error(ErrorKind::bad_input, folder,
                ": the folder holds no picture; left out: ", counted(found.not_pictures, "other file"), own,
                below);
  }
  for (FolderListing::Picture& picture : found.pictures)
    list.pictures.push_back({picture.path.string(), std::move(picture.folder)});
  for (const auto& [path, why] : found.unreadable) list.unreadable.emplace_back(path.string(), why);
  if (found.written_by_backlight > 0)
    console.note(folder, ": left out: ", counted(found.written_by_backlight, "picture"),
                 " that backlight wrote");
  if (found.folders_below > 0)
    console.detail(folder, ": left out: ", counted(found.folders_below, "folder"),
                   " below it; --recursive searches there, too");
  if (found.not_pictures > 0)
    console.detail(folder, ": left out: ", counted(found.not_pictures, "file"), " without a picture");
  list.written_by_backlight += found.written_by_backlight;
  list.not_pictures += found.not_pictures;
}

/// `cat` for cat.png; `cat-png` and `cat-jpg` where both go to one folder.
void name_results(std::vector<PictureSource>& pictures) {
  const auto stem_of = [](const PictureSource& p) {
    return p.path == "-" ? std::string("stdin")
                         : file_safe(fs::path(p.path).stem().string(), kLongestStem, "_");
  };
  struct NamesOfFolder {
    std::map<std::string, int> uses;
    UniqueNames taken;
  };
  std::map<fs::path, NamesOfFolder> folders;
  for (const PictureSource& p : pictures) ++folders[p.folder].uses[stem_of(p)];
  for (PictureSource& p : pictures) {
    NamesOfFolder& names = folders[p.folder];
    const std::string extension = fs::path(p.path).extension().string();
    std::string stem = stem_of(p);
    if (names.uses[stem] > 1 && p.path != "-")
      stem += "-" + file_safe(extension.empty() ? extension : extension.substr(1), kLongestExtension);
    p.stem = names.taken.take(stem);
  }
}

}  // namespace

Image PictureSource::read(ExifOrientation orientation, Alpha alpha, Console& console) const {
  const bool piped = path == "-";
  if (piped && isatty(STDIN_FILENO) != 0)
    throw Error(ErrorKind::usage,
                "'-' reads a picture from standard input, which is a terminal; pipe one in");
  Image image =
      piped ? read_image(STDIN_FILENO, name(), orientation, alpha) : read_image(path, orientation, alpha);
  for (const std::string& warning : image.provenance.warnings) console.warning(name(), ": ", warning);
  for (const std::string& note : image.provenance.notes) console.note(name(), ": ", note);
  return image;
}

void add_inputs(CLI::App& command, InputOptions& options, bool required) {
  command
      .add_option("IMAGE", options.inputs,
                  "Pictures (PNG, JPEG, BMP, GIF, WebP, TIFF), folders of pictures, or - for standard input")
      ->required(required);
  command.add_flag("-r,--recursive", options.recursive, "Take the folders below a folder, too");
}

PictureList list_pictures(const InputOptions& options, Console& console) {
  PictureList list;
  list.batch = options.inputs.size() > 1;
  for (const std::string& input : options.inputs) {
    std::error_code error;
    if (input == "-" && std::ranges::count(options.inputs, "-") > 1)
      throw Error(ErrorKind::usage, "'-' was given twice, but standard input can be read only once");
    if (fs::is_directory(input, error)) {
      list.batch = true;
      add_folder(input, options.recursive, list, console);
    } else {
      list.pictures.push_back({input, {}});
    }
  }
  name_results(list.pictures);
  return list;
}

Inputs inputs_of(const PictureList& list, std::initializer_list<fs::path> others) {
  Inputs inputs;
  for (const PictureSource& picture : list.pictures) inputs.add(picture.path);
  for (const fs::path& other : others) inputs.add(other);
  return inputs;
}

}  // namespace backlight::tools
