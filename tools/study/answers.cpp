#include "tools/study/answers.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "tools/evaluate/readers.hpp"

namespace backlight::tools {
namespace {

using Record = std::map<std::string, std::string>;

constexpr std::array<const char*, 9> kColumns{"study", "schema_version", "participant", "list",     "item",
                                              "order", "answer",         "rt_ms",       "page_hash"};

/// A member that must be there and of this type.
template <class T>
T member(const Json& json, const char* name, const std::filesystem::path& file) {
  try {
    return json.at(name).get<T>();
  } catch (const Json::exception&) {
    throw Error(ErrorKind::bad_input, file.string(), ": no usable '", name,
                "'; expected the key.json that `backlight study make` wrote");
  }
}

std::vector<Record> json_records(const Json& json) {
  const auto known = [](const Json& record) { return record.is_object(); };
  if (!json.is_object() || !json.contains("records") || !json["records"].is_array() ||
      !std::ranges::all_of(json["records"], known))
    throw Error(ErrorKind::bad_input, "JSON without a list of `records`, expected answers of a study's page");
  std::vector<Record> records;
  for (const Json& record : json["records"]) {
    records.emplace_back();
    for (const auto& [name, value] : record.items())
      records.back()[name] = value.is_string() ? value.get<std::string>() : value.dump();
  }
  return records;
}

std::vector<Record> csv_records(std::string_view text) {
  const std::vector<std::string_view> lines = lines_of(text);
  const std::vector<std::string> head = lines.empty() ? std::vector<std::string>() : fields_of(lines.front());
  for (const char* column : kColumns)
    if (std::ranges::find(head, column) == head.end())
      throw Error(ErrorKind::bad_input, "neither JSON nor a CSV with a column '", column,
                  "', expected answers of a study's page");
  std::vector<Record> records;
  for (std::size_t i = 1; i < lines.size(); ++i) {
    const std::vector<std::string> fields = fields_of(lines[i]);
    if (fields.size() != head.size())
      throw Error(ErrorKind::bad_input, "line ", i + 1, " has ", counted(fields.size(), "field"),
                  ", expected ", head.size(), ": the file is torn off or was edited");
    records.emplace_back();
    for (std::size_t f = 0; f < head.size(); ++f) records.back()[head[f]] = fields[f];
  }
  return records;
}

std::vector<Record> records_of(const std::string& file) {
  const std::string text = read_text_file(file);
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string::npos) throw Error(ErrorKind::bad_input, "the file is empty");
  if (text[first] != '{' && text[first] != '[') return csv_records(text);
  Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded())
    throw Error(ErrorKind::bad_input,
                "JSON that is torn off or was edited; the CSV of the same person will do");
  return json_records(json);
}

std::int64_t integer_of(const Record& record, const char* name) {
  const auto found = record.find(name);
  if (found == record.end()) throw Error(ErrorKind::bad_input, "an answer has no `", name, "`");
  const double value = number_of(found->second);
  if (value != std::round(value) || std::abs(value) > 1e15)
    throw Error(ErrorKind::bad_input, "`", name, "` is ", found->second, ", expected a whole number");
  return static_cast<std::int64_t>(value);
}

bool is_answer(StudyKind kind, std::int64_t value) {
  return kind == StudyKind::discrimination ? value == 1 || value == 2 : value >= -2 && value <= 2;
}

/// One file. What is wrong with all of it is thrown, what is wrong with single answers is counted in `dropped`.
Participant participant_of(const std::vector<Record>& records, const StudyKey& key, std::size_t& dropped) {
  if (records.empty()) throw Error(ErrorKind::bad_input, "holds no answer");
  const auto all_have = [&](const char* name, const std::string& value) {
    return std::ranges::all_of(records, [&](const Record& record) {
      const auto found = record.find(name);
      return found != record.end() && found->second == value;
    });
  };
  if (!all_have("study", key.study)) {
    const auto found = records.front().find("study");
    throw Error(ErrorKind::bad_input, "of the study '", found == records.front().end() ? "" : found->second,
                "', expected '", key.study, "'");
  }
  if (!all_have("schema_version", std::to_string(kSchemaVersion)))
    throw Error(ErrorKind::bad_input, "of another schema_version, expected ", kSchemaVersion);
  Participant participant{integer_of(records.front(), "participant")};
  const auto order = key.orders.find(participant.number);
  if (order == key.orders.end() || !all_have("participant", std::to_string(participant.number)))
    throw Error(ErrorKind::bad_input, "of participant ", participant.number,
                order == key.orders.end() ? ", whom the key does not have"
                                          : " and others, expected one participant a file");
  const auto& codes = order->second;
  participant.list = key.items.at(codes.front()).list;
  if (!all_have("page_hash", key.hashes.at(participant.list)))
    throw Error(ErrorKind::bad_input, "of another page than list ", participant.list,
                "'s: its page_hash is not the key's");
  std::set<std::int64_t> places;
  for (const Record& record : records) {
    StudyAnswer answer{record.contains("item") ? record.at("item") : "", integer_of(record, "order"),
                       integer_of(record, "answer"), 0};
    answer.rt_ms = static_cast<double>(integer_of(record, "rt_ms"));
    const bool placed = answer.order >= 0 && answer.order < std::ssize(codes) &&
                        codes[static_cast<std::size_t>(answer.order)] == answer.code;
    if (!placed || !is_answer(key.kind, answer.answer) || answer.rt_ms < 0 ||
        !places.insert(answer.order).second)
      ++dropped;
    else
      participant.answers.push_back(std::move(answer));
  }
  if (participant.answers.empty())
    throw Error(ErrorKind::bad_input, "none of its ", counted(records.size(), "answer"),
                " is one that participant ", participant.number, " can have given");
  std::ranges::sort(participant.answers, {}, &StudyAnswer::order);
  return participant;
}

/// Whether one is all or the beginning of the other.
bool agree(const Participant& a, const Participant& b) {
  const std::size_t both = std::min(a.answers.size(), b.answers.size());
  return std::equal(a.answers.begin(), a.answers.begin() + static_cast<std::ptrdiff_t>(both),
                    b.answers.begin());
}

}  // namespace

StudyKey read_study_key(const std::filesystem::path& file) {
  const Json json = Json::parse(read_text_file(file), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || json.value("schema", Json()) != "backlight.study_key")
    throw Error(ErrorKind::bad_input, file.string(),
                ": is no key of a study, expected the key.json that `backlight study make` wrote");
  StudyKey key;
  key.study = member<std::string>(json, "study", file);
  key.design = member<Json>(json, "design", file);
  const auto kind = member<std::string>(key.design, "kind", file);
  if (kind != name_of(StudyKind::discrimination) && kind != name_of(StudyKind::trust))
    throw Error(ErrorKind::bad_input, file.string(), ": a study of '", kind,
                "', expected discrimination or trust");
  key.kind = parse_study_kind(kind);
  const Json rules = member<Json>(key.design, "rules", file);
  key.max_failed_checks = member<int>(rules, "max_failed_checks", file);
  key.min_median_ms = member<double>(rules, "min_median_ms", file);
  for (const Json& page : member<Json>(json, "pages", file))
    key.hashes[member<std::size_t>(page, "list", file)] = member<std::string>(page, "page_hash", file);
  for (const Json& of : member<Json>(json, "items", file)) {
    KeyItem item{member<std::string>(of, "code", file), member<std::size_t>(of, "list", file), std::nullopt,
                 member<std::string>(of, "picture", file)};
    item.shown = member<std::string>(of, "class", file);
    item.correct_side = member<int>(of, "correct_side", file);
    if (!member<bool>(of, "check", file)) {
      item.item = member<std::int64_t>(of, "item", file);
      item.technique = member<std::string>(of, "technique", file);
      const auto known = techniques(key.kind);
      if (std::ranges::find(known, item.technique, &Technique::name) == known.end())
        throw Error(ErrorKind::bad_input, file.string(), ": item ", item.code, " is of the technique '",
                    item.technique, "', which a study of ", kind, " does not have");
      if (key.kind == StudyKind::discrimination) {
        item.other = member<std::string>(of, "other", file);
        item.network = member<std::size_t>(of, "network", file);
      }
    }
    key.items[item.code] = item;
  }
  for (const Json& person : member<Json>(json, "people", file)) {
    const auto order = member<std::vector<std::string>>(person, "order", file);
    for (const std::string& code : order)
      if (!key.items.contains(code) || !key.hashes.contains(key.items[code].list))
        throw Error(ErrorKind::bad_input, file.string(), ": the order of a participant has the code '", code,
                    "', of which the key says nothing");
    if (order.empty()) throw Error(ErrorKind::bad_input, file.string(), ": a participant without an order");
    key.orders[member<std::int64_t>(person, "participant", file)] = order;
  }
  return key;
}

std::vector<Participant> read_answers(const std::vector<std::string>& files, const StudyKey& key,
                                      Console& console, Json& problems) {
  std::map<std::int64_t, Participant> people;
  const auto leave_out = [&](const std::string& file, const std::string& what) {
    console.error(file, ": ", what);
    problems.push_back({{"file", file}, {"message", what}});
  };
  for (const std::string& file : files) {
    Participant found;
    try {
      std::size_t dropped = 0;
      found = participant_of(records_of(file), key, dropped);
      found.file = file;
      if (dropped > 0)
        leave_out(file,
                  text(counted(dropped, "answer"), " of participant ", found.number,
                       " left out: the item, its place or the value is not what the page can have written"));
    } catch (const Error& error) {
      const std::string what = error.what();
      leave_out(file, (what.starts_with(file + ": ") ? what.substr(file.size() + 2) : what) + "; left out");
      continue;
    }
    const auto [at, added] = people.emplace(found.number, found);
    if (added) continue;
    if (!agree(at->second, found))
      leave_out(file, text("participant ", found.number, " has other answers in ", at->second.file,
                           "; this file is left out: give each person a number of their own"));
    else if (found.answers.size() > at->second.answers.size())
      at->second = std::move(found);
  }
  std::vector<Participant> list;
  for (auto& [number, participant] : people) list.push_back(std::move(participant));
  return list;
}

}  // namespace backlight::tools
