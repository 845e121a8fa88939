#include "tools/study/analysis.hpp"

#include <algorithm>
#include <cmath>

#include "engine/evaluate/crossed.hpp"
#include "tools/backlight/scores.hpp"
#include "tools/backlight/table.hpp"

namespace backlight::tools {
namespace {

/// An answer as the key has it: of discrimination 1 where it is right, of trust how much better the better network is.
int value_of(StudyKind kind, const KeyItem& item, const StudyAnswer& answer) {
  if (kind == StudyKind::discrimination) return answer.answer == item.correct_side;
  return static_cast<int>(item.correct_side == 2 ? answer.answer : -answer.answer);
}

struct PersonFacts {
  std::size_t checks = 0, failed = 0;
  double median_ms = 0;
  std::vector<std::string> reasons;  ///< for which they are left out
};

PersonFacts facts_of(const Participant& person, const StudyKey& key) {
  PersonFacts facts;
  std::vector<double> times;
  for (const StudyAnswer& answer : person.answers) {
    times.push_back(answer.rt_ms);
    const KeyItem& item = key.items.at(answer.code);
    if (item.item) continue;
    ++facts.checks;
    facts.failed += value_of(key.kind, item, answer) <= 0;
  }
  facts.median_ms = median(std::move(times));
  if (static_cast<int>(facts.failed) > key.max_failed_checks)
    facts.reasons.push_back(text(facts.failed, " of ", facts.checks, " attention checks failed"));
  if (facts.median_ms < key.min_median_ms)
    facts.reasons.push_back(text("median time ", decimal(facts.median_ms, 0), " ms"));
  return facts;
}

Json number_or_null(double value) { return std::isfinite(value) ? Json(value) : Json(); }
Json interval_json(const Estimate& estimate) {
  return Json::array({number_or_null(estimate.low), number_or_null(estimate.high)});
}
Json wilson_json(std::int64_t hits, std::int64_t n) {
  return n > 0 ? interval_json(wilson(hits, n)) : Json();
}

/// An answer to an item, with what it is compared by.
struct ItemRating {
  Rating rating;
  const KeyItem* item;
};

std::vector<ItemRating> item_ratings_of(const StudyKey& key, std::span<const Participant> people,
                                        std::span<const PersonFacts> facts, bool kept_only) {
  const auto known = techniques(key.kind);
  std::vector<ItemRating> answers;
  for (std::size_t p = 0; p < people.size(); ++p) {
    if (kept_only && !facts[p].reasons.empty()) continue;
    for (const StudyAnswer& answer : people[p].answers) {
      const KeyItem& item = key.items.at(answer.code);
      if (!item.item) continue;
      const auto group = std::ranges::find(known, item.technique, &Technique::name) - known.begin();
      answers.push_back({{people[p].number, *item.item, static_cast<std::size_t>(group),
                          static_cast<double>(value_of(key.kind, item, answer))},
                         &item});
    }
  }
  return answers;
}

std::vector<Rating> ratings_of(std::span<const ItemRating> answers, bool positive_only = false) {
  std::vector<Rating> ratings;
  for (const ItemRating& answer : answers) {
    ratings.push_back(answer.rating);
    if (positive_only) ratings.back().value = answer.rating.value > 0;
  }
  return ratings;
}

std::int64_t count_positive(std::span<const Rating> ratings, std::size_t group) {
  return std::ranges::count_if(ratings, [&](const Rating& r) { return r.group == group && r.value > 0; });
}
std::int64_t count_of(std::span<const Rating> ratings, std::size_t group) {
  return std::ranges::count(ratings, group, &Rating::group);
}

/// Pooled shares of right answers, or means, by what `part` says of an item, and by technique.
Json split_json(StudyKind kind, std::span<const ItemRating> answers,
                const std::function<std::string(const KeyItem&)>& part) {
  std::map<std::pair<std::string, std::size_t>, std::vector<double>> parts;
  for (const ItemRating& answer : answers)
    parts[{part(*answer.item), answer.rating.group}].push_back(answer.rating.value);
  Json list = Json::array();
  for (const auto& [of, values] : parts) {
    double sum = 0;
    for (const double value : values) sum += value;
    Json entry{{"of", of.first}, {"technique", techniques(kind)[of.second].name}, {"ratings", values.size()}};
    entry["value"] = sum / static_cast<double>(values.size());
    if (kind == StudyKind::discrimination)
      entry["wilson"] = wilson_json(static_cast<std::int64_t>(sum), std::ssize(values));
    list.push_back(std::move(entry));
  }
  return list;
}

/// Items whose mean rating is for the better network, and those whose is for the other.
Json sign_test_json(std::span<const Rating> ratings, std::size_t group) {
  std::map<std::int64_t, double> sums;
  for (const Rating& rating : ratings)
    if (rating.group == group) sums[rating.item] += rating.value;
  std::int64_t better = 0, worse = 0;
  for (const auto& [item, sum] : sums) {
    better += sum > 0;
    worse += sum < 0;
  }
  return {{"better", better},
          {"worse", worse},
          {"equal", std::ssize(sums) - better - worse},
          {"p", sign_test_p(better, worse)}};
}

Json results_of(const StudyKey& key, std::span<const ItemRating> answers, const Bootstrap& how) {
  const auto known = techniques(key.kind);
  const std::vector<Rating> ratings = ratings_of(answers);
  const CrossedMeans means = crossed_bootstrap(ratings, known.size(), how);
  const bool trust = key.kind == StudyKind::trust;
  const std::vector<Rating> named = ratings_of(answers, /*positive_only=*/true);
  const CrossedMeans shares = trust ? crossed_bootstrap(named, known.size(), how) : CrossedMeans{};

  Json results{{"ratings", ratings.size()}, {"techniques", Json::array()}, {"differences", Json::array()}};
  for (std::size_t g = 0; g < known.size(); ++g) {
    const std::int64_t n = count_of(ratings, g), positive = count_positive(ratings, g);
    Json entry{{"technique", known[g].name}, {"ratings", n}};
    entry[trust ? "mean" : "share"] = number_or_null(means.means[g].value);
    entry["interval"] = interval_json(means.means[g]);
    if (trust) {
      entry["distribution"] = Json::object();
      for (int value = -2; value <= 2; ++value)
        entry["distribution"][std::to_string(value)] = std::ranges::count_if(
            ratings, [&](const Rating& r) { return r.group == g && static_cast<int>(r.value) == value; });
      entry["names_better"] = {{"share", number_or_null(shares.means[g].value)},
                               {"interval", interval_json(shares.means[g])},
                               {"wilson", wilson_json(positive, n)}};
      entry["sign_test"] = sign_test_json(ratings, g);
    } else {
      entry["right"] = positive;
      entry["wilson"] = wilson_json(positive, n);
    }
    results["techniques"].push_back(std::move(entry));
  }
  for (std::size_t a = 0, d = 0; a < known.size(); ++a)
    for (std::size_t b = a + 1; b < known.size(); ++b, ++d)
      results["differences"].push_back(
          {{"technique", known[b].name},
           {"less", known[a].name},
           {"value", number_or_null(means.differences[d].value)},
           {"interval", interval_json(means.differences[d])},
           {"permutation_p", number_or_null(permutation_p(ratings, a, b, how))}});
  if (!trust)
    results["by_network"] = split_json(key.kind, answers, [&](const KeyItem& item) {
      const Json& networks = key.design.value("networks", Json::array());
      return item.network < networks.size() ? networks[item.network].value("weights", std::string())
                                            : std::to_string(item.network);
    });
  results["by_category"] = split_json(key.kind, answers, [](const KeyItem& item) { return item.shown; });
  return results;
}

Json paper_json(StudyKind kind) {
  const bool trust = kind == StudyKind::trust;
  Json paper{{"source", trust ? "arXiv:1610.02391v4, section 5.2" : "arXiv:1610.02391v4, section 5.1"}};
  paper["people"] = trust ? 54 : 43;
  paper["of"] = trust ? "VGG-16 (79.09 mAP) over AlexNet (69.20 mAP), PASCAL VOC 2007"
                      : "VGG-16 and AlexNet, PASCAL VOC 2007, 90 pairs of picture and category";
  paper["techniques"] = Json::array();
  for (const Technique& technique : techniques(kind)) {
    Json entry{{"technique", technique.name}, {trust ? "mean" : "share", technique.paper}};
    if (!trust) {
      entry["ratings"] = kPaperRatings;
      entry["wilson"] = wilson_json(technique.paper_right, kPaperRatings);
    }
    paper["techniques"].push_back(std::move(entry));
  }
  return paper;
}

std::string number_text(const Json& value, bool percent_sign) {
  if (value.is_null()) return "-";
  return percent_sign ? decimal(100 * value.get<double>(), 1) : decimal(value, 2);
}
std::string interval_text(const Json& interval, bool percent_sign) {
  if (interval.is_null() || interval[0].is_null()) return "-";
  return number_text(interval[0], percent_sign) + " … " + number_text(interval[1], percent_sign);
}

std::string results_text(const Json& results, const Json& paper, bool trust) {
  std::vector<std::string> titles{"technique", "ratings", trust ? "mean" : "right %", "95 %"};
  if (trust)
    titles.insert(titles.end(), {"-2/-1/0/+1/+2", "names better %", "95 %", "items +/-/=", "sign test"});
  else
    titles.push_back("Wilson");
  titles.push_back("paper");
  if (!trust) titles.push_back("Wilson");
  Table table(std::move(titles));
  for (std::size_t g = 0; g < results["techniques"].size(); ++g) {
    const Json &of = results["techniques"][g], &theirs = paper["techniques"][g];
    const char* value = trust ? "mean" : "share";
    std::vector<std::string> cells{of["technique"], std::to_string(of["ratings"].get<int>()),
                                   number_text(of[value], !trust), interval_text(of["interval"], !trust)};
    if (trust) {
      std::string counts;
      for (const auto& [rating, count] : of["distribution"].items())
        counts += (counts.empty() ? "" : "/") + count.dump();
      const Json &named = of["names_better"], &sign = of["sign_test"];
      cells.insert(cells.end(),
                   {counts, number_text(named["share"], true), interval_text(named["interval"], true),
                    text(sign["better"].dump(), "/", sign["worse"].dump(), "/", sign["equal"].dump()),
                    "p " + decimal(sign["p"], 4)});
    } else {
      cells.push_back(interval_text(of["wilson"], true));
    }
    cells.push_back(number_text(theirs[value], !trust));
    if (!trust) cells.push_back(interval_text(theirs["wilson"], true));
    table.add(std::move(cells));
  }
  Table differences({"difference", trust ? "mean" : "points", "95 %", "permutation"});
  for (const Json& of : results["differences"])
    differences.add({of["technique"].get<std::string>() + " - " + of["less"].get<std::string>(),
                     number_text(of["value"], !trust), interval_text(of["interval"], !trust),
                     of["permutation_p"].is_null() ? "-" : "p " + decimal(of["permutation_p"], 4)});
  std::string out = table.str() + "\n" + differences.str();
  if (!trust) {
    Table networks({"network", "technique", "ratings", "right %", "Wilson"});
    for (const Json& of : results["by_network"])
      networks.add({of["of"], of["technique"], std::to_string(of["ratings"].get<int>()),
                    number_text(of["value"], true), interval_text(of["wilson"], true)});
    out += "\n" + networks.str();
  }
  return out;
}

}  // namespace

Json analyse_study(const StudyKey& key, std::span<const Participant> people, const Bootstrap& how) {
  Json json = document("study_analysis");
  json["study"] = key.study;
  json["kind"] = name_of(key.kind);
  json["rules"] = key.design.value("rules", Json());
  json["bootstrap"] = {{"draws", how.draws}, {"seed", how.seed}};
  std::vector<PersonFacts> facts;
  json["people"] = Json::array();
  for (const Participant& person : people) {
    facts.push_back(facts_of(person, key));
    json["people"].push_back({{"participant", person.number},
                              {"list", person.list},
                              {"file", person.file},
                              {"answers", person.answers.size()},
                              {"of", key.orders.at(person.number).size()},
                              {"checks", facts.back().checks},
                              {"failed_checks", facts.back().failed},
                              {"median_ms", facts.back().median_ms},
                              {"left_out_because", facts.back().reasons}});
  }
  for (const bool kept_only : {false, true}) {
    Json results = results_of(key, item_ratings_of(key, people, facts, kept_only), how);
    results["people"] = kept_only
                            ? std::ranges::count_if(facts, [](const auto& f) { return f.reasons.empty(); })
                            : std::ssize(facts);
    json[kept_only ? "kept" : "all"] = std::move(results);
  }
  json["paper"] = paper_json(key.kind);
  json["mixed_model"] = mixed_model_call(key.kind, "answers.csv");
  return json;
}

std::string analysis_text(const Json& analysis) {
  const bool trust = analysis["kind"] == name_of(StudyKind::trust);
  std::string out = text("study ", analysis["study"].get<std::string>(), "\n");
  const auto add = [&](const char* which, const char* title) {
    const Json& results = analysis[which];
    out += text("\n", title, ": ", counted(results["people"].get<std::size_t>(), "participant"), ", ",
                counted(results["ratings"].get<std::size_t>(), "rating"), "\n",
                results_text(results, analysis["paper"], trust));
  };
  add("kept", "kept by the rules of the design");
  std::size_t left_out = 0;
  for (const Json& person : analysis["people"])
    if (const Json& reasons = person["left_out_because"]; !reasons.empty()) {
      out += left_out++ == 0 ? "\nleft out\n" : "";
      out += text("participant ", person["participant"].get<std::int64_t>(), ": ");
      for (std::size_t r = 0; r < reasons.size(); ++r)
        out += (r > 0 ? ", " : "") + reasons[r].get<std::string>();
      out += "\n";
    }
  if (left_out > 0)
    add("all", "everybody");
  else
    out += "\nnobody is left out\n";
  return out + text("\npaper: ", analysis["paper"]["source"].get<std::string>(), "; ",
                    analysis["paper"]["of"].get<std::string>(),
                    "; its Wilson intervals know of no clusters\n",
                    "mixed model in R: ", analysis["mixed_model"].get<std::string>(), "\n");
}

std::string long_table(const StudyKey& key, std::span<const Participant> people) {
  const bool trust = key.kind == StudyKind::trust;
  const auto quoted = [](const std::string& field) {
    if (field.find_first_of(",\"\n\r") == std::string::npos) return field;
    std::string out = "\"";
    for (const char c : field) out += c == '"' ? "\"\"" : std::string(1, c);
    return out + "\"";
  };
  std::string out = text(
      "person,list,item,code,check,picture,technique,network,class,other,order,answer,"
      "correct_side,",
      trust ? "rating" : "correct", ",rt_ms,kept\n");
  for (const Participant& person : people) {
    const bool kept = facts_of(person, key).reasons.empty();
    for (const StudyAnswer& answer : person.answers) {
      const KeyItem& item = key.items.at(answer.code);
      out += text(person.number, ",", person.list, ",", item.item ? std::to_string(*item.item) : "", ",",
                  item.code, ",", item.item ? 0 : 1, ",", quoted(item.picture), ",", item.technique, ",",
                  item.item && !trust ? std::to_string(item.network) : "", ",", quoted(item.shown), ",",
                  quoted(item.other), ",", answer.order, ",", answer.answer, ",", item.correct_side, ",",
                  value_of(key.kind, item, answer), ",", decimal(answer.rt_ms, 0), ",", kept ? 1 : 0, "\n");
    }
  }
  return out;
}

std::string mixed_model_call(StudyKind kind, const std::string& file) {
  const std::string data = "subset(read.csv(\"" + file + "\"), check == 0 & kept == 1)";
  return kind == StudyKind::discrimination
             ? "library(lme4); summary(glmer(correct ~ technique + (1|person) + (1|item), " + data +
                   ", binomial))"
             : "library(lme4); summary(lmer(rating ~ technique + (1|person) + (1|item), " + data + "))";
}

}  // namespace backlight::tools
