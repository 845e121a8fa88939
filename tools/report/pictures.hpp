// The small pictures of a page: inside it as long as they fit, in a folder beside it otherwise.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "engine/image/image.hpp"

namespace backlight::tools {

class PagePictures {
 public:
  /// In files below `folder`, which lies beside the page, once they are more than `budget` bytes of the page.
  PagePictures(std::filesystem::path folder, std::size_t budget)
      : folder_(std::move(folder)), budget_(budget) {}

  /// As JPEG. Returns its number. Throws Error(resources) where the folder or a file cannot be written.
  std::size_t add(const Image& picture);
  /// For the src of an image, once all have been added.
  std::string source(std::size_t number) const;
  bool inside() const { return inside_; }
  /// Removes from the folder what an older page had there and this one has not, and the folder where nothing is left.
  void remove_older() const;

 private:
  void write(std::size_t number, const std::vector<std::uint8_t>& jpeg) const;

  std::filesystem::path folder_;
  std::size_t budget_, bytes_ = 0, count_ = 0;
  bool inside_ = true;
  std::vector<std::vector<std::uint8_t>> jpegs_;
};

}  // namespace backlight::tools
