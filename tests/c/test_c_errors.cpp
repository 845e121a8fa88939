// Whatever C hands in: a status, a message, and nothing written.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>

#include "c/support.hpp"
#include "support/temporary_folder.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

/// The status for a change to a picture that is right.
template <class Change>
bl_status classified(const bl_model* model, Change change) {
  static const Image image = scene();
  bl_image view = view_of(image);
  change(view);
  std::int64_t best = -7;
  const bl_status status = bl_classify(model, &view, BL_FIT_CROP, 1, &best, nullptr, nullptr);
  CHECK((status == BL_OK) == (best != -7));
  return status;
}

/// The status for a change to a question that is right.
template <class Change>
bl_status asked(const bl_model* model, Change change) {
  static const Image image = scene();
  const bl_image view = view_of(image);
  bl_question question = question_of();
  change(question);
  auto* explanation = reinterpret_cast<bl_explanation*>(&question);
  const bl_status status = bl_explain(model, &view, BL_FIT_CROP, &question, 1, &explanation);
  CHECK((status == BL_OK) == (explanation != nullptr));
  bl_explanation_free(explanation);
  return status;
}

/// The status of opening a file's content.
bl_status opened(const void* content, std::size_t size, const char* name = "the buffer") {
  bl_model* model = reinterpret_cast<bl_model*>(&size);
  const bl_status status = bl_model_open_memory(content, size, name, nullptr, &model);
  CHECK((status == BL_OK) == (model != nullptr));
  bl_model_free(model);
  return status;
}

}  // namespace

TEST_CASE("c errors: what is NULL and must not be is named") {
  const ModelHandle model = open_shipped();
  const Image image = scene();
  const bl_image view = view_of(image);
  const bl_question question = question_of();
  const ExplanationHandle cam = explained(model.get(), view, question);
  bl_model* none = nullptr;
  bl_explanation* nothing = nullptr;
  std::int64_t index = 0;
  float value = 0;

  CHECK(bl_model_open(nullptr, nullptr, &none) == BL_USAGE);
  CHECK(error_says("path is NULL"));
  CHECK(bl_model_open(shipped_weights_path().c_str(), nullptr, nullptr) == BL_USAGE);
  CHECK(error_says("out is NULL"));
  CHECK(bl_model_open_memory(nullptr, 8, "x", nullptr, &none) == BL_USAGE);
  CHECK(error_says("content is NULL"));
  CHECK(bl_model_open_memory(&value, sizeof value, nullptr, nullptr, &none) == BL_USAGE);
  CHECK(error_says("name is NULL"));
  CHECK(bl_model_get_info(model.get(), nullptr) == BL_USAGE);
  CHECK(error_says("out is NULL"));
  bl_model_info info{};
  info.struct_size = sizeof info;
  CHECK(bl_model_get_info(nullptr, &info) == BL_USAGE);
  CHECK(error_says("model is NULL"));
  CHECK(bl_model_class_name(nullptr, 0) == nullptr);
  CHECK(bl_method_get(0, nullptr) == BL_USAGE);

  CHECK(bl_classify(nullptr, &view, 0, 1, &index, nullptr, nullptr) == BL_USAGE);
  CHECK(error_says("model is NULL"));
  CHECK(bl_classify(model.get(), nullptr, 0, 1, &index, nullptr, nullptr) == BL_USAGE);
  CHECK(error_says("image is NULL"));
  CHECK(classified(model.get(), [](bl_image& of) { of.pixels = nullptr; }) == BL_USAGE);
  CHECK(error_says("image->pixels is NULL"));

  CHECK(bl_explain(nullptr, &view, 0, &question, 1, &nothing) == BL_USAGE);
  CHECK(bl_explain(model.get(), nullptr, 0, &question, 1, &nothing) == BL_USAGE);
  CHECK(bl_explain(model.get(), &view, 0, nullptr, 1, &nothing) == BL_USAGE);
  CHECK(error_says("questions is NULL"));
  CHECK(bl_explain(model.get(), &view, 0, &question, 1, nullptr) == BL_USAGE);
  CHECK(error_says("out is NULL"));
  CHECK(bl_explanation_get_info(nullptr, nullptr) == BL_USAGE);
  CHECK(bl_explanation_get_info(cam.get(), nullptr) == BL_USAGE);
  CHECK(bl_explanation_map(nullptr, &value, 1) == BL_USAGE);
  CHECK(bl_explanation_map(cam.get(), nullptr, 1 << 20) == BL_USAGE);
  CHECK(error_says("out is NULL"));
  CHECK(bl_explanation_overlay(nullptr, BL_RGB, nullptr, 0, 0) == BL_USAGE);
  CHECK(bl_explanation_overlay(cam.get(), BL_RGB, nullptr, 0, 1 << 20) == BL_USAGE);
  CHECK(error_says("out is NULL"));
  bl_model_free(nullptr);
  bl_explanation_free(nullptr);
}

TEST_CASE("c errors: files and memory that hold no network are refused by name") {
  const TemporaryFolder folder;
  const std::string file = folder.path() / "garbage.pth";
  std::ofstream(file) << "no weights, but text";
  bl_model* model = nullptr;
  CHECK(bl_model_open(file.c_str(), nullptr, &model) != BL_OK);
  CHECK(error_says(file));
  CHECK(bl_model_open((folder.path() / "none").c_str(), nullptr, &model) == BL_BAD_INPUT);
  CHECK(error_says("No such file"));
  CHECK(bl_model_open(folder.path().c_str(), nullptr, &model) == BL_BAD_INPUT);
  CHECK(error_says("is a directory"));

  const std::string content = shipped_weights_content();
  CHECK(opened(content.data(), content.size()) == BL_OK);
  CHECK(opened(content.data(), 0, "empty") != BL_OK);
  CHECK(error_says("empty: "));
  // Cut short: within the size of the header, the header, the first and the last tensor.
  for (const std::size_t size : {std::size_t{1}, std::size_t{7}, std::size_t{8}, std::size_t{1000},
                                 content.size() / 2, content.size() - 1}) {
    CAPTURE(size);
    const std::vector<char> cut(content.begin(), content.begin() + static_cast<std::ptrdiff_t>(size));
    CHECK(opened(cut.data(), cut.size()) != BL_OK);
    CHECK(error_says("the buffer: "));
  }
}

TEST_CASE("c errors: options that do not fit are refused") {
  const std::string path = shipped_weights_path();
  const auto status_with = [&](auto change) {
    bl_open_options options{};
    options.struct_size = sizeof options;
    change(options);
    auto* model = reinterpret_cast<bl_model*>(&options);
    const bl_status status = bl_model_open(path.c_str(), &options, &model);
    CHECK((status == BL_OK) == (model != nullptr));
    bl_model_free(model);
    return status;
  };
  CHECK(status_with([](bl_open_options&) {}) == BL_OK);
  CHECK(status_with([](bl_open_options& of) { of.struct_size = 0; }) == BL_USAGE);
  CHECK(error_says("options->struct_size is 0"));
  for (const std::int32_t threads : {-1, 1025, std::numeric_limits<std::int32_t>::max()}) {
    CHECK(status_with([&](bl_open_options& of) { of.threads = threads; }) == BL_USAGE);
    CHECK(error_says("options->threads is " + std::to_string(threads)));
  }
  CHECK(status_with([](bl_open_options& of) { of.architecture = "resnet5O"; }) == BL_USAGE);
  CHECK(error_says("resnet50"));
  CHECK(status_with([](bl_open_options& of) { of.isa = "avx1024"; }) == BL_USAGE);
  CHECK(error_says("unknown instruction set 'avx1024'"));
  CHECK(status_with([](bl_open_options& of) { of.architecture = "vgg16"; }) == BL_BAD_INPUT);
  CHECK(status_with([](bl_open_options& of) { of.key = "no such key"; }) == BL_USAGE);
  CHECK(status_with([](bl_open_options& of) { of.prefix = "no such prefix"; }) == BL_USAGE);
  CHECK(status_with([](bl_open_options& of) { of.labels = "/no/such/labels.txt"; }) == BL_BAD_INPUT);
  CHECK(error_says("/no/such/labels.txt"));
}

TEST_CASE("c errors: images that are none are refused") {
  const ModelHandle model = open_shipped();
  constexpr std::int32_t kMost = std::numeric_limits<std::int32_t>::max();
  CHECK(classified(model.get(), [](bl_image&) {}) == BL_OK);
  CHECK(classified(model.get(), [](bl_image& of) { of.struct_size = 1; }) == BL_USAGE);
  CHECK(error_says("image->struct_size is 1"));
  for (const std::int32_t size : {0, -1, std::numeric_limits<std::int32_t>::min(), kMost}) {
    CAPTURE(size);
    CHECK(classified(model.get(), [&](bl_image& of) { of.width = size; }) == BL_USAGE);
    CHECK(classified(model.get(), [&](bl_image& of) { of.height = size; }) == BL_USAGE);
    CHECK(classified(model.get(), [&](bl_image& of) { of.width = of.height = size; }) == BL_USAGE);
    CHECK(error_says("expected 1 to 178956970 pixels"));
  }
  for (const std::int32_t format : {-1, 4, kMost}) {
    CHECK(classified(model.get(), [&](bl_image& of) { of.format = format; }) == BL_USAGE);
    CHECK(error_says("the format is " + std::to_string(format)));
  }
  // A row of the scene takes 384 bytes.
  for (const std::ptrdiff_t stride : {std::ptrdiff_t{1}, std::ptrdiff_t{383}, std::ptrdiff_t{-383},
                                      PTRDIFF_MAX, PTRDIFF_MIN, PTRDIFF_MAX / 2}) {
    CHECK(classified(model.get(), [&](bl_image& of) { of.stride = stride; }) == BL_USAGE);
    CHECK(error_says("image->stride is " + std::to_string(stride)));
  }
  const Image image = scene();
  const bl_image view = view_of(image);
  for (const std::int32_t fit : {-1, 3, kMost}) {
    std::int64_t best = 0;
    CHECK(bl_classify(model.get(), &view, fit, 1, &best, nullptr, nullptr) == BL_USAGE);
    CHECK(error_says("the fit is " + std::to_string(fit)));
  }
  // One too small for the network to take as it is.
  const std::uint8_t pixel[3] = {1, 2, 3};
  const bl_image small{sizeof small, pixel, 1, 1, 0, BL_RGB};
  bl_explanation* explanation = nullptr;
  const bl_question question = question_of();
  const bl_status status = bl_explain(model.get(), &small, BL_FIT_NONE, &question, 1, &explanation);
  CHECK((status == BL_OK) == (explanation != nullptr));
  bl_explanation_free(explanation);
  CHECK(bl_explain(model.get(), &small, BL_FIT_CROP, &question, 1, &explanation) == BL_OK);
  bl_explanation_free(explanation);
}

TEST_CASE("c errors: as many classes as there are, and one at least, are named") {
  const ModelHandle model = open_shipped();
  const Image image = scene();
  const bl_image view = view_of(image);
  for (const std::size_t count : {std::size_t{0}, std::size_t{11}, ~std::size_t{0}}) {
    std::int64_t classes[10] = {-7};
    CHECK(bl_classify(model.get(), &view, BL_FIT_CROP, count, classes, nullptr, nullptr) == BL_USAGE);
    CHECK(error_says("the count is " + std::to_string(count) + ": expected 1 to 10"));
    CHECK(classes[0] == -7);
  }
}

TEST_CASE("c errors: questions that cannot be meant are refused") {
  const ModelHandle model = open_shipped();
  CHECK(asked(model.get(), [](bl_question&) {}) == BL_OK);
  CHECK(asked(model.get(), [](bl_question& of) { of.struct_size = 8; }) == BL_USAGE);
  CHECK(error_says("questions->struct_size is 8"));
  CHECK(asked(model.get(), [](bl_question& of) { of.method = "grad_cam"; }) == BL_USAGE);
  CHECK(error_says("grad-cam"));
  CHECK(asked(model.get(), [](bl_question& of) { of.method = ""; }) == BL_USAGE);
  CHECK(asked(model.get(), [](bl_question& of) { of.layer = "no.such.layer"; }) == BL_USAGE);
  CHECK(error_says("no.such.layer"));
  CHECK(asked(model.get(), [](bl_question& of) { of.preset = "captun"; }) == BL_USAGE);
  CHECK(error_says("captum"));
  for (const std::int64_t index :
       {std::int64_t{-1}, std::int64_t{10}, std::numeric_limits<std::int64_t>::max(),
        std::numeric_limits<std::int64_t>::min()})
    CHECK(asked(model.get(), [&](bl_question& of) { of.class_index = &index; }) == BL_USAGE);
  CHECK(asked(model.get(), [](bl_question& of) {
          of.method = "gradient";
          of.counterfactual = 1;
        }) == BL_USAGE);
  CHECK(error_says("has no meaning for gradient"));
  CHECK(asked(model.get(), [](bl_question& of) {
          of.method = "guided-grad-cam";
          of.preset = "torch-cam";
        }) == BL_UNSUPPORTED);
  CHECK(asked(model.get(), [](bl_question& of) {
          of.method = "guided-backprop";
          of.layer = "input";
        }) == BL_USAGE);
  CHECK(error_says("guided-backprop looks at no layer of choice"));
}

TEST_CASE("c errors: of several questions one that fails leaves no answer to any") {
  const ModelHandle model = open_shipped();
  const Image image = scene();
  const bl_image view = view_of(image);
  bl_question questions[3] = {question_of(), question_of("cam"), question_of("no-method")};
  std::array<bl_explanation*, 3> all;
  const auto status_of = [&](std::size_t count) {
    all.fill(reinterpret_cast<bl_explanation*>(&all));
    const bl_status status = bl_explain(model.get(), &view, BL_FIT_CROP, questions, count, all.data());
    if (status == BL_OK)
      for (std::size_t i = 0; i < count; ++i) bl_explanation_free(all[i]);
    return status;
  };
  CHECK(status_of(2) == BL_OK);
  CHECK(status_of(3) == BL_USAGE);
  CHECK(std::ranges::all_of(all, [](const auto* each) { return each == nullptr; }));
  const std::int64_t beyond = 10;
  questions[2] = question_of();
  questions[2].class_index = &beyond;
  CHECK(status_of(3) == BL_USAGE);
  CHECK(std::ranges::all_of(all, [](const auto* each) { return each == nullptr; }));
  questions[2].struct_size += 8;
  CHECK(status_of(3) == BL_USAGE);
  for (const std::size_t count : {std::size_t{0}, ~std::size_t{0}}) {
    CHECK(bl_explain(model.get(), &view, BL_FIT_CROP, questions, count, all.data()) == BL_USAGE);
    CHECK(error_says("the number of questions is " + std::to_string(count)));
  }
}

TEST_CASE("c errors: a buffer that is too small is left as it was") {
  const ModelHandle model = open_shipped();
  const Image image = scene();
  const ExplanationHandle cam = explained(model.get(), view_of(image), question_of());
  const bl_explanation_info info = info_of(cam.get());
  std::vector<float> map(static_cast<std::size_t>(info.map_height) * info.map_width - 1, 99);
  CHECK(bl_explanation_map(cam.get(), map.data(), map.size()) == BL_USAGE);
  CHECK(error_says("out holds " + std::to_string(map.size()) + " values"));
  CHECK(std::ranges::count(map, 99.0f) == std::ssize(map));

  const std::size_t row = image.rgb.size() / static_cast<std::size_t>(image.height);
  std::vector<std::uint8_t> pixels(image.rgb.size(), 99);
  const auto status_of = [&](std::int32_t format, std::size_t stride, std::size_t capacity) {
    return bl_explanation_overlay(cam.get(), format, pixels.data(), stride, capacity);
  };
  CHECK(status_of(BL_RGB, 0, pixels.size() - 1) == BL_USAGE);
  CHECK(error_says("out holds " + std::to_string(pixels.size() - 1) + " bytes"));
  CHECK(status_of(BL_RGBA, 0, pixels.size()) == BL_USAGE);
  CHECK(status_of(BL_RGB, row + 1, pixels.size()) == BL_USAGE);
  CHECK(status_of(BL_RGB, row - 1, pixels.size()) == BL_USAGE);
  CHECK(error_says("the stride is " + std::to_string(row - 1)));
  CHECK(status_of(BL_RGB, ~std::size_t{0}, pixels.size()) == BL_USAGE);
  CHECK(status_of(BL_RGB, ~std::size_t{0} / 2, pixels.size()) == BL_USAGE);
  CHECK(status_of(BL_GREY, 0, pixels.size()) == BL_USAGE);
  CHECK(error_says("found BL_GREY"));
  CHECK(status_of(-1, 0, pixels.size()) == BL_USAGE);
  CHECK(std::ranges::count(pixels, 99) == std::ssize(pixels));
  bl_explanation_info wrong{};
  CHECK(bl_explanation_get_info(cam.get(), &wrong) == BL_USAGE);
  CHECK(error_says("out->struct_size is 0"));
  bl_method method{};
  method.struct_size = sizeof method;
  CHECK(bl_method_get(bl_method_count(), &method) == BL_USAGE);
  CHECK(method.name == nullptr);
}
