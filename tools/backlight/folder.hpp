// The pictures of a folder, and of the folders below it.
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace backlight::tools {

struct FolderListing {
  struct Picture {
    std::filesystem::path path;    ///< begins with the folder's, as given
    std::filesystem::path folder;  ///< from the folder to the picture's; empty in the folder itself
  };
  std::vector<Picture> pictures;  ///< in the order of their paths' bytes
  std::size_t written_by_backlight = 0, not_pictures = 0, folders_below = 0;  ///< left out
  std::vector<std::pair<std::filesystem::path, std::string>> unreadable;      ///< folders below, and why
};

/// What is named or signed as a picture, but for hidden files and pictures that backlight wrote. `recursive`
/// descends, through symbolic links too, into each folder once, so that circles end. Throws Error(bad_input)
/// when the folder itself cannot be read.
FolderListing list_folder(const std::filesystem::path& folder, bool recursive);

}  // namespace backlight::tools
