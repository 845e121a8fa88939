// The design of studies with people, the answers that come back, and what simulated people come to.
#include <doctest/doctest.h>

#include <cmath>
#include <fstream>
#include <functional>
#include <set>

#include "engine/core/random.hpp"
#include "support/contains.hpp"
#include "support/temporary_folder.hpp"
#include "tools/evaluate/readers.hpp"
#include "tools/study/analysis.hpp"
#include "tools/study/pages.hpp"

using namespace backlight;
using namespace backlight::tools;
using backlight::test::contains;

namespace {

/// A study of so many pictures of ten classes and its files, without a network: what is shown is the code alone.
struct Drawn {
  test::TemporaryFolder folder;
  StudyKey key;
  std::vector<Categories> categories;

  explicit Drawn(StudyKind kind, std::size_t items, std::size_t participants = 48) {
    Study study;
    study.kind = kind;
    study.design = {{"kind", name_of(kind)}, {"networks", Json::array()}};
    study.design["rules"] = {{"max_failed_checks", kMaxFailedChecks}, {"min_median_ms", kMinMedianMs}};
    study.lists.resize(count_conditions(kind));
    std::uint64_t codes = 0;
    const auto add = [&](std::size_t list, Json item) {
      item["code"] = item_code(7, codes++);
      item["list"] = list;
      const Json code = item["code"];
      study.lists[list].push_back({{{"code", code}}, std::move(item)});
    };
    for (std::size_t i = 0; i < items; ++i) {
      const auto first = static_cast<std::int64_t>(i % 10),
                 second = (first + 1 + static_cast<int>(i / 10) % 9) % 10;
      study.categories.push_back({first, kind == StudyKind::trust ? first : second});
      for (std::size_t list = 0; list < study.lists.size(); ++list) {
        const std::size_t condition = condition_of(i, list, study.lists.size());
        add(list, {{"item", i},
                   {"picture", "picture " + std::to_string(i)},
                   {"check", false},
                   {"technique", techniques(kind)[condition / 2].name},
                   {"class", condition % 2 ? "cat" : "dog"},
                   {"other", condition % 2 ? "dog" : "cat"},
                   {"network", i % 2},
                   {"correct_side", 1 + condition % 2}});
      }
    }
    for (std::size_t list = 0; list < study.lists.size(); ++list)
      for (std::size_t c = 0; c < count_checks(items); ++c)
        add(list, {{"item", nullptr},
                   {"picture", "a drawn scene"},
                   {"check", true},
                   {"class", "ring"},
                   {"correct_side", 2}});
    categories = study.categories;
    for (const auto& [name, content] : study_files(std::move(study), participants, 1))
      if (name == "key.json") write(name, content);
    key = read_study_key(folder.path() / "key.json");
  }

  std::string write(const std::string& name, const std::string& content) const {
    std::ofstream(folder.path() / name) << content;
    return (folder.path() / name).string();
  }
};

/// What a person answers to an item, and in which time.
using Answering = std::function<std::pair<int, int>(const KeyItem&)>;

/// As the page saves it.
Json answers_of(const StudyKey& key, std::int64_t participant, const Answering& answer,
                std::size_t count = 10'000) {
  const std::vector<std::string>& order = key.orders.at(participant);
  Json records = Json::array();
  for (std::size_t i = 0; i < std::min(count, order.size()); ++i) {
    const KeyItem& item = key.items.at(order[i]);
    const auto [value, ms] = answer(item);
    records.push_back({{"study", key.study},
                       {"schema_version", 1},
                       {"participant", participant},
                       {"list", item.list},
                       {"item", order[i]},
                       {"order", i},
                       {"answer", value},
                       {"rt_ms", ms},
                       {"page_hash", key.hashes.at(item.list)},
                       {"window_width", 1200}});
  }
  return {{"schema", "backlight.study_answers"}, {"records", records}};
}

std::string csv_of(const Json& answers) {
  std::string csv;
  for (const auto& [name, value] : answers["records"][0].items()) csv += (csv.empty() ? "" : ",") + name;
  for (const Json& record : answers["records"]) {
    std::string line;
    for (const auto& [name, value] : record.items())
      line += (line.empty() ? "\n" : ",") + (value.is_string() ? value.get<std::string>() : value.dump());
    csv += line;
  }
  return csv + "\n";
}

/// Right as often as `rate` says, for better or worse by person.
Answering right_with(std::uint64_t seed, double (*rate)(std::string_view technique)) {
  return [=, count = std::uint64_t{0}](const KeyItem& item) mutable {
    const double able = 0.2 * random_uniform(seed, 0) - 0.1;
    const bool right = !item.item || random_uniform(seed, ++count) < rate(item.technique) + able;
    return std::pair(right ? item.correct_side : 3 - item.correct_side, 1500);
  };
}

double rate_of(std::string_view technique) {
  return technique == "guided-grad-cam" ? 0.8 : technique == "guided-backprop" ? 0.5 : 0.65;
}

bool holds(const Json& interval, double truth) {
  return interval[0].get<double>() <= truth && truth <= interval[1].get<double>();
}

}  // namespace

TEST_CASE("study: each list has each item once, all lists each item under each condition") {
  for (const StudyKind kind : {StudyKind::discrimination, StudyKind::trust}) {
    const Drawn drawn(kind, 30, 16);
    const std::size_t count = count_conditions(kind);
    CHECK(drawn.key.hashes.size() == count);
    std::map<std::int64_t, std::set<std::pair<std::string, int>>> conditions;
    for (std::size_t list = 0; list < count; ++list) {
      std::multiset<std::int64_t> items;
      std::map<std::pair<std::string, int>, int> uses;
      int checks = 0;
      for (const auto& [code, item] : drawn.key.items) {
        if (item.list != list) continue;
        if (!item.item) {
          ++checks;
          continue;
        }
        items.insert(*item.item);
        conditions[*item.item].insert({item.technique, item.correct_side});
        ++uses[{item.technique, item.correct_side}];
      }
      CHECK(items.size() == 30);
      CHECK(std::set(items.begin(), items.end()).size() == 30);
      CHECK(checks == 2);
      CHECK(uses.size() == count);
      for (const auto& [condition, times] : uses)
        CHECK(std::abs(times - 30.0 / static_cast<double>(count)) <
              1);  // as often as any other, or once more
    }
    for (const auto& [item, all] : conditions) CHECK(all.size() == count);
    CHECK(drawn.key.orders.size() == 16);
    for (const auto& [participant, order] : drawn.key.orders) {
      CHECK(std::set(order.begin(), order.end()).size() == 32);
      for (const std::string& code : order)
        CHECK(drawn.key.items.at(code).list == static_cast<std::size_t>(participant) % count);
    }
    CHECK(drawn.key.orders.at(1) != drawn.key.orders.at(1 + static_cast<std::int64_t>(count)));
  }
}

TEST_CASE("study: an order repeats no class in a row where it can, and spreads the checks") {
  const Drawn drawn(StudyKind::discrimination, 90, 1);
  std::set<std::vector<std::size_t>> all;
  for (std::uint64_t participant = 1; participant <= 8; ++participant) {
    const std::vector<std::size_t> order = presentation_order(drawn.categories, 6, 3, participant);
    REQUIRE(order.size() == 96);
    CHECK(std::set(order.begin(), order.end()).size() == 96);
    CHECK(count_repeats(drawn.categories, order) == 0);
    CHECK(order.front() < 90);
    for (std::size_t c = 0; c < 6; ++c)
      CHECK(std::count_if(order.begin() + static_cast<std::ptrdiff_t>(16 * c),
                          order.begin() + static_cast<std::ptrdiff_t>(16 * (c + 1)),
                          [](std::size_t trial) { return trial >= 90; }) == 1);
    all.insert(order);
  }
  CHECK(all.size() == 8);
  CHECK(presentation_order(drawn.categories, 6, 3, 1) ==
        *all.find(presentation_order(drawn.categories, 6, 3, 1)));
  // Of two classes alone every neighbour repeats; it still ends, with everything in it.
  const std::vector<Categories> same(5, Categories{1, 2});
  CHECK(count_repeats(same, presentation_order(same, 2, 3, 1)) == 4);
  CHECK(presentation_order(same, 2, 3, 1).size() == 7);
}

TEST_CASE("study: items are chosen evenly over classes and pairs, by seed") {
  std::vector<Categories> candidates;
  for (int i = 0; i < 400; ++i) candidates.push_back({0, 1});  // most of what there is
  for (std::int64_t a = 0; a < 6; ++a)
    for (std::int64_t b = a + 1; b < 6; ++b)
      for (int i = 0; i < 5; ++i) candidates.push_back({a, b});
  std::map<std::int64_t, int> counts;
  std::map<Categories, int> pairs;
  const std::vector<std::size_t> chosen = balanced_choice(candidates, 30, 1);
  for (const std::size_t i : chosen) {
    for (const std::int64_t c : candidates[i]) ++counts[c];
    ++pairs[candidates[i]];
  }
  CHECK(std::set(chosen.begin(), chosen.end()).size() == 30);
  for (std::int64_t c = 0; c < 6; ++c) CHECK(std::abs(counts[c] - 10) <= 1);
  CHECK(pairs.size() >= 12);
  CHECK(balanced_choice(candidates, 30, 1) == chosen);
  CHECK(balanced_choice(candidates, 30, 2) != chosen);
  CHECK(balanced_choice(candidates, 10'000, 1).size() == candidates.size());
  // A class that stands beside every other one does not come most often because its pairs are most.
  candidates.clear();
  for (std::int64_t c = 1; c <= 8; ++c)
    for (int i = 0; i < 10; ++i) {
      candidates.push_back({0, c});
      candidates.push_back({c, c % 2 == 1 ? c + 1 : c - 1});
    }
  int often = 0;
  for (const std::size_t i : balanced_choice(candidates, 18, 1)) often += candidates[i][0] == 0;
  CHECK(often <= 5);
  CHECK(often >= 3);
}

TEST_CASE("study: simulated people come to their known rates, with those left out and without") {
  const Drawn drawn(StudyKind::discrimination, 48);
  Console console;
  Json problems = Json::array();
  std::vector<std::string> files;
  for (std::int64_t person = 1; person <= 40; ++person)
    files.push_back(drawn.write("p" + std::to_string(person) + ".json",
                                dump(answers_of(drawn.key, person, right_with(100 + person, rate_of)))));
  // One who looks at nothing, one who answers faster than anybody sees, one who stops.
  const auto left = [](const KeyItem& item) { return std::pair(item.item ? 1 : 3 - item.correct_side, 900); };
  const auto fast = [](const KeyItem& item) { return std::pair(item.correct_side, 120); };
  files.push_back(drawn.write("p41.csv", csv_of(answers_of(drawn.key, 41, left))));
  files.push_back(drawn.write("p42.json", dump(answers_of(drawn.key, 42, fast))));
  files.push_back(drawn.write("p43.csv", csv_of(answers_of(drawn.key, 43, right_with(143, rate_of), 20))));
  const std::vector<Participant> people = read_answers(files, drawn.key, console, problems);
  CHECK(problems.empty());
  REQUIRE(people.size() == 43);

  const Json found = analyse_study(drawn.key, people, {.draws = 500});
  CHECK(found["kept"]["people"] == 41);
  CHECK(found["all"]["people"] == 43);
  CHECK(found["people"][40]["left_out_because"] == Json({"4 of 4 attention checks failed"}));
  CHECK(found["people"][41]["left_out_because"] == Json({"median time 120 ms"}));
  CHECK(found["people"][42]["answers"] == 20);
  CHECK(found["people"][42]["of"] == 52);
  for (const Json& of : found["kept"]["techniques"]) {
    const double truth = rate_of(of["technique"].get<std::string>());
    CAPTURE(of.dump());
    CHECK(holds(of["interval"], truth));
    CHECK(std::abs(of["share"].get<double>() - truth) < 0.06);
    CHECK(of["right"].get<double>() / of["ratings"].get<double>() == of["share"]);
    CHECK(holds(of["wilson"], of["share"]));
  }
  const auto difference = [](const Json& results, const char* a, const char* b) {
    for (const Json& of : results["differences"])
      if (of["technique"] == a && of["less"] == b) return of;
    return Json();
  };
  CHECK(found["kept"]["differences"].size() == 6);
  const Json plain = difference(found["kept"], "guided-grad-cam", "guided-backprop");
  CHECK(holds(plain["interval"], 0.3));
  CHECK(plain["interval"][0] > 0.2);
  CHECK(plain["permutation_p"] < 0.01);
  const Json none = difference(found["kept"], "deconv-grad-cam", "deconvnet");
  CHECK(holds(none["interval"], 0));
  CHECK(none["permutation_p"] > 0.01);
  // The one who is always right moves what everybody comes to.
  CHECK(found["all"]["techniques"][1]["share"] != found["kept"]["techniques"][1]["share"]);
  CHECK(found["kept"]["by_network"].size() == 8);
  CHECK(found["kept"]["by_category"].size() == 8);
  CHECK(found["paper"]["techniques"][3]["share"] == 0.6123);
  CHECK(std::abs(found["paper"]["techniques"][3]["wilson"][0].get<double>() - 0.578338) < 1e-6);

  const std::string text = analysis_text(found);
  CHECK(contains(text, "kept by the rules of the design: 41 participants"));
  CHECK(
      contains(text, "participant 41: 4 of 4 attention checks failed\nparticipant 42: median time 120 ms\n"));
  CHECK(contains(text, "57.8 … 64.5"));
  CHECK(contains(text, "glmer(correct ~ technique + (1|person) + (1|item)"));
  const std::string table = long_table(drawn.key, people);
  CHECK(
      table.starts_with("person,list,item,code,check,picture,technique,network,class,other,order,answer,"
                        "correct_side,correct,rt_ms,kept\n"));
  CHECK(std::ranges::count(table, '\n') == 1 + 42 * 52 + 20);
  CHECK(contains(table, ",120,0\n"));
  CHECK(contains(table, ",1500,1\n"));
}

TEST_CASE("study: trust is the rating of the better network, wherever it stands") {
  const Drawn drawn(StudyKind::trust, 40);
  Console console;
  Json problems = Json::array();
  std::vector<std::string> files;
  // Of guided-grad-cam 2 or 0 for the better one by turns, of guided-backprop 1 or −1.
  for (std::int64_t person = 1; person <= 8; ++person) {
    const auto answer = [](const KeyItem& item) {
      const bool even = item.item.value_or(0) % 2 == 0;
      const int rating = !item.item                            ? 2
                         : item.technique == "guided-grad-cam" ? (even ? 2 : 0)
                         : even                                ? 1
                                                               : -1;
      return std::pair(item.correct_side == 2 ? rating : -rating, 2000);
    };
    files.push_back(
        drawn.write("p" + std::to_string(person) + ".json", dump(answers_of(drawn.key, person, answer))));
  }
  const std::vector<Participant> people = read_answers(files, drawn.key, console, problems);
  const Json found = analyse_study(drawn.key, people, {.draws = 300});
  const Json &backprop = found["kept"]["techniques"][0], &product = found["kept"]["techniques"][1];
  CHECK(found["kept"]["people"] == 8);
  CHECK(backprop["mean"] == 0);
  CHECK(product["mean"] == 1);
  CHECK(product["distribution"] == Json({{"-2", 0}, {"-1", 0}, {"0", 80}, {"1", 0}, {"2", 80}}));
  CHECK(backprop["distribution"] == Json({{"-2", 0}, {"-1", 80}, {"0", 0}, {"1", 80}, {"2", 0}}));
  CHECK(product["names_better"]["share"] == 0.5);
  CHECK(product["sign_test"]["better"] == 20);
  CHECK(product["sign_test"]["equal"] == 20);
  CHECK(product["sign_test"]["p"].get<double>() < 1e-5);
  CHECK(backprop["sign_test"]["worse"] == 20);
  CHECK(backprop["sign_test"]["p"] == 1);
  CHECK(found["kept"]["differences"][0]["value"] == 1);
  CHECK(contains(analysis_text(found), "80/0/80"));
  CHECK(contains(analysis_text(found), "1.27"));
  CHECK(contains(long_table(drawn.key, people), ",correct_side,rating,rt_ms,kept\n"));
}

TEST_CASE("study: what is wrong with a file of answers is said in a line, and what was done about it") {
  const Drawn drawn(StudyKind::discrimination, 16);
  const auto right = [](const KeyItem& item) { return std::pair(item.correct_side, 1000); };
  const Json whole = answers_of(drawn.key, 1, right);
  const auto read = [&](const std::vector<std::string>& files, Json& problems) {
    Console console;
    problems = Json::array();
    return read_answers(files, drawn.key, console, problems);
  };
  Json problems;
  const auto refused = [&](const std::string& content, const std::string& expected) {
    const std::string file = drawn.write("bad", content);
    CHECK(read({file}, problems).empty());
    REQUIRE(problems.size() == 1);
    CAPTURE(problems[0]["message"].get<std::string>());
    CHECK(problems[0]["file"] == file);
    CHECK(contains(problems[0]["message"].get<std::string>(), expected));
    CHECK_FALSE(contains(problems[0]["message"].get<std::string>(), "\n"));
  };
  const auto changed = [&](const char* member, const Json& value) {
    Json json = whole;
    for (Json& record : json["records"]) record[member] = value;
    return dump(json);
  };
  refused(dump(whole).substr(0, 500), "JSON that is torn off or was edited");
  refused(csv_of(whole).substr(0, 300), "fields, expected 10");
  refused("", "the file is empty");
  refused("Dear all,\nhere are my answers", "neither JSON nor a CSV with a column 'study'");
  refused("[1, 2]", "without a list of `records`");
  refused(R"({"records": [3]})", "without a list of `records`");
  refused(R"({"records": []})", "holds no answer");
  refused(changed("study", "trust-0123456789"),
          "of the study 'trust-0123456789', expected '" + drawn.key.study);
  refused(changed("schema_version", 2), "another schema_version");
  refused(changed("participant", 99), "participant 99, whom the key does not have");
  refused(changed("participant", "Ada"), "is no number");
  refused(changed("page_hash", "0123456789abcdef"), "another page than list 1's");
  refused(changed("item", "abcdefghij"), "none of its 18 answers is one that participant 1 can have given");
  refused(changed("answer", 3), "none of its 18 answers");
  CHECK(read({(drawn.folder.path() / "missing").string()}, problems).empty());
  CHECK(contains(problems[0]["message"].get<std::string>(), "cannot be read"));

  // Two answers of a file that cannot be, the rest counts; order given twice counts once.
  Json edited = whole;
  edited["records"][3]["item"] = edited["records"][4]["item"];
  edited["records"].push_back(edited["records"][5]);
  const std::string some = drawn.write("some.json", dump(edited));
  REQUIRE(read({some}, problems).size() == 1);
  CHECK(read({some}, problems)[0].answers.size() == 17);
  CHECK(contains(problems[0]["message"].get<std::string>(), "2 answers of participant 1 left out"));

  // Files saved in breaks are beginnings of the last one; another person's under the same number is not.
  const std::string part = drawn.write("part.csv", csv_of(answers_of(drawn.key, 1, right, 5)));
  const std::string all = drawn.write("all.json", dump(whole));
  CHECK(read({part, all, part}, problems).front().answers.size() == 18);
  CHECK(problems.empty());
  const auto wrong = [](const KeyItem& item) { return std::pair(3 - item.correct_side, 1000); };
  const std::string other = drawn.write("other.json", dump(answers_of(drawn.key, 1, wrong)));
  const std::vector<Participant> people = read({all, other}, problems);
  REQUIRE(people.size() == 1);
  CHECK(people[0].file == all);
  CHECK(contains(problems[0]["message"].get<std::string>(), "participant 1 has other answers in " + all));

  CHECK_THROWS_WITH_AS(read_study_key(all), doctest::Contains("is no key of a study"), Error);
  const std::string key = read_text_file(drawn.folder.path() / "key.json");
  const auto broken_key = [&](const std::string& from, const std::string& to) {
    std::string text = key;
    text.replace(text.find(from), from.size(), to);
    return drawn.write("broken.json", text);
  };
  CHECK_THROWS_WITH_AS(read_study_key(broken_key("\"rules\"", "\"rulez\"")), doctest::Contains("'rules'"),
                       Error);
  CHECK_THROWS_WITH_AS(read_study_key(broken_key("\"deconvnet\"", "\"gradient\"")),
                       doctest::Contains("technique 'gradient'"), Error);
}
