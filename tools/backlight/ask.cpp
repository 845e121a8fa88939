// backlight ask: what a network answers to a question about pictures, and where it looked for each answer.
#include <CLI/CLI.hpp>
#include <memory>

#include "tools/backlight/ask_set.hpp"
#include "tools/backlight/commands.hpp"
#include "tools/backlight/language_picture.hpp"
#include "tools/backlight/names.hpp"
#include "tools/backlight/table.hpp"
#include "weights/load.hpp"

namespace backlight::tools {
namespace {

struct AskOptions {
  std::string input, question;
  LanguageOptions language;
  std::vector<std::string> answers;
  std::size_t top_k = 3;
  bool attention = false, pointing = false;
};

constexpr std::array<const char*, 3> kLevels{"word", "phrase", "question"};

/// What a co-attention network attends to: by its levels, words and places.
std::vector<NamedMap> attention_maps(const language::LanguageModel& model,
                                     const language::HeadExplanation& head, const Shape& map,
                                     std::span<const std::int32_t> words, std::vector<AskedMap> asked) {
  std::vector<NamedMap> maps;
  for (std::size_t level = 0; level < kLevels.size(); ++level) {
    const auto weights = [&](const char* of) {
      return head.value(model.head.find(text("levels.", level, ".", of))).to(DType::f32);
    };
    const Tensor of_words = weights("words");
    Json each = Json::array();
    for (std::size_t i = 0; i < words.size(); ++i)
      each.push_back({{"word", model.vocabulary.words()[static_cast<std::size_t>(words[i])]},
                      {"weight", number(of_words.values()[i])}});
    asked[level].facts["words"] = std::move(each);
    maps.push_back({.asked = std::move(asked[level]),
                    .map = {.alpha = {}, .map = weights("image").reshaped({map[2], map[3]})}});
    require_finite("attention", maps.back().map.map);
  }
  return maps;
}

std::string answers_text(const Json& record, const std::string& question) {
  std::string out = printable(record["file"].get<std::string>()) + ": " + printable(question) + "\n";
  Table table({"", "answer", "probability", "logit"});
  for (const Json& answer : record["answers"])
    table.add({"", answer["name"], percent(answer["probability"]), decimal(answer["logit"], 3)});
  return out + table.str();
}

/// What `ask` does with each picture.
class Answerer {
 public:
  Answerer(const AskOptions& options, const language::LanguageModel& model, Context& context,
           const LanguageMaps& maps)
      : options_(options), model_(model), context_(context), maps_(maps) {
    if (options.attention && model.task != language::LanguageTask::coattention)
      throw Error(ErrorKind::unsupported, model.weights.string(), ": is a network of task ",
                  name_of(model.task), ", which attends to nothing; --attention is of task coattention");
    attention_ = options.attention || (maps.formats.panel && maps.layers.empty() &&
                                       model.task == language::LanguageTask::coattention);
    words_ = model.vocabulary.encode(options.question, unknown_words(options.language));
    tokens_ = words_;
    tokens_.resize(static_cast<std::size_t>(model.vocabulary.max_length()), model.vocabulary.special().pad);
    for (const std::string& name : options.answers)
      if (name == "all")
        all_named_ = true;
      else
        add_once<std::int64_t>(asked_, model.vocabulary.answer(name));
  }

  std::string question() const { return model_.vocabulary.decode(words_); }
  std::string subject() const { return distinct_name(question()); }
  /// The maps whose names are known before any answer.
  std::vector<AskedMap> named_maps() const {
    std::vector<AskedMap> maps = answer_maps(asked_);
    if (attention_)
      for (AskedMap& map : attention_asked()) maps.push_back(std::move(map));
    return maps;
  }

  /// The record; nothing where all results are there and are kept.
  std::optional<Json> answer(const PictureSource& source, LanguagePictures& pictures,
                             Console& console) const {
    if (!all_named_ && pictures.is_done(source, subject(), named_maps())) return std::nullopt;
    SeenPicture picture = pictures.see(source, console);
    Json& record = picture.record;
    language::HeadExplanation head(model_.head, context_, picture.map(), tokens_);
    require_finite("the scores of answers", head.scores());
    const ClassScores scores = class_scores(head.scores().values(), ScoreFunction::softmax);
    const std::vector<std::int64_t> best = scores.best(options_.top_k);
    record["answers"] = Json::array();
    for (const std::int64_t id : best) record["answers"].push_back(answer_json(scores, id));
    std::vector<std::int64_t> explained = asked_;
    if (all_named_)
      for (const std::int64_t id : best) add_once(explained, id);
    std::vector<AskedMap> asked = answer_maps(explained);
    for (std::size_t i = 0; i < asked.size(); ++i) asked[i].facts.update(answer_json(scores, explained[i]));
    std::vector<NamedMap> maps = pictures.explain(head, picture, asked);
    if (attention_)
      for (NamedMap& map : attention_maps(model_, head, picture.map().shape(), words_, attention_asked()))
        maps.push_back(std::move(map));
    pictures.write(source, subject(), question(), picture, maps);
    return std::move(record);
  }

 private:
  Json answer_json(const ClassScores& scores, std::int64_t id) const {
    const auto i = static_cast<std::size_t>(id);
    return {{"index", id},
            {"name", model_.vocabulary.answers()[i]},
            {"logit", number(scores.logits[i])},
            {"probability", scores.probabilities[i]}};
  }
  std::vector<AskedMap> answer_maps(std::span<const std::int64_t> ids) const {
    std::vector<AskedMap> maps;
    for (const std::int64_t id : ids)
      maps.push_back({.name = text(subject(), "_answer-",
                                   distinct_name(model_.vocabulary.answers()[static_cast<std::size_t>(id)])),
                      .facts = {{"of", "answer"}, {"index", id}},
                      .said = {{0, id}},
                      .log_probability = maps_.log_probability});
    return maps;
  }
  std::vector<AskedMap> attention_asked() const {
    std::vector<AskedMap> maps;
    for (std::size_t level = 0; level < kLevels.size(); ++level)
      maps.push_back({.name = text(subject(), "_attention-", level, "-", kLevels[level]),
                      .facts = {{"of", "attention"}, {"level", kLevels[level]}}});
    return maps;
  }

  const AskOptions& options_;
  const language::LanguageModel& model_;
  Context& context_;
  const LanguageMaps& maps_;
  std::vector<std::int32_t> words_, tokens_;
  std::vector<std::int64_t> asked_;
  bool all_named_ = false, attention_ = false;
};

void run_ask(AskOptions& options) {
  Console& console = options.language.console;
  const bool asks_set = options.question.empty();
  if (asks_set && !std::filesystem::exists(std::filesystem::path(options.input) / "questions.json"))
    throw Error(ErrorKind::usage, "no question was asked about ", options.input,
                "; expected one behind it, or a folder that holds questions.json");
  if (asks_set && (!options.answers.empty() || options.attention))
    throw Error(ErrorKind::usage,
                "--answer and --attention are of one question; of a set, --pointing counts maps");
  if (!asks_set && options.pointing)
    throw Error(ErrorKind::usage, "--pointing is of a set of questions, not of one");
  if (asks_set) return ask_set(options.input, options.language, options.pointing, console);
  const LanguageMaps maps = parse_language_options(
      options.language, options.attention || !options.answers.empty(), "add --answer or --attention");
  const PictureList list = list_pictures({.inputs = {options.input}}, console);
  Context context = make_context(options.language.device, console);
  const language::LanguageModel model = load_language(options.language, false, context, console);
  const Answerer answerer(options, model, context, maps);

  Json head = language_json("ask", model, maps, context);
  head["scalar"] = maps.log_probability ? "logprob" : "logit";
  head["question"] = answerer.question();
  head["top_k"] = options.top_k;
  head["asked"] = {{"answers", options.answers}, {"attention", options.attention}};
  Inputs inputs = inputs_of(list, {model.weights, options.language.cnn, options.language.vocabulary,
                                   options.language.answer_names});
  inputs.keep_from("/dev/stdout");
  LanguagePictures pictures(model, context, maps,
                            optimisations(options.language.device, list.pictures.size()), head,
                            std::move(inputs));
  for (const PictureSource& source : list.pictures)
    pictures.check_free(source, answerer.subject(), answerer.named_maps());

  BatchOutput output(options.language.json, std::move(head), list, console);
  const int exit_code = for_each_picture(list, output, console, [&](const PictureSource& source) {
    std::optional<Json> record = answerer.answer(source, pictures, console);
    if (record && !options.language.json.any()) {
      console.print(answers_text(*record, answerer.question()));
      console.print_unless_quiet(maps_text(*record));
    }
    return record;
  });
  if (exit_code != 0) throw CLI::RuntimeError(exit_code);
}

constexpr const char* kAskFooter = R"(Without --answer and --attention nothing is written but the answers.

Examples:
  backlight ask photo.png "what colour is the star"
  backlight ask photo.png "what colour is the star" --answer all --answer blue --format panel
  backlight ask photo.png "what colour is the star" --answer red --layer all
  backlight ask photo.png "where is the ring" --model coattention --answer left --elementwise
  backlight ask photo.png "is there a red star" --model coattention --attention --format npy
  backlight ask easy_vqa/data/test --weights easy.safetensors --pointing)";

}  // namespace

void add_ask_command(CLI::App& app) {
  auto options = std::make_shared<AskOptions>();
  CLI::App& command =
      *app.add_subcommand("ask", "Answer a question about a picture, and show where for each answer");
  command.add_option("IMAGE", options->input, "A picture, a folder of pictures, or - for standard input")
      ->required();
  command.add_option(
      "QUESTION", options->question,
      "In the words that the network knows; case does not matter. Without it, IMAGE is a folder with "
      "questions.json and images/, and it is counted how many answers are right");
  command
      .add_option("--answer", options->answers,
                  "A map of this answer, given or not; all: of those that --top-k names")
      ->group("Question")
      ->type_name("NAME|all,...")
      ->allow_extra_args(false)
      ->delimiter(',');
  command.add_option("-k,--top-k", options->top_k, "How many answers to name")
      ->group("Question")
      ->option_text("K")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  command
      .add_flag("--attention", options->attention,
                "What a co-attention network attends to, of words and of places: one for all answers, no "
                "explanation "
                "of any")
      ->group("Question");
  command
      .add_flag("--pointing", options->pointing,
                "Of a set of questions about drawn pictures: how many maps of right answers have their "
                "maximum on what differs from the background")
      ->group("Question");
  add_language_options(command, options->language, {"vqa", "coattention"}, true);
  command.footer(kAskFooter);
  command.callback([options] { run_ask(*options); });
}

}  // namespace backlight::tools
