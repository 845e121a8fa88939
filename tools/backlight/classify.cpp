// backlight classify: the best classes of pictures.
#include <CLI/CLI.hpp>
#include <memory>

#include "engine/explain/explanation.hpp"
#include "models/pictures.hpp"
#include "tools/backlight/batch.hpp"
#include "tools/backlight/commands.hpp"
#include "tools/backlight/common.hpp"
#include "tools/backlight/scores.hpp"

namespace backlight::tools {
namespace {

struct ClassifyOptions {
  InputOptions inputs;
  NetworkOptions network;
  DeviceOptions device;
  std::string fit = "crop", exif = "apply";
  std::size_t top_k = 5;
  JsonOptions json;
  Console console;
};

Json classify_picture(const PictureSource& source, const Model& model, Programs& programs, Context& context,
                      Fit fit, ExifOrientation exif, const ClassifyOptions& options, Console& console) {
  const Image image = source.read(exif, model.info.preprocessing.alpha(), console);
  Fitted fitted = fit_picture(image, model, fit, false);
  Json record = image_json(source, image, fitted);
  const Explanation run(programs, context, std::move(fitted.x), {}, /*input_gradient=*/false);
  const ClassScores scores = class_scores(context.to_host(run.scores()).values(), model.scores);
  const std::vector<std::int64_t> best = scores.best(options.top_k);
  record["predictions"] = predictions_json(model, scores, best);
  if (!options.json.any()) {
    console.print(printable(source.path) + " (" + scores_text(model) + ")\n");
    for (const std::int64_t c : best) console.print(prediction_line(model, scores, c));
  }
  return record;
}

void run_classify(ClassifyOptions& options) {
  Console& console = options.console;
  const Fit fit = parse_fit(options.fit);
  const ExifOrientation exif = parse_exif(options.exif);
  const PictureList list = list_pictures(options.inputs, console);
  Model model = load_network(options.network, console);
  note_labels(model, console);
  inputs_of(list, {model.weights, labels_file(options.network)}).keep_from("/dev/stdout");
  Context context = make_context(options.device, console);
  model.network.to(context);
  Programs programs(model.network, optimisations(options.device, list.pictures.size()));

  BatchOutput output(options.json, run_json("classify", model, fit, exif, context), list, console);
  const int exit_code = for_each_picture(list, output, console, [&](const PictureSource& source) {
    return classify_picture(source, model, programs, context, fit, exif, options, console);
  });
  if (exit_code != 0) throw CLI::RuntimeError(exit_code);
}

constexpr const char* kClassifyFooter = R"(Examples:
  backlight classify photo.jpg
  backlight classify photos/ --recursive --json-lines > classes.jsonl
  backlight classify photos/ --weights resnet50-0676ba61.pth --top-k 3
  curl -s https://example.org/photo.jpg | backlight classify - --json)";

}  // namespace

void add_classify_command(CLI::App& app) {
  auto options = std::make_shared<ClassifyOptions>();
  CLI::App& command = *app.add_subcommand("classify", "Name the best classes of pictures");
  add_inputs(command, options->inputs);
  command.add_option("-k,--top-k", options->top_k, "How many classes to name")
      ->check(CLI::Range(1, 1'000'000))
      ->option_text("N")
      ->capture_default_str();
  command.add_option("--fit", options->fit, kFitHelp)->capture_default_str()->type_name("NAME");
  command.add_option("--exif", options->exif, kExifHelp)->capture_default_str()->type_name("NAME");
  add_network_options(command, options->network);
  add_picture_options(command, options->network);
  add_device_options(command, options->device);
  add_optimise_option(command, options->device);
  add_json_options(command, options->json);
  options->console.add_options(command);
  command.footer(kClassifyFooter);
  command.callback([options] { run_classify(*options); });
}

}  // namespace backlight::tools
