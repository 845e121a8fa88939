// backlight report: what a network gets wrong in a data set, and where it looked, as a page.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <set>

#include "models/pictures.hpp"
#include "tools/backlight/batch.hpp"
#include "tools/backlight/commands.hpp"
#include "tools/backlight/html.hpp"
#include "tools/backlight/interrupt.hpp"
#include "tools/backlight/looks.hpp"
#include "tools/backlight/outputs.hpp"
#include "tools/evaluate/class_lookup.hpp"
#include "tools/evaluate/data_options.hpp"
#include "tools/evaluate/measures.hpp"
#include "tools/report/page.hpp"
#include "tools/report/summary.hpp"

namespace backlight::tools {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::pair<std::string_view, Shown>, 3> kShown{
    {{"wrong", Shown::wrong}, {"right", Shown::right}, {"all", Shown::all}}};

struct ReportOptions {
  fs::path data;
  DataOptions reading;
  std::string fit = "crop", exif = "apply";
  std::optional<std::string> preset, layer, only;
  std::optional<std::size_t> limit, per_pair;
  std::size_t budget = 64;
  NetworkOptions network;
  DeviceOptions device;
  fs::path out = "backlight-report";
  bool force = false, json = false;
  Console console;
};

/// Grad-CAM, and Guided Grad-CAM where the preset defines it.
std::vector<const Method*> methods_of(const Question& question) {
  std::vector<const Method*> methods{&find_method("grad-cam")};
  methods.front()->require_defined(question);
  const Method& guided = find_method("guided-grad-cam");
  if (std::ranges::find(guided.presets, question.preset) != guided.presets.end()) methods.push_back(&guided);
  return methods;
}

/// The pictures of a data set, judged one after the other, then those that are shown explained.
class ReportRun {
 public:
  ReportRun(Console& console, const DataSet& set, const Model& model, Replays& replays,
            const Request& request)
      : console_(console),
        set_(set),
        model_(model),
        replays_(replays),
        request_(request),
        class_of_(model, console) {
    for (const DataProblem& problem : set.problems) {
      console.error(problem.where, ": ", problem.what);
      note_error(problem.where, ErrorKind::bad_input, problem.what);
    }
  }

  void judge() {
    for (std::size_t i = 0; i < set_.pictures.size() && interrupted_by() == 0; ++i) {
      const AnnotatedPicture& picture = set_.pictures[i];
      console_.progress(i + 1, set_.pictures.size(), picture.name);
      attempt(picture, [&] {
        const Image image = read(picture, console_);
        const std::vector<TrueObject> objects = objects_on(picture, image, class_of_);
        Fitted fitted = fit_picture(image, model_, request_.fit, /*backward_to_input=*/false);
        const Explanation run(replays_.programs(), replays_.context(), std::move(fitted.x), {}, false);
        const ClassScores scores =
            class_scores(replays_.context().to_host(run.scores()).values(), model_.scores);
        Judgement judged = judge_scores(scores, classes_of(objects), model_.scores);
        judged.name = valid_utf8(picture.name);
        judged.picture = i;
        judgements_.push_back(std::move(judged));
      });
    }
    console_.end_progress();
  }

  /// Those chosen, by their indices among the judgements.
  void explain(std::span<const std::size_t> chosen, PagePictures& pictures) {
    const CardMaker maker(model_, replays_, request_, pictures);
    Console quiet;  // everything was said when they were judged
    for (std::size_t i = 0; i < chosen.size() && interrupted_by() == 0; ++i) {
      const Judgement& judged = judgements_[chosen[i]];
      const AnnotatedPicture& picture = set_.pictures[judged.picture];
      console_.progress(i + 1, chosen.size(), picture.name);
      attempt(picture, [&] {
        Image image = read(picture, quiet);
        const std::vector<TrueObject> objects = objects_on(picture, image, class_of_);
        cards_.push_back({&judged, maker.make(judged, std::move(image), objects)});
      });
    }
    console_.end_progress();
  }

  const std::vector<Judgement>& judgements() const { return judgements_; }
  const std::vector<PageCard>& cards() const { return cards_; }
  const Json& errors() const { return errors_; }

 private:
  Image read(const AnnotatedPicture& picture, Console& console) const {
    return PictureSource{picture.file.string(), ""}.read(request_.exif, model_.info.preprocessing.alpha(),
                                                         console);
  }

  void attempt(const AnnotatedPicture& picture, const std::function<void()>& work) {
    const auto failed = [&](ErrorKind kind, const std::string& what) {
      console_.error(picture.name, ": ", what);
      note_error(picture.name, kind, what);
    };
    try {
      work();
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::resources) throw;
      failed(error.kind(), error.what());
    } catch (const std::bad_alloc&) {
      failed(ErrorKind::resources, "out of memory");
    }
  }

  void note_error(const std::string& file, ErrorKind kind, const std::string& what) {
    errors_.push_back({{"file", file}, {"kind", name_of(kind)}, {"message", what}});
  }

  Console& console_;
  const DataSet& set_;
  const Model& model_;
  Replays& replays_;
  const Request& request_;
  ClassLookup class_of_;
  std::vector<Judgement> judgements_;
  std::vector<PageCard> cards_;
  Json errors_ = Json::array();
};

Json picture_json(const Judgement& judged, const Card* card, const Model& model) {
  Json truth = class_json(model, judged.truth), said = class_json(model, judged.predicted());
  truth["probability"] = judged.probability;
  truth["rank"] = judged.rank;
  said["probability"] = judged.probabilities.front();
  Json predictions = Json::array();
  for (std::size_t i = 0; i < judged.best.size(); ++i) {
    Json prediction = class_json(model, judged.best[i]);
    prediction["logit"] = number(judged.logits[i]);
    prediction["probability"] = judged.probabilities[i];
    predictions.push_back(std::move(prediction));
  }
  std::vector<std::string_view> flags = flags_of(judged);
  if (card) flags.insert(flags.end(), card->flags.begin(), card->flags.end());
  return {{"file", judged.name},
          {"right", judged.right()},
          {"true", truth},
          {"predicted", said},
          {"annotated", judged.annotated},
          {"loss", judged.loss},
          {"margin", judged.margin},
          {"predictions", predictions},
          {"flags", flags},
          {"maps", card ? card->maps : Json()}};
}

/// A line per picture; what has no value is empty.
std::string report_csv(const Json& pictures) {
  const auto field = [](const Json& value) -> std::string {
    if (value.is_null()) return "";
    if (!value.is_string()) return value.dump();
    std::string quoted = "\"";
    for (const char c : value.get<std::string>())
      quoted += c == '"' ? std::string("\"\"") : std::string(1, c == '\r' || c == '\n' ? ' ' : c);
    return quoted + '"';
  };
  constexpr std::array kColumns{"/file",
                                "/right",
                                "/true/index",
                                "/true/name",
                                "/true/probability",
                                "/true/rank",
                                "/predicted/index",
                                "/predicted/name",
                                "/predicted/probability",
                                "/loss",
                                "/margin",
                                "/maps/agreement",
                                "/maps/iou/predicted",
                                "/maps/iou/true"};
  std::string csv =
      "file,right,true,true_name,true_probability,true_rank,predicted,predicted_name,predicted_probability,"
      "loss,"
      "margin,agreement,iou_predicted,iou_true,flags\n";
  for (const Json& picture : pictures) {
    for (const char* column : kColumns) {
      const Json::json_pointer at{column};
      csv += field(picture.contains(at) ? picture.at(at) : Json()) + ",";
    }
    std::string flags;
    for (const Json& flag : picture["flags"]) flags += (flags.empty() ? "" : " ") + flag.get<std::string>();
    csv += flags + "\n";
  }
  return csv;
}

/// Which pictures have cards, in a sentence.
std::string selection_words(const ReportOptions& options, const Selection& how, std::size_t cards) {
  constexpr std::array kWords{"all that are wrong, and as many that are right", "those that are wrong",
                              "those that are right", "all"};
  std::string words = text(counted(cards, "picture"), ": ", kWords[static_cast<std::size_t>(how.shown)]);
  if (options.per_pair)
    words += text(", at most ", *options.per_pair, " of a truth taken for the same class");
  if (options.limit) words += text(", at most ", *options.limit);
  return words +
         (how.shown == Shown::balanced || options.per_pair || options.limit ? "; drawn by chance." : ".");
}

std::string report_text(const Json& report, const fs::path& page) {
  const Json& summary = report["summary"];
  const auto share = [](const Json& of) {
    if (of.is_null()) return std::string("–");
    return text(percent(of["value"]), " (", percent(of["low"]), " to ", percent(of["high"]), ")");
  };
  std::string out = text("top-1 ", share(summary["top1"]), ", top-5 ", share(summary["top5"]), ", mean loss ",
                         summary["mean_loss"].is_null() ? "–" : decimal(summary["mean_loss"], 3), "\n");
  for (std::size_t i = 0; i < std::min<std::size_t>(5, summary["confusions"].size()); ++i) {
    const Json& pair = summary["confusions"][i];
    out += text("  ", pair["count"].dump(), " × ", pair["true"]["name"].get<std::string>(), " taken for ",
                pair["predicted"]["name"].get<std::string>(), "\n");
  }
  return out + printable(page.string()) + "\n";
}

/// report.json but for what the run found.
Json report_head(const ReportOptions& options, const DataSet& set, const Model& model, const Request& request,
                 const Context& context) {
  Json head = run_json("report", model, request.fit, request.exif, context);
  head["data"] = {{"path", valid_utf8(options.data.string())},
                  {"title", valid_utf8(fs::weakly_canonical(options.data).filename().string())},
                  {"format", set.format}};
  head["preset"] = name_of(request.question.preset);
  head["layer"] = model.network.node(request.chosen_layers.front()).name;
  head["selection"] = {{"only", options.only ? Json(*options.only) : Json()},
                       {"limit", options.limit ? Json(*options.limit) : Json()},
                       {"per_pair", options.per_pair ? Json(*options.per_pair) : Json()}};
  return head;
}

void add_findings(Json& report, const ReportRun& run, const Model& model) {
  const std::vector<Judgement>& judgements = run.judgements();
  report["interrupted"] = interrupted_by() != 0;
  report["counts"] = {
      {"read", judgements.size()}, {"failed", run.errors().size()}, {"shown", run.cards().size()}};
  report["summary"] = summary_json(judgements, model.labels);
  std::map<const Judgement*, const Card*> card_of;
  for (const PageCard& card : run.cards()) card_of[card.judged] = &card.card;
  report["pictures"] = Json::array();
  for (const Judgement& judged : judgements) {
    const auto card = card_of.find(&judged);
    report["pictures"].push_back(picture_json(judged, card == card_of.end() ? nullptr : card->second, model));
  }
  report["errors"] = run.errors();
}

void run_report(ReportOptions& options) {
  Console& console = options.console;
  Request request;
  if (options.preset) request.question.preset = parse_preset(*options.preset);
  request.fit = parse_fit(options.fit);
  request.exif = parse_exif(options.exif);
  const std::vector<const Method*> methods = methods_of(request.question);
  Selection selection;
  if (options.only) selection.shown = parse_choice("choice of pictures", *options.only, kShown);
  selection.limit = options.limit.value_or(selection.limit);
  selection.per_pair = options.per_pair.value_or(selection.per_pair);
  const DataSetOptions how = options.reading.parsed();

  const std::array files{options.out / "report.html", options.out / "report.json",
                         options.out / "report.csv"};
  const auto keep_from = [&](const fs::path& input) {
    Inputs inputs;
    inputs.add(input);
    for (const fs::path& file : files) inputs.keep_from(file);
  };
  keep_from(options.data);
  keep_from(labels_file(options.network));
  if (!options.force)
    for (const fs::path& file : files) require_free(file);
  const DataSet set = read_data_set(options.data, how);

  Model model = load_network(options.network, console);
  note_labels(model, console);
  keep_from(model.weights);
  Context context = make_context(options.device, console);
  model.network.to(context);
  std::vector<std::string> layers;
  if (options.layer) layers.push_back(*options.layer);
  choose_looks(request, layers, /*fuse=*/false, methods, model);
  Programs programs(model.network, optimisations(options.device, set.pictures.size()));
  Replays replays(programs, context);
  Json report = report_head(options, set, model, request, context);
  take_down_interrupts();
  make_folder(options.out);

  ReportRun run(console, set, model, replays, request);
  run.judge();
  const std::size_t read = run.judgements().size(), failed = run.errors().size();
  if (read == 0 && interrupted_by() == 0)
    throw Error(ErrorKind::bad_input, options.data.string(), ": none of its pictures could be judged");
  PagePictures pictures(options.out / "report_pictures", options.budget << 20);
  run.explain(select(run.judgements(), selection), pictures);
  add_findings(report, run, model);
  report["selection"]["words"] = selection_words(options, selection, run.cards().size());

  write_text(files[2], report_csv(report["pictures"]));
  write_text(files[1], dump(report));
  write_text(files[0], report_page(report, model, run.cards(), pictures));
  if (options.force) pictures.remove_older();
  if (options.json)
    console.print(dump(report));
  else
    console.print_unless_quiet(report_text(report, files[0]));
  if (!pictures.inside())
    console.note("its pictures are more than ", options.budget,
                 " MiB and lie in report_pictures beside the page");
  console.note(read, " of ", counted(read + failed, "picture"), " read, ", run.errors().size(), " failed, ",
               run.cards().size(), " shown", interrupted_by() != 0 ? "; interrupted" : "");
  if (interrupted_by() != 0) throw CLI::RuntimeError(128 + interrupted_by());
  if (!run.errors().empty()) throw CLI::RuntimeError(kSomeFailed);
}

constexpr const char* kReportFooter =
    R"(DATA is what `backlight evaluate` takes: a folder of folders that name classes, a .csv (file,class[,4 numbers of a
box]), PASCAL VOC's or ILSVRC's XML, COCO's .json, scenes … A report needs to know what is on the pictures.

Examples:
  backlight report photos/ --weights mine.pth --labels names.txt
  backlight report val.csv --boxes edges --only wrong --per-pair 5 --out errors
  backlight scenes --count 200 --out scenes && backlight report scenes --model backlight_scenes)";

}  // namespace

void add_report_command(CLI::App& app) {
  auto options = std::make_shared<ReportOptions>();
  CLI::App& command =
      *app.add_subcommand("report", "Show what a network gets wrong in a data set, and where it looked");
  const auto add = [&](const char* name, auto& value, const std::string& help, const char* type,
                       const char* group) {
    return command.add_option(name, value, help)->group(group)->type_name(type);
  };
  add("DATA", options->data, "Pictures whose classes are known; see below", "PATH", "Data")->required();
  add_data_options(command, options->reading);
  add("--exif", options->exif, kExifHelp, "NAME", "Data")->capture_default_str();
  add("--only", options->only,
      "Which pictures are shown: wrong, right, all [all that are wrong, and as many that are right]", "NAME",
      "Pictures");
  add("--limit", options->limit, "At most so many", "N", "Pictures")->check(CLI::Range(1, 1'000'000));
  add("--per-pair", options->per_pair, "At most so many of one class taken for the same other", "N",
      "Pictures")
      ->check(CLI::Range(1, 1'000'000));
  add("--layer", options->layer, "Where Grad-CAM looks [the preset's]", "NAME", "Question");
  add("--preset", options->preset, kPresetHelp, "NAME", "Question");
  add("--fit", options->fit, kFitHelp, "NAME", "Question")->capture_default_str();
  add_network_options(command, options->network);
  add_picture_options(command, options->network);
  add_device_options(command, options->device);
  add_optimise_option(command, options->device);
  add("--out", options->out, "Folder for report.html, report.json and report.csv", "DIR", "Output")
      ->capture_default_str();
  add("--budget", options->budget, "Pictures of more than so many MiB lie in a folder beside the page", "N",
      "Output")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  command.add_flag("--force", options->force, "Overwrite a report that is there")->group("Output");
  command.add_flag("--json", options->json, "Print report.json, too (see tools/README.md)")->group("Output");
  options->console.add_options(command);
  command.footer(kReportFooter);
  command.callback([options] { run_report(*options); });
}

}  // namespace backlight::tools
