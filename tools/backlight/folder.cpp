#include "tools/backlight/folder.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <deque>
#include <fstream>
#include <set>
#include <span>
#include <string_view>
#include <system_error>

#include "engine/core/error.hpp"
#include "engine/image/container.hpp"
#include "engine/image/origin.hpp"
#include "tools/backlight/names.hpp"

namespace backlight::tools {
namespace {

namespace fs = std::filesystem;

/// Names that promise a picture, readable here or not: a user wants to hear of the latter.
bool named_as_picture(const fs::path& path) {
  constexpr std::array<std::string_view, 13> kExtensions{".png",  ".jpg",  ".jpeg", ".jpe",  ".jfif",
                                                         ".gif",  ".bmp",  ".tif",  ".tiff", ".webp",
                                                         ".heic", ".heif", ".avif"};
  return std::ranges::find(kExtensions, lowered(path.extension().string())) != kExtensions.end();
}

bool signed_as_picture(const fs::path& path) {
  std::array<std::uint8_t, kLongestSignature> begin{};
  std::ifstream file(path, std::ios::binary);
  file.read(reinterpret_cast<char*>(begin.data()), begin.size());
  return begins_as_picture(std::span(begin).first(static_cast<std::size_t>(file.gcount())));
}

/// Folders still to be read. Links come last, so that a folder is met under its own path where it has one.
class Agenda {
 public:
  void add(const fs::path& path, const fs::path& relative, bool link) {
    (link ? links_ : folders_).push_back({path, relative});
  }
  /// The next folder that was not taken before, under any name.
  bool take(std::pair<fs::path, fs::path>& next) {
    while (!folders_.empty() || !links_.empty()) {
      auto& from = folders_.empty() ? links_ : folders_;
      next = std::move(from.front());
      from.pop_front();
      struct stat status {};
      // What cannot be asked about cannot be read either, which reading it reports.
      if (::stat(next.first.c_str(), &status) != 0 || taken_.emplace(status.st_dev, status.st_ino).second)
        return true;
    }
    return false;
  }

 private:
  std::deque<std::pair<fs::path, fs::path>> folders_, links_;
  std::set<std::pair<dev_t, ino_t>> taken_;
};

/// One folder's entries by name, without hidden ones.
std::vector<fs::directory_entry> entries_of(const fs::path& folder, std::error_code& error) {
  std::vector<fs::directory_entry> entries;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    if (!it->path().filename().string().starts_with('.')) entries.push_back(*it);
  std::ranges::sort(entries, {}, [](const fs::directory_entry& entry) { return entry.path().string(); });
  return entries;
}

}  // namespace

FolderListing list_folder(const fs::path& folder, bool recursive) {
  FolderListing listing;
  Agenda agenda;
  agenda.add(folder, {}, false);
  for (std::pair<fs::path, fs::path> next; agenda.take(next);) {
    const auto& [path, relative] = next;
    std::error_code error;
    for (const fs::directory_entry& entry : entries_of(path, error)) {
      std::error_code none;
      if (entry.is_directory(none)) {
        ++listing.folders_below;
        if (recursive) agenda.add(entry.path(), relative / entry.path().filename(), entry.is_symlink(none));
      } else if (!entry.is_regular_file(none) ||
                 (!named_as_picture(entry.path()) && !signed_as_picture(entry.path()))) {
        ++listing.not_pictures;
      } else if (is_written_by_backlight(entry.path().string())) {
        ++listing.written_by_backlight;
      } else {
        listing.pictures.push_back({entry.path(), relative});
      }
    }
    const std::string why = "the folder cannot be read: " + error.message();
    if (error && relative.empty()) throw Error(ErrorKind::bad_input, folder.string(), ": ", why);
    if (error) listing.unreadable.emplace_back(path, why);
  }
  if (recursive) listing.folders_below = 0;
  std::ranges::sort(listing.pictures, {},
                    [](const FolderListing::Picture& picture) { return picture.path.string(); });
  return listing;
}

}  // namespace backlight::tools
