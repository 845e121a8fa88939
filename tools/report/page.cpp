#include "tools/report/page.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "tools/backlight/class_names.hpp"
#include "tools/backlight/console.hpp"
#include "tools/backlight/html.hpp"
#include "tools/report/summary.hpp"
#include "tools/report/templates.hpp"
#include "weights/sha256.hpp"

namespace backlight::tools {
namespace {

/// Cards that are plain HTML, and pairs that are listed at once.
constexpr std::size_t kFirstPage = 24, kFirstPairs = 12;

using ShortNames = std::vector<std::string>;

std::string interval_text(const Json& share) {
  return decimal(100 * share["low"].get<double>(), 1) + "–" + decimal(100 * share["high"].get<double>(), 1) +
         " %";
}

/// `82.1 %` and its interval; a dash without pictures.
std::string share_text(const Json& share) { return share.is_null() ? "–" : percent(share["value"]); }
std::string share_interval(const Json& share) { return share.is_null() ? "" : interval_text(share); }

Json figure_json(const Figure& figure, std::span<const Box> truth, const PagePictures& pictures) {
  Json boxes = Json::array();
  const auto add_box = [&](const char* kind, const Box& box) {
    const auto share = [](double v) { return decimal(100 * v, 2) + "%"; };
    boxes.push_back({{"kind", kind},
                     {"place", "left:" + share(box.x0) + ";top:" + share(box.y0) + ";width:" +
                                   share(box.x1 - box.x0) + ";height:" + share(box.y1 - box.y0)}});
  };
  for (const Box& box : truth) add_box("truth", box);
  if (figure.found) add_box("found", *figure.found);
  return {{"source", pictures.source(figure.picture)},
          {"alternative", figure.alternative},
          {"width", figure.width},
          {"height", figure.height},
          {"caption", figure.caption},
          {"boxes", boxes}};
}

std::vector<std::string_view> all_flags(const PageCard& of) {
  std::vector<std::string_view> flags = flags_of(*of.judged);
  flags.insert(flags.end(), of.card.flags.begin(), of.card.flags.end());
  return flags;
}

Json card_json(const PageCard& of, std::size_t number, const Model& model, const ShortNames& names,
               const PagePictures& pictures) {
  const Judgement& judged = *of.judged;
  const auto full = [&](std::int64_t c) { return model.labels.at(static_cast<std::size_t>(c)); };
  const auto name = [&](std::int64_t c) { return names.at(static_cast<std::size_t>(c)); };
  Json card{{"number", number},
            {"verdict", judged.right() ? "right" : "wrong"},
            {"file", judged.name},
            {"predicted",
             {{"name", name(judged.predicted())}, {"probability", percent(judged.probabilities.front())}}},
            {"truth", nullptr},
            {"flags", Json::array()},
            {"figures", Json::array()},
            {"predictions", Json::array()},
            {"guided", Json::array()}};
  if (!judged.right())
    card["truth"] = {
        {"name", name(judged.truth)}, {"probability", percent(judged.probability)}, {"rank", judged.rank}};
  const std::vector<std::string_view> flags = all_flags(of);
  for (const Flag& flag : report_flags())
    if (std::ranges::find(flags, flag.name) != flags.end())
      card["flags"].push_back({{"words", flag.words}, {"meaning", flag.meaning}});
  for (const Figure& figure : of.card.figures)
    card["figures"].push_back(figure_json(figure, of.card.truth, pictures));
  for (const Figure& figure : of.card.guided) card["guided"].push_back(figure_json(figure, {}, pictures));
  card["has_guided"] = !of.card.guided.empty();
  const auto add_prediction = [&](std::int64_t c, double probability, const char* kind) {
    card["predictions"].push_back({{"name", name(c)},
                                   {"full", full(c)},
                                   {"kind", kind},
                                   {"bar", decimal(100 * probability, 1)},
                                   {"probability", percent(probability)}});
  };
  for (std::size_t i = 0; i < judged.best.size(); ++i) {
    const bool annotated = std::ranges::find(judged.annotated, judged.best[i]) != judged.annotated.end();
    add_prediction(judged.best[i], judged.probabilities[i], annotated ? "true" : i == 0 ? "said" : "");
  }
  if (judged.rank > kListedClasses) add_prediction(judged.truth, judged.probability, "true");
  Json facts{{{"name", "loss"}, {"value", decimal(judged.loss, 2)}},
             {{"name", "margin"}, {"value", decimal(judged.margin, 2)}}};
  const auto add_fact = [&](const char* what, const Json& value) {
    if (!value.is_null()) facts.push_back({{"name", what}, {"value", decimal(value, 2)}});
  };
  add_fact("agreement", of.card.maps["agreement"]);
  for (const auto& [member, value] : of.card.maps["iou"].items())
    add_fact(member == "true" ? "IoU, true" : "IoU", value);
  card["facts"] = std::move(facts);
  card["also"] = nullptr;
  if (judged.annotated.size() > 1) {
    std::string also;
    for (const std::int64_t c : judged.annotated) also += (also.empty() ? "" : ", ") + name(c);
    card["also"] = also;
  }
  return card;
}

/// What the script filters and sorts by.
Json facts_json(const PageCard& of, const Model& model) {
  const Judgement& judged = *of.judged;
  std::string classes = model.labels.at(static_cast<std::size_t>(judged.predicted()));
  for (const std::int64_t c : judged.annotated)
    classes += ", " + model.labels.at(static_cast<std::size_t>(c));
  return {{"name", judged.name},
          {"classes", classes},
          {"right", judged.right()},
          {"true", judged.truth},
          {"predicted", judged.predicted()},
          {"loss", judged.loss},
          {"margin", judged.margin},
          {"probability", judged.probabilities.front()},
          {"agreement", of.card.maps["agreement"]},
          {"flags", all_flags(of)}};
}

/// A class's options of a select, by name, and how many cards have it.
Json class_options(const std::map<std::int64_t, std::size_t>& counts, const ShortNames& names) {
  std::vector<std::pair<std::string, std::int64_t>> by_name;
  for (const auto& [index, count] : counts)
    by_name.emplace_back(names.at(static_cast<std::size_t>(index)), index);
  std::ranges::sort(by_name);
  Json options = Json::array();
  for (const auto& [name, index] : by_name)
    options.push_back({{"index", index}, {"short", name}, {"count", counts.at(index)}});
  return options;
}

Json pair_groups(const Json& confusions, const ShortNames& names) {
  Json groups = Json::array();
  for (std::size_t i = 0; i < confusions.size(); ++i) {
    if (i == 0) groups.push_back({{"summary", nullptr}, {"start", 1}, {"pairs", Json::array()}});
    if (i == kFirstPairs)
      groups.push_back({{"summary", counted(confusions.size() - kFirstPairs, "more pair")},
                        {"start", kFirstPairs + 1},
                        {"pairs", Json::array()}});
    Json pair = confusions[i];
    for (const char* side : {"true", "predicted"})
      pair[side]["short"] = names.at(pair[side]["index"].get<std::size_t>());
    groups.back()["pairs"].push_back(std::move(pair));
  }
  return groups;
}

Json matrix_view(const Json& matrix, const Model& model, const ShortNames& names) {
  const Json& classes = matrix["classes"];
  Json columns = Json::array(), rows = Json::array();
  for (const Json& index : classes) {
    const auto at = index.get<std::size_t>();
    columns.push_back({{"name", model.labels.at(at)}, {"short", names.at(at)}});
  }
  for (std::size_t i = 0; i < classes.size(); ++i) {
    const Json& counts = matrix["counts"][i];
    std::int64_t sum = 0;
    for (const Json& count : counts) sum += count.get<std::int64_t>();
    Json cells = Json::array();
    for (std::size_t k = 0; k < counts.size(); ++k) {
      const auto count = counts[k].get<std::int64_t>();
      cells.push_back(
          {{"kind", i == k ? "on" : "off"},
           {"true", classes[i]},
           {"predicted", classes[k]},
           {"count", count == 0 ? Json() : Json(count)},
           {"shade",
            count == 0
                ? Json()
                : Json(decimal(0.15 + 0.6 * static_cast<double>(count) / static_cast<double>(sum), 2))}});
    }
    rows.push_back(
        {{"name", columns[i]["name"]}, {"short", columns[i]["short"]}, {"cells", std::move(cells)}});
  }
  return {{"columns", std::move(columns)}, {"rows", std::move(rows)}};
}

Json classes_view(const Json& classes, const ShortNames& names) {
  Json view = Json::array();
  for (const Json& of : classes)
    view.push_back({{"index", of["index"]},
                    {"name", of["name"]},
                    {"short", names.at(of["index"].get<std::size_t>())},
                    {"pictures", of["pictures"]},
                    {"predicted", of["predicted"]},
                    {"recall", share_text(of["recall"])},
                    {"recall_interval", share_interval(of["recall"])},
                    {"precision", share_text(of["precision"])},
                    {"precision_interval", share_interval(of["precision"])}});
  return view;
}

Json bins_view(const Json& bins) {
  Json view = Json::array();
  for (const Json& bin : bins) {
    const bool filled = bin["pictures"] != 0;
    view.push_back({{"range", text(decimal(100 * bin["low"].get<double>(), 0), "–",
                                   decimal(100 * bin["high"].get<double>(), 0), " %")},
                    {"pictures", bin["pictures"]},
                    {"filled", filled},
                    {"accuracy", filled ? percent(bin["accuracy"]) : "–"},
                    {"bar", filled ? decimal(100 * bin["accuracy"].get<double>(), 1) : ""},
                    {"mark", filled ? decimal(100 * bin["confidence"].get<double>(), 1) : ""}});
  }
  return view;
}

Json tiles_view(const Json& report) {
  const Json& summary = report["summary"];
  const auto tile = [](const char* name, std::string value, std::string interval = "") {
    return Json{{"name", name}, {"value", std::move(value)}, {"interval", std::move(interval)}};
  };
  Json tiles{tile("top-1", share_text(summary["top1"]), share_interval(summary["top1"])),
             tile("top-5", share_text(summary["top5"]), share_interval(summary["top5"]))};
  tiles.push_back(tile("mean loss", summary["mean_loss"].is_null() ? "–" : decimal(summary["mean_loss"], 3)));
  const Json& error = summary["reliability"]["error"];
  tiles.push_back(tile("calibration error", error.is_null() ? "–" : percent(error)));
  tiles.push_back(tile("pictures read", report["counts"]["read"].dump()));
  tiles.push_back(tile("failed", report["counts"]["failed"].dump()));
  return tiles;
}

Json about_view(const Json& report) {
  const Json &model = report["model"], &how = report["preprocessing"];
  Json list = Json::array();
  const auto add = [&](const char* name, const Json& value) {
    list.push_back({{"name", name}, {"value", value.is_string() ? value : Json(value.dump())}});
  };
  add("network", model["architecture"]);
  add("weights", model["weights"]);
  add("SHA-256", model["weights_sha256"]);
  add("scores", model["scores"]);
  add("layer", report["layer"]);
  add("preset", report["preset"]);
  add("fit", how["fit"]);
  add("input size", how["input_size"]);
  add("data", report["data"]["path"]);
  add("format", report["data"]["format"]);
  add("device", report["device"]);
  add("precision", report["precision"]);
  for (const Json& assumption : model["assumptions"]) add("assumed", assumption);
  if (report["summary"]["several_classes"] != 0)
    add("several classes", text("are annotated on ", report["summary"]["several_classes"].dump(),
                                " pictures, of which the one with the highest score counts as the truth"));
  return list;
}

/// As `script-src` of a content security policy wants it.
std::string script_hash(std::string_view script) {
  const std::string hex = sha256_hex(std::as_bytes(std::span(script)));
  std::vector<std::uint8_t> bytes;
  for (std::size_t i = 0; i < hex.size(); i += 2)
    bytes.push_back(static_cast<std::uint8_t>(std::stoi(hex.substr(i, 2), nullptr, 16)));
  return "sha256-" + base64(bytes);
}

}  // namespace

std::string report_page(const Json& report, const Model& model, std::span<const PageCard> cards,
                        const PagePictures& pictures) {
  const Json& summary = report["summary"];
  const ShortNames names = short_names(model.labels);
  std::string first, more;
  Json facts = Json::array();
  std::map<std::int64_t, std::size_t> truths, said;
  std::map<std::string_view, std::size_t> flagged;
  bool boxes = false;
  for (std::size_t i = 0; i < cards.size(); ++i) {
    const std::string html = render(card_html(), card_json(cards[i], i, model, names, pictures));
    if (i < kFirstPage)
      first += html;
    else
      more += text("<script type=\"text/html\" id=\"text-", i, "\">", html, "</script>\n");
    facts.push_back(facts_json(cards[i], model));
    ++truths[cards[i].judged->truth];
    ++said[cards[i].judged->predicted()];
    for (const std::string_view flag : all_flags(cards[i])) ++flagged[flag];
    boxes = boxes || !cards[i].card.truth.empty();
  }
  Json flags = Json::array();
  for (const Flag& flag : report_flags())
    if (flagged.contains(flag.name))
      flags.push_back({{"name", flag.name}, {"words", flag.words}, {"count", flagged[flag.name]}});
  const Json matrix = matrix_view(summary["matrix"], model, names);
  const std::size_t classes = summary["classes"].size(), in_matrix = matrix["rows"].size();
  const Json& failed = report["counts"]["failed"];
  const Json& error = summary["reliability"]["error"];
  return render(page_html(), {{"title", report["data"]["title"]},
                              {"architecture", report["model"]["architecture"]},
                              {"version", report["backlight_version"]},
                              {"css", page_css()},
                              {"js", page_js()},
                              {"script_hash", script_hash(page_js())},
                              {"pictures", counted(report["counts"]["read"], "picture")},
                              {"failed", failed == 0 ? Json() : Json(failed.dump() + " failed")},
                              {"interrupted", report["interrupted"]},
                              {"tiles", tiles_view(report)},
                              {"about", about_view(report)},
                              {"errors", report["errors"]},
                              {"pair_groups", pair_groups(summary["confusions"], names)},
                              {"matrix", in_matrix > 1 ? matrix : Json()},
                              {"matrix_title", in_matrix < classes ? text("the ", in_matrix, " classes of ",
                                                                          classes, " with most errors")
                                                                   : text(classes, " classes")},
                              {"class_count", classes == 1 ? "1 class" : text(classes, " classes")},
                              {"classes", classes_view(summary["classes"], names)},
                              {"calibration_error", error.is_null() ? Json() : Json(percent(error))},
                              {"bins", bins_view(summary["reliability"]["bins"])},
                              {"selection", report["selection"]["words"]},
                              {"has_boxes", boxes},
                              {"first_page", std::min(kFirstPage, cards.size())},
                              {"true_classes", class_options(truths, names)},
                              {"said_classes", class_options(said, names)},
                              {"flags", std::move(flags)},
                              {"cards", std::move(first)},
                              {"more_cards", std::move(more)},
                              {"facts", script_json(facts)}});
}

}  // namespace backlight::tools
