// backlight bias: networks trained on biased scenes and on balanced ones, and what their maps say of it.
#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>

#include "engine/image/write.hpp"
#include "tools/backlight/commands.hpp"
#include "tools/backlight/common.hpp"
#include "tools/backlight/outputs.hpp"
#include "tools/backlight/scores.hpp"
#include "tools/diagnose/bias_report.hpp"
#include "tools/diagnose/page.hpp"

namespace backlight::tools {
namespace {

namespace fs = std::filesystem;

struct BiasOptions {
  scenes::BadgeTraining training;
  std::vector<double> agreement{0.85};
  std::int64_t seeds = 3, test_scenes = 1000;
  fs::path out = "backlight-bias";
  bool force = false, json = false;
  DeviceOptions device;
  Console console;

  /// No network was trained on its scenes.
  std::uint64_t test_seed() const { return training.seed + static_cast<std::uint64_t>(seeds); }
};

BiasAnswers train_and_ask(const BiasOptions& options, Context& context, Console& console) {
  BiasAnswers answers;
  std::size_t done = 0;
  for (std::int64_t s = 0; s < options.seeds; ++s)
    for (std::size_t t = 0; t < kTrainings.size(); ++t) {
      scenes::BadgeTraining training = options.training;
      training.seed += static_cast<std::uint64_t>(s);
      if (t == 1) training.agreement = {0.5, 0.5};
      const std::string what = text(kTrainings[t], ", seed ", training.seed);
      const std::size_t all = kTrainings.size() * static_cast<std::size_t>(options.seeds * training.steps);
      const Network network = scenes::train_on_badges(
          context, training, [&](std::int64_t, double) { console.progress(++done, all, what); });
      answers[t].push_back(
          scenes::badge_answers(network, context, options.test_seed(), options.test_scenes, training.size));
      console.end_progress();
      console.note("trained ", done, " of ", all, " steps: ", what);
    }
  return answers;
}

Json bias_document(const BiasOptions& options, const Context& context) {
  const scenes::BadgeTraining& training = options.training;
  Json document = tools::document("bias");
  document["device"] = text(context.device());
  document["threads"] = context.threads();
  document["cues"] = scenes::kCueNames;
  document["badges"] = scenes::kBadgeNames;
  document["agreement"] = training.agreement;
  document["scenes"] = training.scenes;
  document["size"] = training.size;
  document["steps"] = training.steps;
  document["batch"] = training.batch;
  document["learning_rate"] = training.learning_rate;
  document["seed"] = training.seed;
  document["seeds"] = options.seeds;
  document["test"] = {{"scenes", options.test_scenes}, {"seed", options.test_seed()}};
  const Bootstrap draws{.seed = training.seed};
  document["bootstrap"] = {{"draws", draws.draws}, {"seed", draws.seed}};
  return document;
}

void run_bias(BiasOptions& options) {
  Console& console = options.console;
  if (options.out == "-")
    throw Error(ErrorKind::usage,
                "--out names a folder, which standard output cannot be; --json prints there");
  options.training.agreement = {options.agreement.front(), options.agreement.back()};
  if (!options.force)
    for (const char* name : {"bias.json", "bias.html", "bias.csv", "bias.jpg"})
      require_free(options.out / name, "--force overwrites results, --out chooses another folder");
  make_folder(options.out);
  Context context = make_context(options.device, console);
  Json document = bias_document(options, context);
  const BiasAnswers answers = train_and_ask(options, context, console);
  document.update(bias_results(answers, options.training.seed, {.seed = options.training.seed}));
  const std::vector<std::uint8_t> figure =
      encode_jpeg(draw_panel(bias_panel(answers, options.test_seed(), options.training.size)));
  const std::vector<DiagnosisSection> page = bias_page(document, figure);
  write_text(options.out / "bias.csv", bias_rows(answers, options.training.seed));
  write_file((options.out / "bias.jpg").string(), figure);
  write_text(options.out / "bias.html", diagnosis_page(page));
  write_text(options.out / "bias.json", dump(document));
  if (options.json)
    console.print(dump(document));
  else
    console.print_unless_quiet(diagnosis_text(page));
  console.note("all of it is in ", options.out.string());
}

constexpr const char* kBiasFooter =
    R"(Trains two networks a seed, on the same number of scenes, and asks both about
the same balanced ones: what they get right, and whether Grad-CAM lies on the cue, the shape that is the class, or on
the badge, a coloured disc that often goes with it. Ten minutes on two cores.

Examples:
  backlight bias
  backlight bias --agreement 0.78,0.93 --out as-in-the-paper
  backlight bias --seeds 1 --steps 200 --test-scenes 200 --out quick)";

}  // namespace

void add_bias_command(CLI::App& app) {
  auto options = std::make_shared<BiasOptions>();
  CLI::App& command = *app.add_subcommand(
      "bias", "Train networks on biased scenes and on balanced ones, and see where they look");
  scenes::BadgeTraining& training = options->training;
  command
      .add_option(
          "--agreement", options->agreement,
          "In which share of the biased scenes the badge agrees with the class; two for one of each class")
      ->type_name("SHARE,...")
      ->delimiter(',')
      ->expected(1, 2)
      ->allow_extra_args(false)
      ->check(CLI::Range(0.0, 1.0))
      ->default_str("0.85");
  command.add_option("--seed", training.seed, "Of the first two networks; the next have the next ones")
      ->capture_default_str();
  const auto add = [&](const char* name, auto& value, const char* help, std::int64_t low, std::int64_t high) {
    command.add_option(name, value, help)
        ->check(CLI::Range(low, high))
        ->option_text("N")
        ->capture_default_str();
  };
  add("--seeds", options->seeds, "How many networks of either kind", 1, 100);
  add("--scenes", training.scenes, "To train on", 2, 20000);
  add("--steps", training.steps, "Training steps, a batch each", 1, 1'000'000);
  add("--batch", training.batch, "Scenes a step", 2, 4096);
  add("--test-scenes", options->test_scenes, "Balanced ones, of another seed", 4, 100'000);
  command.add_option("-o,--out", options->out, "Folder for results")->type_name("DIR")->capture_default_str();
  command.add_flag("--force", options->force, "Overwrite results");
  command.add_flag("--json", options->json, "Print the result as JSON (see tools/README.md)");
  add_device_options(command, options->device);
  options->console.add_options(command);
  command.footer(kBiasFooter);
  command.callback([options] { run_bias(*options); });
}

}  // namespace backlight::tools
