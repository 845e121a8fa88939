// backlight study analyse: joins the answers of a study to its key and says what they come to.
#include <CLI/CLI.hpp>
#include <memory>

#include "tools/backlight/batch.hpp"
#include "tools/backlight/commands.hpp"
#include "tools/backlight/inputs.hpp"
#include "tools/backlight/outputs.hpp"
#include "tools/study/analysis.hpp"
#include "tools/study/commands.hpp"

namespace backlight::tools {
namespace {

namespace fs = std::filesystem;

struct AnalyseOptions {
  std::vector<std::string> answers;
  fs::path key, out = "backlight-study-analysis";
  Bootstrap bootstrap;
  bool force = false, json = false;
  Console console;
};

void run_analyse(AnalyseOptions& options) {
  Console& console = options.console;
  const fs::path document = options.out / "analysis.json", table = options.out / "answers.csv";
  Inputs inputs;
  inputs.add(options.key);
  for (const std::string& file : options.answers) inputs.add(file);
  for (const fs::path& file : {document, table}) {
    inputs.keep_from(file);
    if (!options.force) require_free(file);
  }
  const StudyKey key = read_study_key(options.key);
  Json problems = Json::array();
  const std::vector<Participant> people = read_answers(options.answers, key, console, problems);
  if (people.empty())
    throw Error(ErrorKind::bad_input, "none of ", counted(options.answers.size(), "file"),
                " holds answers of the study ", key.study, "; give what its pages saved");
  Json analysis = analyse_study(key, people, options.bootstrap);
  analysis["problems"] = problems;
  make_folder(options.out);
  write_text(document, dump(analysis));
  write_text(table, long_table(key, people));
  if (options.json)
    console.print(dump(analysis));
  else
    console.print_unless_quiet(analysis_text(analysis));
  console.note(document.string(), ": the same with all numbers; ", table.string(),
               ": every answer, for R and others");
  if (!problems.empty()) throw CLI::RuntimeError(kSomeFailed);
}

constexpr const char* kAnalyseFooter =
    R"(Intervals are for other people and other pictures: the crossed bootstrap. Wilson's
stand beside them and are too narrow, because the answers of one person, and those about one picture, are alike. Results
are given with everybody and without those whom the rules of the design leave out.

Examples:
  backlight study analyse answers/*.json --key backlight-study/key.json
  backlight study analyse answers/*.csv --key backlight-study/key.json --json > analysis.json)";

}  // namespace

void add_study_analyse_command(CLI::App& app) {
  auto options = std::make_shared<AnalyseOptions>();
  CLI::App& command =
      *app.add_subcommand("analyse", "Join the answers to the key, and say what they come to");
  command.add_option("ANSWERS", options->answers, "Files that the pages saved, JSON or CSV")
      ->type_name("FILE...")
      ->required();
  command.add_option("--key", options->key, "The study's key.json")->type_name("FILE")->required();
  command.add_option("--seed", options->bootstrap.seed, "Of the bootstrap and the permutations")
      ->type_name("N")
      ->capture_default_str();
  command.add_option("--draws", options->bootstrap.draws, "Of the bootstrap and the permutations")
      ->check(CLI::Range(100, 1'000'000))
      ->option_text("N")
      ->capture_default_str();
  command.add_option("--out", options->out, "Folder for analysis.json and answers.csv")
      ->group("Output")
      ->type_name("DIR")
      ->capture_default_str();
  command.add_flag("--force", options->force, "Overwrite an analysis there")->group("Output");
  command.add_flag("--json", options->json, "Print the analysis as JSON")->group("Output");
  options->console.add_options(command);
  command.footer(kAnalyseFooter);
  command.callback([options] { run_analyse(*options); });
}

void add_study_command(CLI::App& app) {
  CLI::App& command =
      *app.add_subcommand("study", "Ask people: make the pages of a study, and analyse what they answered");
  command.require_subcommand(1);
  add_study_make_command(command);
  add_study_analyse_command(command);
}

}  // namespace backlight::tools
