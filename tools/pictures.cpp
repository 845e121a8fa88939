#include "tools/pictures.hpp"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <new>

#include "tools/names.hpp"

namespace backlight::tools {
namespace {

namespace fs = std::filesystem;

/// Names that promise a picture, readable here or not: a user wants to hear of the latter.
bool named_as_picture(const fs::path& path) {
  constexpr std::array<std::string_view, 13> kExtensions{".png",  ".jpg",  ".jpeg", ".jpe",  ".jfif",
                                                         ".gif",  ".bmp",  ".tif",  ".tiff", ".webp",
                                                         ".heic", ".heif", ".avif"};
  std::string extension = path.extension().string();
  for (char& c : extension)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return std::ranges::find(kExtensions, extension) != kExtensions.end();
}

bool signed_as_picture(const fs::path& path) {
  std::array<char, 4> begin{};
  std::ifstream(path, std::ios::binary).read(begin.data(), begin.size());
  constexpr std::string_view kPng = "\x89PNG", kJpeg = "\xFF\xD8\xFF";
  return std::string_view(begin.data(), 4) == kPng || std::string_view(begin.data(), 3) == kJpeg;
}

std::vector<std::string> pictures_of_folder(const fs::path& folder, Console& console) {
  std::vector<std::string> pictures;
  std::size_t others = 0;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    std::error_code ignored;
    const bool hidden = it->path().filename().string().starts_with('.');
    if (hidden || !it->is_regular_file(ignored)) continue;
    if (named_as_picture(it->path()) || signed_as_picture(it->path()))
      pictures.push_back(it->path().string());
    else
      ++others;
  }
  if (error)
    throw Error(ErrorKind::bad_input, folder.string(), ": the folder cannot be read: ", error.message());
  if (pictures.empty())
    throw Error(ErrorKind::bad_input, folder.string(), ": the folder holds no picture (PNG or JPEG), only ",
                others, " other files; folders below it are not searched");
  if (others > 0) console.detail(folder.string(), ": ", others, " files that are not pictures are left out");
  std::ranges::sort(pictures);
  return pictures;
}

std::vector<std::uint8_t> read_standard_input() {
  if (isatty(STDIN_FILENO) != 0)
    throw Error(ErrorKind::usage,
                "'-' reads a picture from standard input, which is a terminal; pipe one in");
  std::vector<std::uint8_t> bytes;
  std::array<std::uint8_t, 1 << 16> block;
  for (;;) {
    const ssize_t got = ::read(STDIN_FILENO, block.data(), block.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw Error(ErrorKind::bad_input, "standard input cannot be read: ", std::strerror(errno));
    if (got == 0) return bytes;
    bytes.insert(bytes.end(), block.begin(), block.begin() + got);
    if (bytes.size() > static_cast<std::size_t>(kMaxImageFileBytes))
      throw Error(ErrorKind::bad_input, "standard input holds more than ", kMaxImageFileBytes,
                  " bytes, more than a picture may have");
  }
}

/// `cat` for cat.png; `cat-png` and `cat-jpg` where both are there.
void name_results(std::vector<PictureSource>& pictures) {
  constexpr std::size_t kLongestStem = 100;
  std::map<std::string, int> uses;
  const auto stem_of = [](const PictureSource& p) {
    return p.path == "-" ? std::string("stdin")
                         : file_safe(fs::path(p.path).stem().string(), kLongestStem, true);
  };
  for (const PictureSource& p : pictures) ++uses[stem_of(p)];
  UniqueNames names;
  for (PictureSource& p : pictures) {
    std::string stem = stem_of(p);
    if (uses[stem] > 1 && p.path != "-")
      stem +=
          "-" +
          file_safe(fs::path(p.path).extension().string().substr(fs::path(p.path).has_extension() ? 1 : 0));
    p.stem = names.take(stem);
  }
}

const char* name_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::internal:
      return "internal";
    case ErrorKind::usage:
      return "usage";
    case ErrorKind::bad_input:
      return "bad_input";
    case ErrorKind::unsupported:
      return "unsupported";
    case ErrorKind::resources:
      return "resources";
  }
  return "internal";
}

}  // namespace

Image PictureSource::read(ExifOrientation orientation) const {
  return path == "-" ? decode_image(read_standard_input(), "standard input", orientation)
                     : read_image(path, orientation);
}

void add_inputs(CLI::App& command, std::vector<std::string>& inputs) {
  command.add_option("IMAGE", inputs, "Pictures (PNG, JPEG), folders of pictures, or - for standard input")
      ->required();
}

PictureList list_pictures(const std::vector<std::string>& inputs, Console& console) {
  PictureList list;
  list.batch = inputs.size() > 1;
  for (const std::string& input : inputs) {
    std::error_code error;
    if (input == "-") {
      if (std::ranges::count(inputs, "-") > 1)
        throw Error(ErrorKind::usage, "'-' was given twice, but standard input can be read only once");
      list.pictures.push_back({input, {}});
    } else if (fs::is_directory(input, error)) {
      list.batch = true;
      for (std::string& path : pictures_of_folder(input, console))
        list.pictures.push_back({std::move(path), {}});
    } else {
      list.pictures.push_back({input, {}});
    }
  }
  name_results(list.pictures);
  return list;
}

BatchResult for_each_picture(const PictureList& list, Console& console,
                             const std::function<nlohmann::ordered_json(const PictureSource&)>& work) {
  BatchResult result;
  const auto failed = [&](const PictureSource& picture, ErrorKind kind, const std::string& what) {
    const std::string name = printable(picture.path);
    console.error(what.find(picture.path) == std::string::npos ? name + ": " + what : what);
    result.errors.push_back({{"file", picture.path}, {"kind", name_of(kind)}, {"message", what}});
  };
  const std::size_t total = list.pictures.size();
  for (std::size_t i = 0; i < total; ++i) {
    const PictureSource& picture = list.pictures[i];
    if (total > 1) console.progress(i + 1, total, picture.path);
    try {
      result.images.push_back(work(picture));
    } catch (const Error& error) {
      if (!list.batch) throw;
      failed(picture, error.kind(), error.what());
    } catch (const std::bad_alloc&) {
      if (!list.batch) throw;
      failed(picture, ErrorKind::resources, "out of memory");
    }
  }
  console.end_progress();
  if (list.batch)
    console.note(result.images.size(), " of ", total, " pictures done, ", result.errors.size(), " failed");
  if (!result.errors.empty()) result.exit_code = kSomeFailed;
  return result;
}

}  // namespace backlight::tools
