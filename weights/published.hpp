// Published files of weights that are known by the first digits of their SHA-256.
#pragma once

#include <string_view>

namespace backlight {

struct PublishedWeights {
  std::string_view file;    ///< `resnet18-f37072fd.pth`
  std::string_view sha256;  ///< its first eight digits
  std::string_view architecture;
  int resize = 256;  ///< short side before the centre crop
};

/// The entry whose digits `sha256` begins with, or null.
const PublishedWeights* find_published(std::string_view sha256);
/// The same, but null as well where the entry is of another architecture.
const PublishedWeights* find_published(std::string_view sha256, std::string_view architecture);

}  // namespace backlight
