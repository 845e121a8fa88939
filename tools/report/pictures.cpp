#include "tools/report/pictures.hpp"

#include <array>

#include "engine/core/version.hpp"
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

void PagePictures::write(std::size_t number, const std::vector<std::uint8_t>& jpeg) const {
  write_file((folder_ / file_name(number)).string(), jpeg);
}

}  // namespace backlight::tools
