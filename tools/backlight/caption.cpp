// backlight caption: what a network says of pictures, word by word, and where it looked for each word.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
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
  std::vector<std::string> words, regions;
  bool sentence = false;
};

/// One --region: what is said of a part of the picture.
struct AskedRegion {
  std::string caption;  ///< in the network's words
  Words ids;
  Box box;

  friend bool operator==(const AskedRegion&, const AskedRegion&) = default;
};

/// Throws Error(usage) as Vocabulary::encode, and for more words than the network takes.
Words encode_caption(std::string_view said, const language::Vocabulary& vocabulary,
                     language::UnknownWords unknown) {
  Words ids = vocabulary.encode(said, unknown);
  if (std::cmp_greater_equal(ids.size(), vocabulary.max_length()))
    throw Error(ErrorKind::usage, "\"", printable(said), "\" has ", ids.size(), " words, the network takes ",
                vocabulary.max_length() - 1);
  return ids;
}

/// "a red star=10,20,60,70". Throws Error(usage) for another form, an empty box, and as encode_caption.
AskedRegion parse_region(const std::string& asked, const language::Vocabulary& vocabulary,
                         language::UnknownWords unknown) {
  constexpr int kLargest = 1'000'000;
  const auto fail = [&](const char* what) {
    return Error(
        ErrorKind::usage, "--region \"", printable(asked), "\": ", what,
        "; expected CAPTION=X0,Y0,X1,Y1, a box by its edges in pixels of the picture, such as \"a red "
        "star=10,20,60,70\"");
  };
  const std::size_t equals = asked.rfind('=');
  if (equals == std::string::npos) throw fail("has no box");
  std::array<int, 4> edges{};
  const char *at = asked.data() + equals + 1, *const end = asked.data() + asked.size();
  for (std::size_t i = 0; i < edges.size(); ++i) {
    if (i > 0 && (at == end || *at++ != ',')) throw fail("has no box of four numbers");
    const auto [next, error] = std::from_chars(at, end, edges[i]);
    if (error != std::errc() || edges[i] < 0 || edges[i] > kLargest)
      throw fail("has no box of whole numbers");
    at = next;
  }
  if (at != end) throw fail("has no box of four numbers");
  if (edges[0] >= edges[2] || edges[1] >= edges[3]) throw fail("the box has no area");
  AskedRegion region{.caption = {},
                     .ids = encode_caption(std::string_view(asked).substr(0, equals), vocabulary, unknown),
                     .box = {double(edges[0]), double(edges[1]), double(edges[2]), double(edges[3])}};
  region.caption = vocabulary.decode(region.ids);
  return region;
}

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

std::vector<language::Said> all_of(const Words& caption) {
  std::vector<language::Said> said;
  for (const std::int32_t id : caption) said.push_back({std::ssize(said), id});
  return said;
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
  maps.push_back({.name = distinct_name(whole) + "_sentence",
                  .facts = {{"of", "sentence"}},
                  .said = all_of(caption),
                  .log_probability = true});
  return maps;
}

std::string box_text(const Box& box) {
  return text(std::llround(box.x0), ",", std::llround(box.y0), ",", std::llround(box.x1), ",",
              std::llround(box.y1));
}

AskedMap region_map(const AskedRegion& region) {
  return {.name = text(distinct_name(region.caption), "_region-", file_safe(box_text(region.box))),
          .facts = {{"of", "region"}, {"text", region.caption}, {"region", box_json(region.box)}},
          .said = all_of(region.ids),
          .log_probability = true,
          .region = region.box};
}

/// Each word with its score behind those before it, and with the end the log p of all.
void add_words(const language::HeadExplanation& head, const Words& caption,
               const language::LanguageModel& model, Json& record) {
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
  std::string out = printable(record["file"].get<std::string>()) + ": ";
  if (record["caption"].is_null()) {
    Table table(
        {"", "region", "box", "log p", "inside/outside: Grad-CAM", "Guided Backprop", "Guided Grad-CAM"});
    const auto ratio = [](const Json& value) { return value.is_null() ? "all inside" : decimal(value, 2); };
    for (const Json& map : record["maps"]) {
      const Json& box = map["region"];
      const Json& stronger = map["inside_outside"];
      table.add({"", printable(map["text"].get<std::string>()),
                 box_text({box["x0"], box["y0"], box["x1"], box["y1"]}), decimal(map["target_value"], 3),
                 ratio(stronger["grad_cam"]), ratio(stronger["guided_backprop"]),
                 ratio(stronger["guided_grad_cam"])});
    }
    return out + "captions of regions\n" + table.str();
  }
  out += printable(record["caption"].get<std::string>()) + " (log p " +
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
    const language::UnknownWords unknown = unknown_words(options.language);
    if (options.text) given_ = encode_caption(*options.text, model.vocabulary, unknown);
    for (const std::string& asked : options.regions)
      add_once(regions_, parse_region(asked, model.vocabulary, unknown));
  }

  const std::optional<Words>& given() const { return given_; }

  /// Throws Error(usage) for a result that is in the way and whose name is known before any picture is seen.
  void check_free(const PictureSource& source, const LanguagePictures& pictures) const {
    if (const auto known = known_maps()) pictures.check_free(source, known->subject, known->maps);
  }

  /// The record; nothing where all results are there and are kept.
  std::optional<Json> caption(const PictureSource& source, LanguagePictures& pictures, Console& console) {
    if (const auto known = known_maps())
      if (pictures.is_done(source, known->subject, known->maps)) return std::nullopt;
    SeenPicture picture = pictures.see(source, console);
    return regions_.empty() ? of_picture(source, pictures, picture) : of_regions(source, pictures, picture);
  }

 private:
  struct AskedMaps {
    std::string subject;
    std::vector<AskedMap> maps;
  };

  AskedMaps maps_of(const Words& caption) const {
    return {distinct_name(model_.vocabulary.decode(caption)),
            caption_maps(caption, model_.vocabulary, positions_of(words_, caption, model_.vocabulary),
                         sentence_, maps_.log_probability)};
  }
  std::optional<AskedMaps> known_maps() const {
    if (given_) return maps_of(*given_);
    if (regions_.empty()) return std::nullopt;
    AskedMaps known;
    for (const AskedRegion& region : regions_) {
      known.subject += region.caption + " " + box_text(region.box) + " ";
      known.maps.push_back(region_map(region));
    }
    known.subject = distinct_name(known.subject);
    return known;
  }

  language::HeadExplanation head_of(const Words& caption, const SeenPicture& picture) {
    Words tokens{model_.vocabulary.special().start};
    tokens.insert(tokens.end(), caption.begin(), caption.end());
    language::HeadExplanation head(model_.head, context_, picture.map(), tokens);
    require_finite("the scores of words", head.scores());
    return head;
  }

  Json of_regions(const PictureSource& source, LanguagePictures& pictures, SeenPicture& picture) {
    const AskedMaps asked = *known_maps();
    std::vector<NamedMap> maps;
    for (std::size_t i = 0; i < regions_.size(); ++i) {
      const Box& box = regions_[i].box;
      if (box.x1 > picture.image.width || box.y1 > picture.image.height)
        throw Error(ErrorKind::usage, source.name(), ": the region ", box_text(box),
                    " goes beyond the picture, ", picture.image.width, "×", picture.image.height);
      language::HeadExplanation head = head_of(regions_[i].ids, picture);
      for (NamedMap& map : pictures.explain(head, picture, {&asked.maps[i], 1}))
        maps.push_back(std::move(map));
    }
    Json& record = picture.record;
    record["caption"] = record["log_probability"] = record["complete"] = Json();
    record["beam"] = record["words"] = Json::array();
    pictures.write(source, asked.subject, "", picture, maps);
    return std::move(record);
  }

  Json of_picture(const PictureSource& source, LanguagePictures& pictures, SeenPicture& picture) {
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
    language::HeadExplanation head = head_of(caption, picture);
    add_words(head, caption, model_, record);
    AskedMaps asked = maps_of(caption);
    for (AskedMap& map : asked.maps)
      if (map.facts["of"] == "word")
        map.facts.update(record["words"][map.facts["position"].get<std::size_t>() - 1]);
    pictures.write(source, asked.subject, model_.vocabulary.decode(caption), picture,
                   pictures.explain(head, picture, asked.maps));
    return std::move(record);
  }

  const language::LanguageModel& model_;
  Context& context_;
  const LanguageMaps& maps_;
  bool sentence_;
  language::CaptionDecoder decoder_;
  std::vector<AskedWord> words_;
  std::optional<Words> given_;
  std::vector<AskedRegion> regions_;
};

void run_caption(CaptionOptions& options) {
  Console& console = options.language.console;
  // The measure of regions is of Guided Grad-CAM, too.
  options.language.guided |= !options.regions.empty();
  const LanguageMaps maps = parse_language_options(
      options.language, options.sentence || !options.words.empty() || !options.regions.empty(),
      "add --word, --sentence or --region");
  options.sentence |= maps.formats.panel && maps.layers.empty() && options.regions.empty();
  const PictureList list = list_pictures(options.inputs, console);
  Context context = make_context(options.language.device, console);
  const language::LanguageModel model = load_language(options.language, true, context, console);
  Captioner captioner(options, model, context, maps);

  Json head = language_json("caption", model, maps, context);
  head["scalar"] = maps.log_probability ? "logprob" : "logit";
  head["text"] = captioner.given() ? Json(model.vocabulary.decode(*captioner.given())) : Json();
  head["beam"] = captioner.given() || !options.regions.empty() ? Json() : Json(options.beam);
  head["asked"] = {{"words", options.words}, {"sentence", options.sentence}, {"regions", options.regions}};
  Inputs inputs = inputs_of(list, {model.weights, options.language.cnn, options.language.vocabulary,
                                   options.language.answer_names});
  inputs.keep_from("/dev/stdout");
  LanguagePictures pictures(model, context, maps,
                            optimisations(options.language.device, list.pictures.size()), head,
                            std::move(inputs));
  for (const PictureSource& source : list.pictures) captioner.check_free(source, pictures);
  BatchOutput output(options.language.json, std::move(head), list, console);
  const int exit_code = for_each_picture(list, output, console, [&](const PictureSource& source) {
    std::optional<Json> record = captioner.caption(source, pictures, console);
    if (record && !options.language.json.any()) {
      console.print(caption_text(*record));
      console.print_unless_quiet(maps_text(*record));
    }
    return record;
  });
  if (exit_code != 0) throw CLI::RuntimeError(exit_code);
}

constexpr const char* kCaptionFooter =
    R"(Without --word, --sentence and --region nothing is written but the caption.

Examples:
  backlight caption photo.png
  backlight caption photo.png --word all --format panel --out results
  backlight caption photo.png --text "a red star above a blue ring" --word star
  backlight caption photo.png --region "a red star=10,20,60,70"
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
  auto* text = command.add_option("--text", options->text, "This caption instead of the network's own")
                   ->group("Question")
                   ->type_name("TEXT")
                   ->excludes(beam);
  auto* word =
      command
          .add_option("--word", options->words,
                      "A map of this word: its place from 1, the word at each place where it stands, or all")
          ->group("Question")
          ->type_name("N|WORD|all,...")
          ->allow_extra_args(false)
          ->delimiter(',');
  auto* sentence = command
                       .add_flag("--sentence", options->sentence,
                                 "A map of the whole caption: of the sum of its words' log p")
                       ->group("Question");
  command
      .add_option(
          "--region", options->regions,
          "A map of what is said of a part of the picture, a box by its edges in pixels, and how much "
          "stronger it is inside than outside; several times for several")
      ->group("Question")
      ->type_name("TEXT=X0,Y0,X1,Y1")
      ->allow_extra_args(false)
      ->excludes(beam)
      ->excludes(text)
      ->excludes(word)
      ->excludes(sentence);
  add_language_options(command, options->language, {"captioner"}, false);
  command.footer(kCaptionFooter);
  command.callback([options] { run_caption(*options); });
}

}  // namespace backlight::tools
