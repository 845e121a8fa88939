#include "tools/backlight/ask_set.hpp"

#include "models/language/set_rates.hpp"
#include "tools/backlight/common.hpp"
#include "tools/backlight/table.hpp"

namespace backlight::tools {
namespace {

Json share_json(const language::Share& share) { return {{"hits", share.hits}, {"asked", share.asked}}; }

std::string share_text(const language::Share& share) {
  return text(share.hits, " of ", share.asked, ", ", percent(share.rate()));
}

}  // namespace

void ask_set(const std::filesystem::path& folder, const LanguageOptions& options, bool pointing,
             Console& console) {
  const std::pair<const char*, bool> of_one[] = {{"--scalar", options.scalar.has_value()},
                                                 {"--fit", options.fit.has_value()},
                                                 {"--preset", options.preset.has_value()},
                                                 {"--layer", !options.layers.empty()},
                                                 {"--format", !options.formats.empty()},
                                                 {"--counterfactual", options.counterfactual},
                                                 {"--guided", options.guided},
                                                 {"--json-lines", options.json.lines}};
  for (const auto& [name, given] : of_one)
    if (given)
      throw Error(ErrorKind::usage, name,
                  " is of one question; a set of them is counted, and --path and "
                  "--elementwise are all that is asked of its maps");
  const LanguageMaps maps = parse_language_options(options, pointing, "add --pointing");
  Context context = make_context(options.device, console);
  const language::LanguageModel model = load_language(options, false, context, console);
  const language::QuestionSet set =
      language::read_question_set(folder, model.preprocessing, context, fit_of(model, maps));
  const language::SetRates right = set_rates(model, context, set);
  const language::SetRates pointed =
      pointing ? set_pointing(model, context, set, maps.how) : language::SetRates();

  if (options.json.document) {
    Json json = language_json("ask", model, maps, context);
    json["set"] = {{"file", set.file.string()}, {"sha256", set.sha256}, {"pictures", set.pictures.size()}};
    json["right"] = share_json(right.all);
    json["pointing"] = pointing ? share_json(pointed.all) : Json();
    json["answers"] = Json::array();
    for (const auto& [answer, share] : right.answers) {
      const auto found = pointed.answers.find(answer);
      json["answers"].push_back(
          {{"name", answer},
           {"right", share_json(share)},
           {"pointing", found == pointed.answers.end() ? Json() : share_json(found->second)}});
    }
    console.print(json.dump(2) + "\n");
    return;
  }
  Table table({"answer", "right", pointing ? "maps that point at the figure" : ""});
  const auto add = [&](const std::string& name, const language::Share& share, const language::Share* points) {
    table.add({name, share_text(share), points && points->asked > 0 ? share_text(*points) : ""});
  };
  for (const auto& [answer, share] : right.answers) {
    const auto found = pointed.answers.find(answer);
    add(answer, share, found == pointed.answers.end() ? nullptr : &found->second);
  }
  add("all", right.all, &pointed.all);
  console.print(table.str());
}

}  // namespace backlight::tools
