// backlight scenes: writes scenes as pictures, each with a file that says what is where.
#include <CLI/CLI.hpp>
#include <array>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "engine/image/write.hpp"
#include "models/language/captions.hpp"
#include "models/language/questions.hpp"
#include "models/scenes/scene.hpp"
#include "tools/backlight/commands.hpp"
#include "tools/backlight/common.hpp"
#include "tools/backlight/console.hpp"
#include "tools/backlight/outputs.hpp"
#include "tools/backlight/result_json.hpp"

namespace backlight::tools {
namespace {

namespace fs = std::filesystem;

enum class World : std::uint8_t { shapes, language };

constexpr std::array<std::pair<std::string_view, World>, 2> kWorlds = {
    {{"shapes", World::shapes}, {"language", World::language}}};

struct ScenesOptions {
  std::string world = "shapes";
  bool shaped = false;  ///< what only the world of shapes has was asked for
  std::uint64_t seed = 1;
  std::uint64_t first = 0, count = 1;
  int objects = 1;
  int size = 96;
  fs::path out = "scenes";
  bool force = false;
  Console console;
};

Json scene_json(const ScenesOptions& options, std::uint64_t index, int size) {
  Json json = document("scene");
  json["seed"] = options.seed;
  json["index"] = index;
  json["size"] = size;
  json["objects"] = Json::array();
  return json;
}

Json object_json(int label, std::string_view name, const Box& box) {
  return {{"class", {{"index", label}, {"name", name}}}, {"box", box_json(box)}};
}

/// Indices of the objects in a set.
Json indices_json(language::ObjectSet set) {
  Json list = Json::array();
  for (int i = 0; i < 8; ++i)
    if (set >> i & 1) list.push_back(i);
  return list;
}

Json caption_json(const language::Caption& caption) {
  Json words = Json::array();
  for (std::size_t t = 0; t < caption.words.size(); ++t)
    words.push_back({{"word", caption.words[t]}, {"evidence", indices_json(caption.evidence[t])}});
  return {{"text", language::joined(caption.words)}, {"words", words}};
}

Json question_json(const language::Question& question) {
  return {{"family", name_of(question.family)},
          {"text", language::joined(words_of(question))},
          {"answer", language::answers()[static_cast<std::size_t>(question.answer)]},
          {"evidence", indices_json(question.evidence)}};
}

/// A picture and what is in it.
struct Drawn {
  Image image;
  Json json;
};

Drawn draw_shapes(const ScenesOptions& options, std::uint64_t index) {
  scenes::Scene scene = scenes::render_scene(
      options.seed, index,
      {.size = options.size, .min_objects = options.objects, .max_objects = options.objects});
  Json json = scene_json(options, index, options.size);
  for (const auto& [label, box] : scene.objects)
    json["objects"].push_back(
        object_json(label, scenes::kClassNames.at(static_cast<std::size_t>(label)), box));
  return {std::move(scene.image), std::move(json)};
}

Drawn draw_language(const ScenesOptions& options, std::uint64_t index) {
  language::Scene scene = language::render(options.seed, index);
  const language::Layout& layout = scene.layout;
  Json json = scene_json(options, index, language::kSceneSize);
  for (std::size_t i = 0; i < layout.objects.size(); ++i) {
    const auto [colour, noun] = layout.objects[i].thing;
    json["objects"].push_back(
        object_json(noun, language::kNouns.at(static_cast<std::size_t>(noun)), scene.boxes[i]));
    json["objects"].back()["colour"] = language::kColours.at(static_cast<std::size_t>(colour));
  }
  for (const auto& caption : captions(layout)) json["captions"].push_back(caption_json(caption));
  for (const auto& question : ask_one_each(layout, options.seed, index))
    json["questions"].push_back(question_json(question));
  return {std::move(scene.image), std::move(json)};
}

struct SceneFiles {
  fs::path picture, boxes;
};

SceneFiles files_of(const ScenesOptions& options, std::uint64_t index) {
  char stem[32];
  std::snprintf(stem, sizeof stem, "scene_%06llu", static_cast<unsigned long long>(index));
  return {options.out / (std::string(stem) + ".png"), options.out / (std::string(stem) + ".json")};
}

void run_scenes(ScenesOptions& options) {
  if (options.out == "-")
    throw Error(ErrorKind::usage, "--out names a folder, which standard output cannot be");
  const World world = parse_choice("world", options.world, kWorlds);
  if (world == World::language && options.shaped)
    throw Error(ErrorKind::usage,
                "--objects and --size are of --world shapes; scenes of language have one to three "
                "objects on ",
                language::kSceneSize, " pixels");
  const std::uint64_t end = options.first + options.count;
  for (std::uint64_t index = options.first; index < end && !options.force; ++index)
    for (const auto& [picture, boxes] = files_of(options, index); const fs::path& path : {picture, boxes})
      require_free(path);
  make_folder(options.out);
  for (std::uint64_t index = options.first; index < end; ++index) {
    const auto [picture, boxes] = files_of(options, index);
    const Drawn drawn =
        world == World::language ? draw_language(options, index) : draw_shapes(options, index);
    write_png(picture.string(), drawn.image);
    write_text(boxes, dump(drawn.json));
    options.console.print_unless_quiet(printable(picture.string()) + "\n");
  }
}

constexpr const char* kScenesFooter = R"(Examples:
  backlight scenes --count 20 --objects 2 --out scenes
  backlight scenes --count 20 --world language --out described
  backlight explain scenes/scene_000000.png --model backlight_scenes --top-k 2)";

}  // namespace

void add_scenes_command(CLI::App& app) {
  auto options = std::make_shared<ScenesOptions>();
  CLI::App& command = *app.add_subcommand(
      "scenes",
      "Draw scenes that backlight_scenes knows, or of captions and questions, with their boxes as JSON");
  command.add_option("--world", options->world, "shapes, or language: with captions and questions")
      ->type_name("WORLD")
      ->capture_default_str();
  command.add_option("-n,--count", options->count, "How many")
      ->check(CLI::Range(1, 1'000'000))
      ->option_text("N")
      ->capture_default_str();
  command.add_option("--seed", options->seed, "Another seed, other scenes")->capture_default_str();
  command.add_option("--first", options->first, "Index of the first scene")
      ->check(CLI::Range(0, 1'000'000'000))
      ->option_text("N")
      ->capture_default_str();
  auto* objects = command.add_option("--objects", options->objects, "Objects in a scene")
                      ->check(CLI::Range(0, 3))
                      ->option_text("N")
                      ->capture_default_str();
  auto* size = command.add_option("--size", options->size, "Side of the picture in pixels")
                   ->check(CLI::Range(96, 1024))
                   ->option_text("N")
                   ->capture_default_str();
  command.add_option("-o,--out", options->out, "Directory to write to")
      ->capture_default_str()
      ->type_name("DIR");
  command.add_flag("--force", options->force, "Replace existing files");
  options->console.add_options(command);
  command.footer(kScenesFooter);
  command.callback([options, objects, size] {
    options->shaped = objects->count() + size->count() > 0;
    run_scenes(*options);
  });
}

}  // namespace backlight::tools
