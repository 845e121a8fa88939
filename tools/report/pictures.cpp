#include "tools/report/pictures.hpp"

#include <array>
#include <charconv>

#include "engine/core/version.hpp"
#include "engine/image/origin.hpp"
#include "engine/image/write.hpp"
#include "tools/backlight/html.hpp"
#include "tools/backlight/outputs.hpp"

namespace backlight::tools {
namespace {

/// Of small pictures without a sharp edge it cannot be told from more.
constexpr int kPageJpegQuality = 85;

std::string file_name(std::size_t number) {
  const std::string digits = std::to_string(number);
  return std::string(digits.size() < 6 ? 6 - digits.size() : 0, '0') + digits + ".jpg";
}

}  // namespace

std::size_t PagePictures::add(const Image& picture) {
  // By its text a picture is known as a result, and no other run takes it for one of the user's.
  const std::array facts{
      PictureText{"backlight", R"({"backlight_version": ")" + std::string(version()) + "\"}"}};
  std::vector<std::uint8_t> jpeg = encode_jpeg(picture, facts, kPageJpegQuality);
  bytes_ += (jpeg.size() + 2) / 3 * 4;
  if (inside_ && bytes_ > budget_) {
    inside_ = false;
    make_folder(folder_);
    for (std::size_t i = 0; i < jpegs_.size(); ++i) write(i, jpegs_[i]);
    jpegs_.clear();
  }
  if (inside_)
    jpegs_.push_back(std::move(jpeg));
  else
    write(count_, jpeg);
  return count_++;
}

std::string PagePictures::source(std::size_t number) const {
  return inside_ ? "data:image/jpeg;base64," + base64(jpegs_.at(number))
                 : folder_.filename().string() + "/" + file_name(number);
}

void PagePictures::remove_older() const {
  std::error_code none;
  std::vector<std::filesystem::path> older;
  for (const auto& entry : std::filesystem::directory_iterator(folder_, none)) {
    const std::string name = entry.path().filename().string();
    std::size_t number = 0;
    std::from_chars(name.data(), name.data() + name.size(), number);
    if (name == file_name(number) && (inside_ || number >= count_) &&
        is_written_by_backlight(entry.path().string()))
      older.push_back(entry.path());
  }
  for (const std::filesystem::path& file : older) std::filesystem::remove(file, none);
  std::filesystem::remove(folder_, none);  // which a folder that is not empty outlives
}

void PagePictures::write(std::size_t number, const std::vector<std::uint8_t>& jpeg) const {
  write_file((folder_ / file_name(number)).string(), jpeg);
}

}  // namespace backlight::tools
