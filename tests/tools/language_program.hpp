// What tests of captions and questions share: the library's own answers, and what stands in figures.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <span>
#include <string>
#include <vector>

#include "engine/run/run.hpp"
#include "models/language/head_explanation.hpp"
#include "tools/program.hpp"

namespace backlight::test {

inline constexpr const char* kQuestion = "What colour is the star?";
inline constexpr const char* kSaid = "a red star above a blue ring";

/// What the library says of a picture, by itself.
struct Library {
  language::LanguageModel model;
  Context context;
  Tensor map;

  Library(const std::string& weights, const std::string& picture)
      : model(language::load_language_model(weights)) {
    const Fitted fitted = preprocess(read_image(picture), model.preprocessing);
    map = Run(model.cnn, context, fitted.x.clone()).output().clone();
  }
  language::HeadExplanation head(std::vector<std::int32_t> tokens) {
    return {model.head, context, map, tokens};
  }
};

inline std::vector<float> floats_of(const Tensor& tensor) {
  return {tensor.values().begin(), tensor.values().end()};
}
inline NpyArray npy_of(const Json& map) { return read_npy(map["files"]["npy"].get<std::string>()); }
inline std::string overlay_of(const Json& map) {
  return read_text(map["files"]["overlay"].get<std::string>());
}

inline Image overlay_image(const Json& map) { return read_image(map["files"]["overlay"].get<std::string>()); }

/// Where a picture stands in a figure, pixel by pixel; fails the test where it does not.
struct Spot {
  int x = -1, y = -1;
};
inline Spot spot_of(const Image& figure, const Image& picture) {
  const auto row = [](const Image& image, int x, int y, int width) {
    return std::span(image.at(x, y), static_cast<std::size_t>(width) * 3);
  };
  for (int y = 0; y + picture.height <= figure.height; ++y)
    for (int x = 0; x + picture.width <= figure.width; ++x) {
      int same = 0;
      while (same < picture.height && std::ranges::equal(row(figure, x, y + same, picture.width),
                                                         row(picture, 0, same, picture.width)))
        ++same;
      if (same == picture.height) return {x, y};
    }
  FAIL_CHECK("the figure does not have the picture");
  return {};
}

inline void check_refused(const Workspace& work, const std::vector<std::string>& arguments, int exit_code,
                          const std::string& why) {
  const ProcessResult result = work.run(arguments);
  CAPTURE(result.err);
  CHECK(result.exit_code == exit_code);
  CHECK(result.out.empty());
  CHECK(contains(result.err, why));
  CHECK(std::ranges::count(result.err, '\n') == 1);
}

}  // namespace backlight::test
