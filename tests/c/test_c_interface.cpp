// The C interface against the library's own: every answer has its bits.
#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <thread>

#include "c/support.hpp"
#include "models/pictures.hpp"
#include "support/fill_network.hpp"
#include "support/process.hpp"
#include "support/sanitized.hpp"
#include "support/temporary_folder.hpp"
#include "weights/safetensors.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

/// What the library makes of a picture, at the presets' layers and the head's.
class Known {
 public:
  Known(const Model& model, const Image& image, Fit fit)
      : model_(model), image_(image), fitted_(preprocess(image, model.info.preprocessing, fit)) {
    image_.alpha.clear();
  }

  Result result(const Method& method, Preset preset, std::int64_t index, Direction direction) {
    const NodeId chosen = layer_of(preset);
    Question question{{{index}, direction}, method.layer_in(model_.network, chosen), preset};
    question.range = input_range(method, fitted_.x, model_.info.preprocessing);
    return std::move(method.explain(probe_, question).front());
  }
  std::vector<std::uint8_t> overlay(const Result& result, Preset preset) const {
    return result.overlay(image_, fitted_.placement, preset).rgb;
  }
  std::optional<Box> box(const Result& result, Preset preset) const {
    return result.box(fitted_.placement, preset);
  }
  ClassScores scores() const { return class_scores(probe_.scores().values(), model_.scores); }

 private:
  NodeId layer_of(Preset preset) const { return model_.network.find(model_.info.default_layers.of(preset)); }
  std::vector<NodeId> layers() const {
    std::set<NodeId> all{find_cam_head(model_.network)->features};
    for (const Preset preset : kPresets) all.insert(layer_of(preset));
    return {all.begin(), all.end()};
  }

  const Model& model_;
  Image image_;
  Fitted fitted_;
  Context context_;
  Probe probe_{model_.network, context_, fitted_.x.clone(), layers(), /*input_gradient=*/true,
               /*tails=*/true};
};

bool same_bits_in(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

bool same_box(const bl_explanation_info& info, const std::optional<Box>& box) {
  if (!box) return info.has_box == 0;
  return info.has_box == 1 && std::ranges::equal(info.box, std::array{box->x0, box->y0, box->x1, box->y1});
}

std::vector<std::uint8_t> content_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

TEST_CASE("c: the README's program writes the library's overlay, byte for byte") {
  const TemporaryFolder folder;
  const Image image = scene();
  const std::string header = text("P6 ", image.width, " ", image.height, " 255\n");
  const auto picture = folder.path() / "picture.ppm", overlay = folder.path() / "overlay.ppm";
  std::ofstream(picture, std::ios::binary) << header << std::string(image.rgb.begin(), image.rgb.end());
  const ProcessResult run =
      run_process({BACKLIGHT_README_IN_C, shipped_weights_path(), picture.string(), overlay.string()});
  CAPTURE(run.err);
  REQUIRE(run.exit_code == 0);

  const Model model = load_model(shipped_weights_path());
  Known known(model, image, Fit::crop);
  const std::int64_t best = known.scores().best(1).front();
  CHECK(contains(run.out, model.labels.at(static_cast<std::size_t>(best))));
  constexpr Preset kPreset = Preset::pytorch_grad_cam;
  const std::vector<std::uint8_t> pixels =
      known.overlay(known.result(find_method("grad-cam"), kPreset, best, Direction::evidence), kPreset);
  std::vector<std::uint8_t> expected(header.begin(), header.end());
  expected.insert(expected.end(), pixels.begin(), pixels.end());
  CHECK(content_of(overlay) == expected);
  CHECK(pixels != image.rgb);
}

TEST_CASE("c: a program without a file of weights says why") {
  const ProcessResult run = run_process({BACKLIGHT_README_IN_C, "/no/such/file", "/dev/null", "/dev/null"});
  CHECK(run.exit_code != 0);
}

TEST_CASE("c: one call answers every method and preset with the library's bits") {
  const Image image = scene();
  const Model model = load_model(shipped_weights_path());
  const ModelHandle handle = open_shipped();
  const bl_image view = view_of(image);
  struct Case {
    const Method* method;
    Preset preset;
    std::int64_t index;
    Direction direction;
  };
  std::vector<Case> cases;
  for (const Method& method : methods())
    for (const Preset preset : method.presets) {
      // Refused for a target below 0.
      if (method.name == "ablation-cam" && preset == Preset::pytorch_grad_cam) continue;
      // Thousands of passes say no more than the few of the others.
      if (method.name == "rise") continue;
      // One is enough to show what memory a method touches.
      if (test::sanitized() && preset != method.presets.front()) continue;
      cases.push_back({&method, preset, 4, Direction::evidence});
      if (method.counterfactual) cases.push_back({&method, preset, 0, Direction::counterfactual});
    }
  REQUIRE(cases.size() > (test::sanitized() ? 20 : 35));
  std::vector<bl_question> questions;
  for (const Case& each : cases) {
    bl_question question = question_of(each.method->name.data());
    question.preset = name_of(each.preset).data();
    question.class_index = &each.index;
    question.counterfactual = each.direction == Direction::counterfactual;
    questions.push_back(question);
  }
  struct Fitting {
    Fit fit;
    bl_fit of_c;
    std::size_t count;
  };
  // What is asked has no part in how the picture is fitted: a few questions tell.
  for (const auto& [fit, of_c, count] :
       {Fitting{Fit::crop, BL_FIT_CROP, cases.size()}, Fitting{Fit::stretch, BL_FIT_STRETCH, 8},
        Fitting{Fit::none, BL_FIT_NONE, 8}}) {
    CAPTURE(name_of(fit));
    std::vector<bl_explanation*> explanations(count);
    const bl_status status =
        bl_explain(handle.get(), &view, of_c, questions.data(), count, explanations.data());
    CAPTURE(bl_last_error());
    REQUIRE(status == BL_OK);
    Known known(model, image, fit);
    for (std::size_t i = 0; i < count; ++i) {
      const auto& [method, preset, index, direction] = cases[i];
      CAPTURE(method->name);
      CAPTURE(name_of(preset));
      const ExplanationHandle explanation(explanations[i]);
      const bl_explanation_info info = info_of(explanation.get());
      CHECK(info.method == method->name);
      CHECK(info.class_index == index);
      CHECK((info.layer != nullptr) == (method->needs.layer || method->needs.cam_head));
      CHECK(info.map_channels == (method->gives_gradient({}) ? 3 : 1));
      const Result expected = known.result(*method, preset, index, direction);
      CHECK(same_bits_in(map_of(explanation.get()), expected.raw().values()));
      CHECK(overlay_of(explanation.get()) == known.overlay(expected, preset));
      CHECK(same_box(info, known.box(expected, preset)));
    }
  }
}

TEST_CASE("c: classes come best first with the library's scores and probabilities") {
  const Image image = scene();
  const Model model = load_model(shipped_weights_path());
  const ClassScores expected = Known(model, image, Fit::crop).scores();
  const ModelHandle handle = open_shipped();
  const bl_image view = view_of(image);
  const std::size_t count = expected.logits.size();
  std::vector<std::int64_t> classes(count + 1, -7);
  std::vector<float> scores(count + 1, -7);
  std::vector<double> probabilities(count + 1, -7);
  REQUIRE(bl_classify(handle.get(), &view, BL_FIT_CROP, count, classes.data(), scores.data(),
                      probabilities.data()) == BL_OK);
  CHECK(classes.back() == -7);
  CHECK(scores.back() == -7);
  CHECK(probabilities.back() == -7);
  classes.pop_back();
  scores.pop_back();
  CHECK(classes == expected.best(count));
  for (std::size_t i = 0; i < count; ++i) {
    const auto index = static_cast<std::size_t>(classes[i]);
    CHECK(scores[i] == expected.logits[index]);
    CHECK(probabilities[i] == expected.probabilities[index]);
  }
  // The widest kernels are those of no choice.
  const auto scores_by = [&](std::string_view isa) {
    std::vector<float> all(count);
    CHECK(bl_classify(open_shipped(0, isa.data()).get(), &view, BL_FIT_CROP, count, nullptr, all.data(), nullptr) ==
          BL_OK);
    return all;
  };
  CHECK(scores_by(cpu::name_of(cpu::best_isa())) == scores);
  CHECK((scores_by("portable") == scores) == (cpu::best_isa() == cpu::Isa::portable));
  // What is not wanted is left out.
  std::int64_t best = -1;
  CHECK(bl_classify(handle.get(), &view, BL_FIT_CROP, 1, &best, nullptr, nullptr) == BL_OK);
  CHECK(best == classes.front());
  CHECK(bl_classify(handle.get(), &view, BL_FIT_CROP, 1, nullptr, nullptr, nullptr) == BL_OK);

  const bl_explanation_info info = info_of(explained(handle.get(), view, question_of()).get());
  CHECK(info.class_index == best);
  CHECK(info.score == scores.front());
  CHECK(info.probability == probabilities.front());
}

TEST_CASE("c: pixels of every format and stride are the same picture") {
  const Image image = scene();
  const ModelHandle handle = open_shipped();
  const std::vector<float> expected = map_of(explained(handle.get(), view_of(image), question_of()).get());
  const std::ptrdiff_t width = image.width, height = image.height;
  struct Layout {
    bl_format format;
    std::ptrdiff_t samples, gap;
    bool from_bottom;
  };
  for (const Layout& layout :
       {Layout{BL_RGB, 3, 0, false}, Layout{BL_RGB, 3, 5, false}, Layout{BL_BGR, 3, 1, true},
        Layout{BL_BGR, 3, 0, false}, Layout{BL_RGBA, 4, 0, false}, Layout{BL_RGBA, 4, 12, true}}) {
    CAPTURE(layout.format);
    CAPTURE(layout.gap);
    const std::ptrdiff_t row = width * layout.samples, pitch = row + layout.gap;
    // Nothing lies behind the last row, so that what reads there is found out.
    std::vector<std::uint8_t> bytes(static_cast<std::size_t>(pitch * (height - 1) + row), 99);
    const std::ptrdiff_t stride = layout.from_bottom ? -pitch : pitch;
    std::uint8_t* top = bytes.data() + (layout.from_bottom ? pitch * (height - 1) : 0);
    for (int y = 0; y < height; ++y)
      for (int x = 0; x < width; ++x)
        for (int c = 0; c < 3; ++c)
          top[y * stride + x * layout.samples + (layout.format == BL_BGR ? 2 - c : c)] = image.at(x, y)[c];
    const bl_image view{sizeof view, top, image.width, image.height, stride, layout.format};
    CHECK(same_bits_in(map_of(explained(handle.get(), view, question_of()).get()), expected));
  }

  Image grey = image;
  std::vector<std::uint8_t> samples;
  for (std::size_t i = 0; i < grey.rgb.size(); i += 3) {
    samples.push_back(grey.rgb[i + 1]);
    grey.rgb[i] = grey.rgb[i + 2] = grey.rgb[i + 1];
  }
  const bl_image view{sizeof view, samples.data(), grey.width, grey.height, 0, BL_GREY};
  const ExplanationHandle of_samples = explained(handle.get(), view, question_of()),
                          of_pixels = explained(handle.get(), view_of(grey), question_of());
  CHECK(same_bits_in(map_of(of_samples.get()), map_of(of_pixels.get())));
  CHECK(overlay_of(of_samples.get()) == overlay_of(of_pixels.get()));
}

TEST_CASE("c: a network of four channels sees the alpha of pixels that have one") {
  Context context;
  NetworkDescription description = describe("resnet20_cifar", 10);
  description.channels = 4;
  Network network = build_model(description);
  fill_network(network, context);
  std::vector<TensorToWrite> tensors;
  for (const NamedParameter& p : network.parameters()) tensors.push_back({p.name, p.tensor});
  const TemporaryFolder folder;
  const std::string path = folder.path() / "rgba.safetensors";
  write_safetensors(path, tensors);
  const Model model = load_model(path);
  bl_model* opened = nullptr;
  REQUIRE(bl_model_open(path.c_str(), nullptr, &opened) == BL_OK);
  const ModelHandle handle(opened);
  bl_model_info info{};
  info.struct_size = sizeof info;
  REQUIRE(bl_model_get_info(handle.get(), &info) == BL_OK);
  CHECK(info.input_channels == 4);
  CHECK(contains(info.assumptions, "alpha"));

  Image image = scene();
  std::vector<std::uint8_t> rgba;
  for (std::size_t i = 0; i < image.rgb.size(); i += 3) {
    image.alpha.push_back(static_cast<std::uint8_t>(i % 256));
    rgba.insert(rgba.end(), {image.rgb[i], image.rgb[i + 1], image.rgb[i + 2], image.alpha.back()});
  }
  const bl_image view{sizeof view, rgba.data(), image.width, image.height, 0, BL_RGBA};
  std::int64_t index = 3;
  bl_question question = question_of("gradient");
  question.class_index = &index;
  const auto check = [&](const bl_image& pixels, const Image& same) {
    const ExplanationHandle gradient = explained(handle.get(), pixels, question);
    Known known(model, same, Fit::crop);
    constexpr Preset kPreset = Preset::pytorch_grad_cam;
    const Result expected = known.result(find_method("gradient"), kPreset, index, Direction::evidence);
    CHECK(info_of(gradient.get()).map_channels == 4);
    std::vector<float> map = map_of(gradient.get());
    CHECK(same_bits_in(map, expected.raw().values()));
    CHECK(overlay_of(gradient.get()) == known.overlay(expected, kPreset));
    return map;
  };
  const std::vector<float> transparent = check(view, image);
  image.alpha.clear();
  CHECK(check(view_of(image), image) != transparent);
}

TEST_CASE("c: an overlay is written in every format of colours, and gaps are not") {
  const Image image = scene();
  const ModelHandle handle = open_shipped();
  const ExplanationHandle cam = explained(handle.get(), view_of(image), question_of());
  const std::vector<std::uint8_t> expected = overlay_of(cam.get());
  const auto width = static_cast<std::size_t>(image.width), height = static_cast<std::size_t>(image.height);
  for (const bl_format format : {BL_RGB, BL_BGR, BL_RGBA}) {
    CAPTURE(format);
    const std::size_t samples = format == BL_RGBA ? 4 : 3, stride = width * samples + 7;
    std::vector<std::uint8_t> out(stride * (height - 1) + width * samples, 99);
    REQUIRE(bl_explanation_overlay(cam.get(), format, out.data(), stride, out.size()) == BL_OK);
    std::size_t wrong = 0;
    for (std::size_t y = 0; y < height; ++y) {
      for (std::size_t x = 0; x < width; ++x) {
        const std::uint8_t* pixel = &out[y * stride + x * samples];
        for (std::size_t c = 0; c < 3; ++c)
          wrong += pixel[format == BL_BGR ? 2 - c : c] != expected[(y * width + x) * 3 + c];
        wrong += format == BL_RGBA && pixel[3] != 255;
      }
      for (std::size_t i = width * samples; i < stride && y + 1 < height; ++i)
        wrong += out[y * stride + i] != 99;
    }
    CHECK(wrong == 0);
  }
}

TEST_CASE("c: weights in memory make the same model, and are not needed afterwards") {
  std::string content = shipped_weights_content();
  bl_model* opened = nullptr;
  REQUIRE(bl_model_open_memory(content.data(), content.size(), "the scenes", nullptr, &opened) == BL_OK);
  const ModelHandle memory(opened), file = open_shipped();
  content.assign(content.size(), '\0');
  const Image image = scene();
  CHECK(same_bits_in(map_of(explained(memory.get(), view_of(image), question_of()).get()),
                     map_of(explained(file.get(), view_of(image), question_of()).get())));
}

TEST_CASE("c: a model and its methods say what the library says") {
  const Model model = load_model(shipped_weights_path());
  const ModelHandle handle = open_shipped();
  bl_model_info info{};
  info.struct_size = sizeof info;
  REQUIRE(bl_model_get_info(handle.get(), &info) == BL_OK);
  CHECK(info.struct_size == sizeof info);
  CHECK(info.architecture == model.info.name);
  CHECK(info.default_layer == model.info.default_layers.pytorch_grad_cam);
  CHECK(info.weights_sha256 == model.weights_sha256);
  CHECK(std::string(info.assumptions).empty() == model.assumptions.empty());
  CHECK(info.classes == std::ssize(model.labels));
  CHECK(info.input_size == model.info.preprocessing.input_size);
  CHECK(info.input_channels == 3);
  for (std::int64_t i = 0; i < info.classes; ++i)
    CHECK(bl_model_class_name(handle.get(), i) == model.labels[static_cast<std::size_t>(i)]);
  CHECK(bl_model_class_name(handle.get(), info.classes) == nullptr);
  CHECK(bl_model_class_name(handle.get(), -1) == nullptr);

  REQUIRE(bl_method_count() == methods().size());
  for (std::size_t i = 0; i < methods().size(); ++i) {
    const Method& expected = methods()[i];
    bl_method method{};
    method.struct_size = sizeof method;
    REQUIRE(bl_method_get(i, &method) == BL_OK);
    CHECK(method.name == expected.name);
    CHECK(method.summary == expected.summary);
    CHECK(method.paper == expected.paper);
    CHECK(method.takes_layer == expected.needs.layer);
    CHECK(method.needs_cam_head == expected.needs.cam_head);
    CHECK(method.needs_input_gradient == expected.needs.input_gradient);
    CHECK(method.backwards == expected.backwards);
    CHECK(method.counterfactual == expected.counterfactual);
  }
  CHECK(bl_abi_version() == BL_ABI_VERSION);
}

TEST_CASE("c: a layer is looked at by its name") {
  const Image image = scene();
  const ModelHandle handle = open_shipped();
  bl_question question = question_of();
  const std::string default_layer = info_of(explained(handle.get(), view_of(image), question).get()).layer;
  std::string other;
  const Model model = load_model(shipped_weights_path());
  const std::vector<Shape> shapes = model.network.shapes({1, 3, 96, 96});
  for (NodeId id = 0; id < model.network.size() && other.empty(); ++id)
    if (grad_cam_obstacle(model.network, id, shapes[static_cast<std::size_t>(id)]).empty())
      other = model.network.node(id).name;
  REQUIRE(other != default_layer);
  question.layer = other.c_str();
  const bl_explanation_info info = info_of(explained(handle.get(), view_of(image), question).get());
  CHECK(info.map_height > 0);
  question.layer = default_layer.c_str();
  const ExplanationHandle named = explained(handle.get(), view_of(image), question),
                          unnamed = explained(handle.get(), view_of(image), question_of());
  CHECK(same_bits_in(map_of(named.get()), map_of(unnamed.get())));
}

TEST_CASE("c: threads share a model and an explanation, and each has errors of its own") {
  const Image image = scene();
  const ModelHandle handle = open_shipped(/*threads=*/2);
  const bl_image view = view_of(image);
  const ExplanationHandle shared = explained(handle.get(), view, question_of("guided-grad-cam"));
  const std::vector<float> expected = map_of(shared.get());
  const std::vector<std::uint8_t> overlay = overlay_of(shared.get());
  std::vector<int> wrong(4, -1);
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < wrong.size(); ++i)
    threads.emplace_back([&, i] {
      int mine = 0;
      for (int round = 0; round < 3; ++round) {
        // doctest's checks are for one thread.
        bl_question question = question_of("guided-grad-cam");
        bl_explanation* own = nullptr;
        mine += bl_explain(handle.get(), &view, BL_FIT_CROP, &question, 1, &own) != BL_OK;
        std::vector<float> map(expected.size());
        mine += bl_explanation_map(own, map.data(), map.size()) != BL_OK || !same_bits_in(map, expected);
        bl_explanation_free(own);
        std::vector<std::uint8_t> pixels(overlay.size());
        mine += bl_explanation_overlay(shared.get(), BL_RGB, pixels.data(), 0, pixels.size()) != BL_OK ||
                pixels != overlay;
        std::int64_t best = -1;
        mine += bl_classify(handle.get(), &view, BL_FIT_CROP, 1, &best, nullptr, nullptr) != BL_OK;
        const std::string method = "no-method-" + std::to_string(i);
        question.method = method.c_str();
        mine += bl_explain(handle.get(), &view, BL_FIT_CROP, &question, 1, &own) != BL_USAGE || own;
        std::this_thread::yield();
        mine += !contains(bl_last_error(), method);
      }
      wrong[i] = mine;
    });
  for (std::thread& thread : threads) thread.join();
  for (const int count : wrong) CHECK(count == 0);
  CHECK(std::string(bl_last_error()) == "");
}
