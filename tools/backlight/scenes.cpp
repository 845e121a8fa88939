// backlight scenes: writes scenes as pictures, each with a file that says what is where.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>
#include <memory>

#include "engine/image/write.hpp"
#include "models/scenes/scene.hpp"
#include "tools/backlight/commands.hpp"
#include "tools/backlight/console.hpp"
#include "tools/backlight/outputs.hpp"
#include "tools/backlight/result_json.hpp"

namespace backlight::tools {
namespace {

namespace fs = std::filesystem;

struct ScenesOptions {
  std::uint64_t seed = 1;
  std::uint64_t first = 0, count = 1;
  int objects = 1;
  int size = 96;
  fs::path out = "scenes";
  bool force = false;
  Console console;
};

Json scene_json(const ScenesOptions& options, std::uint64_t index, const scenes::Scene& scene) {
  Json json = document("scene");
  json["seed"] = options.seed;
  json["index"] = index;
  json["size"] = options.size;
  json["objects"] = Json::array();
  for (const scenes::SceneObject& object : scene.objects)
    json["objects"].push_back(
        {{"class",
          {{"index", object.label},
           {"name", scenes::kClassNames.at(static_cast<std::size_t>(object.label))}}},
         {"box",
          {{"x0", object.box.x0}, {"y0", object.box.y0}, {"x1", object.box.x1}, {"y1", object.box.y1}}}});
  return json;
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
  const std::uint64_t end = options.first + options.count;
  for (std::uint64_t index = options.first; index < end && !options.force; ++index)
    for (const auto& [picture, boxes] = files_of(options, index); const fs::path& path : {picture, boxes})
      require_free(path);
  make_folder(options.out);
  for (std::uint64_t index = options.first; index < end; ++index) {
    const auto [picture, boxes] = files_of(options, index);
    const scenes::Scene scene = scenes::render_scene(
        options.seed, index,
        {.size = options.size, .min_objects = options.objects, .max_objects = options.objects});
    write_png(picture.string(), scene.image);
    write_text(boxes, dump(scene_json(options, index, scene)));
    options.console.print_unless_quiet(printable(picture.string()) + "\n");
  }
}

constexpr const char* kScenesFooter = R"(Examples:
  backlight scenes --count 20 --objects 2 --out scenes
  backlight explain scenes/scene_000000.png --model backlight_scenes --top-k 2)";

}  // namespace

void add_scenes_command(CLI::App& app) {
  auto options = std::make_shared<ScenesOptions>();
  CLI::App& command =
      *app.add_subcommand("scenes", "Draw scenes that backlight_scenes knows, with their boxes as JSON");
  command.add_option("-n,--count", options->count, "How many")
      ->check(CLI::Range(1, 1'000'000))
      ->option_text("N")
      ->capture_default_str();
  command.add_option("--seed", options->seed, "Another seed, other scenes")->capture_default_str();
  command.add_option("--first", options->first, "Index of the first scene")
      ->check(CLI::Range(0, 1'000'000'000))
      ->option_text("N")
      ->capture_default_str();
  command.add_option("--objects", options->objects, "Objects in a scene")
      ->check(CLI::Range(0, 3))
      ->option_text("N")
      ->capture_default_str();
  command.add_option("--size", options->size, "Side of the picture in pixels")
      ->check(CLI::Range(96, 1024))
      ->option_text("N")
      ->capture_default_str();
  command.add_option("-o,--out", options->out, "Directory to write to")
      ->capture_default_str()
      ->type_name("DIR");
  command.add_flag("--force", options->force, "Replace existing files");
  options->console.add_options(command);
  command.footer(kScenesFooter);
  command.callback([options] { run_scenes(*options); });
}

}  // namespace backlight::tools
