// Parts of the machine-readable output, documented in tools/README.md.
#pragma once

#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <string_view>

#include "engine/image/image.hpp"
#include "engine/runtime/device.hpp"
#include "kernels/preprocess/preprocess.hpp"
#include "models/model.hpp"
#include "tools/backlight/pictures.hpp"
#include "tools/backlight/scores.hpp"

namespace backlight::tools {

/// Members keep the order in which they were added.
using Json = nlohmann::ordered_json;

/// Raised when a member is removed or changes its meaning; new members may come without.
inline constexpr int kSchemaVersion = 1;

/// `{"schema": "backlight.KIND", "schema_version", "backlight_version"}`.
Json document(std::string_view kind);
/// Sizes and arithmetic, and who said so.
Json preprocessing_json(const Preprocessing& how, const PreprocessingOrigins& from);
/// The document of a run on pictures: network, preparation, and where it was computed.
Json run_json(std::string_view kind, const Model& model, Fit fit, ExifOrientation exif,
              const Context& context);
/// The same of any network, whose own members are given.
Json run_json(std::string_view kind, Json model, const Json& preprocessing, Fit fit, ExifOrientation exif,
              const Context& context);
/// The file, its size, what it held before it became 8-bit RGB, and what the network saw of it.
Json image_json(const PictureSource& source, const Image& image, const Fitted& fitted);
/// `{"index", "name"}`.
Json class_json(const Model& model, std::int64_t index);
/// `{"x0", "y0", "x1", "y1"}` in pixels of the source, by the box's edges.
Json box_json(const Box& box);
/// `{"index", "name", "logit", "probability"}` of each class.
Json predictions_json(const Model& model, const ClassScores& scores, std::span<const std::int64_t> classes);
/// Size and range of a result; the last two extents are height and width.
Json range_json(const Tensor& tensor);
/// A float by the fewest digits that mean it: 0.485, not 0.48500001430511475.
Json number(float value);
/// What was added up in double, as the float nearest to it.
Json number(double value);

/// Text of a document, indented, with a newline. Bytes that are no UTF-8 (in a file's name) become U+FFFD.
std::string dump(const Json& json);

}  // namespace backlight::tools
