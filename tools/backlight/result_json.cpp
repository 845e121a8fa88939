#include "tools/backlight/result_json.hpp"

#include <algorithm>
#include <charconv>

#include "engine/core/version.hpp"
#include "tools/backlight/common.hpp"

namespace backlight::tools {

namespace {

Json numbers(std::span<const float> values) {
  Json list = Json::array();
  for (const float v : values) list.push_back(number(v));
  return list;
}

/// Architecture, classes, file and SHA-256.
Json model_json(const Model& model) {
  return {{"architecture", model.info.name},   {"classes", model.labels.size()},
          {"weights", model.weights.string()}, {"weights_sha256", model.weights_sha256},
          {"left_out", model.left_out},        {"labels_from", name_of(model.labels_from)},
          {"scores", name_of(model.scores)},   {"assumptions", model.assumptions}};
}

}  // namespace

Json document(std::string_view kind) {
  return {{"schema", "backlight." + std::string(kind)},
          {"schema_version", kSchemaVersion},
          {"backlight_version", version()}};
}

Json preprocessing_json(const Preprocessing& how, const PreprocessingOrigins& from) {
  const std::size_t channels = how.channels == 1 || how.channels == 4 ? how.channels : 3;
  return {{"input_size", how.input_size},
          {"resize_size", how.resize_size},
          {"interpolation", name_of(how.interpolation)},
          {"divisor", number(how.divisor)},
          {"mean", numbers(std::span(how.mean).first(channels))},
          {"std", numbers(std::span(how.std).first(channels))},
          {"channel_order", how.channels == 1   ? "L"
                            : how.channels == 4 ? (how.bgr ? "BGRA" : "RGBA")
                            : how.bgr           ? "BGR"
                                                : "RGB"},
          {"from",
           {{"input_size", name_of(from.input_size)},
            {"resize_size", name_of(from.resize_size)},
            {"interpolation", name_of(from.interpolation)},
            {"divisor", name_of(from.divisor)},
            {"mean", name_of(from.mean)},
            {"std", name_of(from.std)},
            {"channel_order", name_of(from.channel_order)}}}};
}

Json run_json(std::string_view kind, const Model& model, Fit fit, ExifOrientation exif,
              const Context& context) {
  return run_json(kind, model_json(model),
                  preprocessing_json(model.info.preprocessing, model.preprocessing_from), fit, exif, context);
}

Json run_json(std::string_view kind, Json model, const Json& preprocessing, Fit fit, ExifOrientation exif,
              const Context& context) {
  Json json = document(kind);
  json["model"] = std::move(model);
  json["preprocessing"] = {{"fit", name_of(fit)},
                           {"exif_orientation", exif == ExifOrientation::apply ? "applied" : "ignored"}};
  json["preprocessing"].update(preprocessing);
  json["device"] = text(context.device());
  json["precision"] = name_of(context.precision());
  json["threads"] = context.threads();
  json["isa"] = cpu::name_of(context.isa());
  return json;
}

Json image_json(const PictureSource& source, const Image& image, const Fitted& fitted) {
  const Provenance& from = image.provenance;
  const PixelRect seen = fitted.placement.seen();
  return {{"file", source.path},
          {"width", image.width},
          {"height", image.height},
          {"format", from.format},
          {"channels", from.channels},
          {"bit_depth", from.bit_depth},
          {"palette", from.palette},
          {"alpha_dropped", from.alpha_dropped},
          {"exif_orientation", from.exif_orientation},
          {"orientation_applied", from.orientation_applied},
          {"warnings", from.warnings},
          {"notes", from.notes},
          {"input", {{"height", fitted.seen.height}, {"width", fitted.seen.width}}},
          {"seen", {{"x0", seen.x0}, {"y0", seen.y0}, {"x1", seen.x1}, {"y1", seen.y1}}}};
}

Json class_json(const Model& model, std::int64_t index) {
  return {{"index", index}, {"name", model.labels.at(static_cast<std::size_t>(index))}};
}

Json box_json(const Box& box) { return {{"x0", box.x0}, {"y0", box.y0}, {"x1", box.x1}, {"y1", box.y1}}; }

Json predictions_json(const Model& model, const ClassScores& scores, std::span<const std::int64_t> classes) {
  Json list = Json::array();
  for (const std::int64_t c : classes) {
    Json entry = class_json(model, c);
    entry["logit"] = number(scores.logits[static_cast<std::size_t>(c)]);
    entry["probability"] = scores.probabilities[static_cast<std::size_t>(c)];
    list.push_back(std::move(entry));
  }
  return list;
}

Json range_json(const Tensor& tensor) {
  const auto [low, high] = std::ranges::minmax(tensor.values());
  Json json;
  if (tensor.shape().rank() == 3) json["channels"] = tensor.shape()[0];
  json["height"] = tensor.shape()[-2];
  json["width"] = tensor.shape()[-1];
  json["min"] = number(low);
  json["max"] = number(high);
  return json;
}

Json number(float value) {
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  double wide = 0;
  std::from_chars(digits, end, wide);
  return wide;
}

Json number(double value) { return number(static_cast<float>(value)); }

std::string dump(const Json& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"; }

}  // namespace backlight::tools
