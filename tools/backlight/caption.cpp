// backlight caption: what a network says of pictures, word by word, and where it looked for each word.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "models/language/decoder.hpp"
#include "tools/backlight/commands.hpp"
#include "tools/backlight/language_picture.hpp"
#include "tools/backlight/names.hpp"
#include "tools/backlight/table.hpp"
#include "weights/load.hpp"

namespace backlight::tools {
namespace {

using Words = std::vector<std::int32_t>;

struct CaptionOptions {
  InputOptions inputs;
  LanguageOptions language;
  int beam = language::DecodeOptions().beam;
  std::optional<std::string> text;
  std::vector<std::string> words;
  bool sentence = false;
};

/// One --word: a place in the caption, a word of any place, or every one.
struct AskedWord {
  std::string asked;
  std::optional<std::size_t> position = {};
  std::optional<std::int32_t> id = {};
};

AskedWord parse_word(const std::string& asked, const language::Vocabulary& vocabulary) {
  if (asked == "all") return {asked};
  if (std::ranges::all_of(asked, [](char c) { return c >= '0' && c <= '9'; })) {
    constexpr std::size_t kMostDigits = 6;
    return {.asked = asked, .position = asked.size() > kMostDigits ? std::size_t{0} : std::stoul(asked)};
  }
  const Words ids = vocabulary.encode(asked);
  if (ids.size() != 1)
    throw Error(ErrorKind::usage, "--word ", asked, " has ", ids.size(),
                " words, expected one, a number or `all`");
  return {.asked = asked, .id = ids.front()};
}

/// The words of a caption asked for, by their places from 0, in order. Throws Error(usage) for one that it has
/// not.
std::vector<std::size_t> positions_of(std::span<const AskedWord> asked, const Words& caption,
                                      const language::Vocabulary& vocabulary) {
  const auto word = [&](std::size_t i) { return vocabulary.words()[static_cast<std::size_t>(caption[i])]; };
  std::vector<bool> chosen(caption.size());
  for (const AskedWord& one : asked) {
    bool found = !one.position && !one.id;
    for (std::size_t i = 0; i < caption.size(); ++i)
      if ((!one.position || *one.position == i + 1) && (!one.id || *one.id == caption[i]))
        chosen[i] = found = true;
    if (found) continue;
    std::vector<std::string> words;
    for (std::size_t i = 0; i < caption.size(); ++i) words.push_back(word(i));
    throw Error(ErrorKind::usage, "--word ", one.asked, ": the caption \"", vocabulary.decode(caption),
                "\" has ", one.position ? text("words 1 to ", caption.size()) : "no such word",
                did_you_mean(one.asked, words));
  }
  std::vector<std::size_t> positions;
  for (std::size_t i = 0; i < chosen.size(); ++i)
    if (chosen[i]) positions.push_back(i);
  return positions;
}

/// A caption's own maps: of the words at `positions`, then of the sentence.
std::vector<AskedMap> caption_maps(const Words& caption, const language::Vocabulary& vocabulary,
                                   std::span<const std::size_t> positions, bool sentence,
                                   bool log_probability) {
  const std::string whole = vocabulary.decode(caption);
  std::vector<AskedMap> maps;
  for (const std::size_t i : positions) {
    const std::string& word = vocabulary.words()[static_cast<std::size_t>(caption[i])];
    maps.push_back({.name = text(distinct_name(whole), "_word-", i + 1, "-", distinct_name(word)),
                    .facts = {{"of", "word"}, {"position", i + 1}, {"id", caption[i]}, {"word", word}},
                    .said = {{static_cast<std::int64_t>(i), caption[i]}},
                    .log_probability = log_probability});
  }
  if (!sentence || caption.empty()) return maps;
  maps.push_back(
      {.name = distinct_name(whole) + "_sentence", .facts = {{"of", "sentence"}}, .log_probability = true});
  for (std::size_t i = 0; i < caption.size(); ++i)
    maps.back().said.push_back({static_cast<std::int64_t>(i), caption[i]});
  return maps;
}

/// Each word with its score behind those before it, and with the end the log p of all.
void add_words(const language::HeadExplanation& head, const Words& caption,
               const language::LanguageModel& model, Json& record) {
  require_finite("the scores of words", head.scores());
  const Tensor log_p = language::log_softmax_of(head.scores());
  const std::int64_t words = log_p.shape()[1];
  double sum = 0;
  record["words"] = Json::array();
  for (std::size_t i = 0; i <= caption.size(); ++i) {
    const std::int32_t id = i < caption.size() ? caption[i] : model.vocabulary.special().end;
    const std::int64_t at = static_cast<std::int64_t>(i) * words + id;
    sum += log_p.data<double>()[at];
    if (i == caption.size()) break;
    record["words"].push_back({{"position", i + 1},
                               {"id", id},
                               {"word", model.vocabulary.words()[static_cast<std::size_t>(id)]},
                               {"logit", number(head.scores().data<float>()[at])},
                               {"log_probability", log_p.data<double>()[at]},
                               {"probability", std::exp(log_p.data<double>()[at])}});
  }
  record["log_probability"] = sum;
}

std::string caption_text(const Json& record) {
  std::string out = printable(record["file"].get<std::string>()) + ": " +
                    printable(record["caption"].get<std::string>()) + " (log p " +
                    decimal(record["log_probability"], 3) +
                    (record["complete"] == false ? ", cut off at the longest length)\n" : ")\n");
  Table table({"", "", "word", "probability", "log p"});
  for (const Json& word : record["words"])
    table.add({"", word["position"].dump(), word["word"], percent(word["probability"]),
               decimal(word["log_probability"], 3)});
  return out + table.str();
}

/// What `caption` does with each picture.
class Captioner {
 public:
  Captioner(const CaptionOptions& options, const language::LanguageModel& model, Context& context,
            const LanguageMaps& maps)
      : model_(model),
        context_(context),
        maps_(maps),
        sentence_(options.sentence),
        decoder_(model.head, context, model.vocabulary.special(),
                 {.beam = options.beam, .max_words = model.vocabulary.max_length() - 1}) {
    for (const std::string& word : options.words) words_.push_back(parse_word(word, model.vocabulary));
    if (!options.text) return;
    given_ = model.vocabulary.encode(*options.text);
    if (std::cmp_greater_equal(given_->size(), model.vocabulary.max_length()))
      throw Error(ErrorKind::usage, "\"", printable(*options.text), "\" has ", given_->size(),
                  " words, the network takes ", model.vocabulary.max_length() - 1);
  }

  const std::optional<Words>& given() const { return given_; }
  std::vector<AskedMap> asked_maps(const Words& caption) const {
    return caption_maps(caption, model_.vocabulary, positions_of(words_, caption, model_.vocabulary),
                        sentence_, maps_.log_probability);
  }

  Json caption(const PictureSource& source, LanguagePictures& pictures, Console& console) {
    SeenPicture picture = pictures.see(source, console);
    Json& record = picture.record;
    Json beam = Json::array();
    Words caption;
    record["complete"] = Json();
    if (given_) {
      caption = *given_;
    } else {
      const std::vector<language::DecodedCaption> said = decoder_.decode(picture.map());
      caption = said.front().words;
      record["complete"] = said.front().complete;
      for (const language::DecodedCaption& one : said)
        beam.push_back({{"caption", model_.vocabulary.decode(one.words)},
                        {"log_probability", one.log_probability},
                        {"complete", one.complete}});
    }
    record["caption"] = model_.vocabulary.decode(caption);
    record["beam"] = std::move(beam);
    Words tokens{model_.vocabulary.special().start};
    tokens.insert(tokens.end(), caption.begin(), caption.end());
    language::HeadExplanation head(model_.head, context_, picture.map(), tokens);
    add_words(head, caption, model_, record);
    const std::vector<AskedMap> asked = asked_maps(caption);
    pictures.write(source, distinct_name(model_.vocabulary.decode(caption)), picture,
                   pictures.explain(head, picture, asked));
    return std::move(record);
  }

 private:
  const language::LanguageModel& model_;
  Context& context_;
  const LanguageMaps& maps_;
  bool sentence_;
  language::CaptionDecoder decoder_;
  std::vector<AskedWord> words_;
  std::optional<Words> given_;
};

void run_caption(CaptionOptions& options) {
  Console& console = options.language.console;
  const LanguageMaps maps = parse_language_options(
      options.language, options.sentence || !options.words.empty(), "add --word or --sentence");
  const PictureList list = list_pictures(options.inputs, console);
  Context context = make_context(options.language.device, console);
  const language::LanguageModel model = load_language(options.language, true, context, console);
  Captioner captioner(options, model, context, maps);

  Json head = language_json("caption", model, maps, context);
  head["scalar"] = maps.log_probability ? "logprob" : "logit";
  head["text"] = captioner.given() ? Json(model.vocabulary.decode(*captioner.given())) : Json();
  head["beam"] = captioner.given() ? Json() : Json(options.beam);
  head["asked"] = {{"words", options.words}, {"sentence", options.sentence}};
  Inputs inputs = inputs_of(list, {model.weights});
  inputs.keep_from("/dev/stdout");
  LanguagePictures pictures(model, context, maps,
                            optimisations(options.language.device, list.pictures.size()), head,
                            std::move(inputs));
  if (captioner.given()) {
    std::vector<std::string> names;
    for (const AskedMap& map : captioner.asked_maps(*captioner.given())) names.push_back(map.name);
    for (const PictureSource& source : list.pictures)
      pictures.check_free(source, distinct_name(model.vocabulary.decode(*captioner.given())), names);
  }
  BatchOutput output(options.language.json, std::move(head), list, console);
  const int exit_code = for_each_picture(list, output, console, [&](const PictureSource& source) {
    Json record = captioner.caption(source, pictures, console);
    if (!options.language.json.any()) {
      console.print(caption_text(record));
      console.print_unless_quiet(maps_text(record));
    }
    return record;
  });
  if (exit_code != 0) throw CLI::RuntimeError(exit_code);
}

constexpr const char* kCaptionFooter = R"(Without --word and --sentence nothing is written but the caption.

Examples:
  backlight caption photo.png
  backlight caption photo.png --word all --sentence --out results
  backlight caption photo.png --text "a red star above a blue ring" --word star
  backlight caption photos/ --json-lines > captions.jsonl)";

}  // namespace

void add_caption_command(CLI::App& app) {
  auto options = std::make_shared<CaptionOptions>();
  CLI::App& command =
      *app.add_subcommand("caption", "Say what is in a picture, and show where for each word");
  add_inputs(command, options->inputs);
  auto* beam =
      command
          .add_option("--beam", options->beam,
                      "How many beginnings of a caption are followed; 1 takes the likeliest word each time")
          ->group("Question")
          ->option_text("N")
          ->check(CLI::Range(1, 100))
          ->capture_default_str();
  command.add_option("--text", options->text, "This caption instead of the network's own")
      ->group("Question")
      ->type_name("TEXT")
      ->excludes(beam);
  command
      .add_option("--word", options->words,
                  "A map of this word: its place from 1, the word at each place where it stands, or all")
      ->group("Question")
      ->type_name("N|WORD|all,...")
      ->allow_extra_args(false)
      ->delimiter(',');
  command
      .add_flag("--sentence", options->sentence, "A map of the whole caption: of the sum of its words' log p")
      ->group("Question");
  add_language_options(command, options->language, {"captioner"});
  command.footer(kCaptionFooter);
  command.callback([options] { run_caption(*options); });
}

}  // namespace backlight::tools
