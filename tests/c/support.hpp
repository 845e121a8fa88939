// What the tests of the C interface share: the network that ships, and a scene for it.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "models/scenes/scene.hpp"
#include "support/contains.hpp"
#include "tools/c/backlight.h"

namespace backlight::test {

inline std::string shipped_weights_path() {
  return (std::filesystem::path(BACKLIGHT_SOURCE_DIR) / "weights/backlight_scenes.safetensors").string();
}

inline std::string shipped_weights_content() {
  std::ifstream in(shipped_weights_path(), std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

struct FreeModel {
  void operator()(bl_model* model) const { bl_model_free(model); }
};
using ModelHandle = std::unique_ptr<bl_model, FreeModel>;

struct FreeExplanation {
  void operator()(bl_explanation* explanation) const { bl_explanation_free(explanation); }
};
using ExplanationHandle = std::unique_ptr<bl_explanation, FreeExplanation>;

inline ModelHandle open_shipped(int threads = 0, const char* isa = nullptr) {
  bl_open_options options{};
  options.struct_size = sizeof options;
  options.threads = threads;
  options.isa = isa;
  bl_model* model = nullptr;
  REQUIRE(bl_model_open(shipped_weights_path().c_str(), &options, &model) == BL_OK);
  return ModelHandle(model);
}

/// Not square, so that rows and columns are not taken for each other.
inline Image scene() {
  const Image square = scenes::render_scene(7, 3, {.size = 128, .min_objects = 2, .max_objects = 2}).image;
  Image image(square.width, square.height - 25);
  std::copy_n(square.rgb.begin(), image.rgb.size(), image.rgb.begin());
  return image;
}

/// The picture's own pixels.
inline bl_image view_of(const Image& image) {
  return {sizeof(bl_image), image.rgb.data(), image.width, image.height, 0, BL_RGB};
}

inline bl_question question_of(const char* method = nullptr) {
  bl_question question{};
  question.struct_size = sizeof question;
  question.method = method;
  return question;
}

inline ExplanationHandle explained(const bl_model* model, const bl_image& image, const bl_question& question,
                                   bl_fit fit = BL_FIT_CROP) {
  bl_explanation* explanation = nullptr;
  const bl_status status = bl_explain(model, &image, fit, &question, 1, &explanation);
  CAPTURE(bl_last_error());
  REQUIRE(status == BL_OK);
  return ExplanationHandle(explanation);
}

inline bl_explanation_info info_of(const bl_explanation* explanation) {
  bl_explanation_info info{};
  info.struct_size = sizeof info;
  REQUIRE(bl_explanation_get_info(explanation, &info) == BL_OK);
  return info;
}

inline std::vector<float> map_of(const bl_explanation* explanation) {
  const bl_explanation_info info = info_of(explanation);
  std::vector<float> map(static_cast<std::size_t>(info.map_channels) * info.map_height * info.map_width);
  REQUIRE(bl_explanation_map(explanation, map.data(), map.size()) == BL_OK);
  return map;
}

/// In R G B without gaps.
inline std::vector<std::uint8_t> overlay_of(const bl_explanation* explanation) {
  const bl_explanation_info info = info_of(explanation);
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(info.picture_width) * info.picture_height * 3);
  REQUIRE(bl_explanation_overlay(explanation, BL_RGB, pixels.data(), 0, pixels.size()) == BL_OK);
  return pixels;
}

/// Whether this thread's last error has these words; shows it where not.
inline bool error_says(const std::string& words) {
  const std::string why = bl_last_error();
  CAPTURE(why);
  CHECK(contains(why, words));
  return contains(why, words);
}

}  // namespace backlight::test
