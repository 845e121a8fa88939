#include "models/labels/labels.hpp"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "engine/error.hpp"
#include "engine/nearest.hpp"
#include "models/scenes/shapes.hpp"

namespace backlight {
namespace {

constexpr const char* kImagenet[] = {
#include "models/labels/imagenet1k.inc"
};
static_assert(std::size(kImagenet) == 1000);

constexpr const char* kCifar10[] = {"airplane", "automobile", "bird",  "cat",  "deer",
                                    "dog",      "frog",       "horse", "ship", "truck"};

constexpr std::size_t kMaxFileBytes = std::size_t{16} << 20;

std::string trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return std::string(text.substr(begin, text.find_last_not_of(" \t\r\n") - begin + 1));
}

/// ASCII only: a name in another script must be given in its own case.
std::string lower(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

/// The whole label and each of its comma-separated names, in lower case.
std::vector<std::string> names_of(const std::string& label) {
  std::vector<std::string> names{lower(trimmed(label))};
  if (label.find(',') == std::string::npos) return names;
  std::size_t begin = 0;
  while (begin <= label.size()) {
    const std::size_t end = std::min(label.find(',', begin), label.size());
    names.push_back(lower(trimmed(std::string_view(label).substr(begin, end - begin))));
    begin = end + 1;
  }
  return names;
}

std::string read_file(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::string content(kMaxFileBytes + 1, '\0');
  in.read(content.data(), static_cast<std::streamsize>(content.size()));
  // Reading to the end sets failbit too: only a stream that never opened, or broke, is an error.
  if (!in.is_open() || in.bad())
    throw Error(ErrorKind::bad_input, path.string(), ": cannot be read, expected a file of class names");
  content.resize(static_cast<std::size_t>(in.gcount()));
  if (content.size() > kMaxFileBytes)
    throw Error(ErrorKind::bad_input, path.string(), ": larger than 16 MiB, expected a list of class names");
  return content;
}

std::vector<std::string> parse_json_list(const std::string& content, const std::filesystem::path& path) {
  const auto json = nlohmann::json::parse(content, nullptr, /*allow_exceptions=*/false);
  const bool is_list =
      json.is_array() && std::ranges::all_of(json, [](const auto& v) { return v.is_string(); });
  if (!is_list)
    throw Error(
        ErrorKind::bad_input, path.string(),
        ": begins like JSON but is not a list of strings, expected [\"first class\", \"second class\", …]");
  return json.get<std::vector<std::string>>();
}

std::vector<std::string> parse_lines(const std::string& content) {
  std::vector<std::string> lines;
  std::size_t begin = 0;
  while (begin < content.size()) {
    const std::size_t end = std::min(content.find('\n', begin), content.size());
    lines.push_back(trimmed(std::string_view(content).substr(begin, end - begin)));
    begin = end + 1;
  }
  while (!lines.empty() && lines.back().empty()) lines.pop_back();
  return lines;
}

}  // namespace

std::vector<std::string> built_in_labels(LabelSet set) {
  switch (set) {
    case LabelSet::imagenet:
      return {std::begin(kImagenet), std::end(kImagenet)};
    case LabelSet::cifar10:
      return {std::begin(kCifar10), std::end(kCifar10)};
    case LabelSet::scenes:
      return {scenes::kClassNames.begin(), scenes::kClassNames.end()};
    case LabelSet::none:
      break;
  }
  return {};
}

std::vector<std::string> labels_for(LabelSet set, std::int64_t num_classes) {
  std::vector<std::string> labels = built_in_labels(set);
  if (static_cast<std::int64_t>(labels.size()) == num_classes) return labels;
  labels.clear();
  for (std::int64_t i = 0; i < num_classes; ++i) labels.push_back("class " + std::to_string(i));
  return labels;
}

std::vector<std::string> read_labels(const std::filesystem::path& path, std::int64_t num_classes) {
  const std::string content = read_file(path);
  const std::vector<std::string> labels =
      trimmed(content).starts_with('[') ? parse_json_list(content, path) : parse_lines(content);
  if (static_cast<std::int64_t>(labels.size()) != num_classes)
    throw Error(ErrorKind::bad_input, path.string(), ": has ", labels.size(),
                " class names, the network has ", num_classes, " classes");
  const auto empty = std::ranges::find_if(labels, [](const auto& label) { return trimmed(label).empty(); });
  if (empty != labels.end())
    throw Error(ErrorKind::bad_input, path.string(), ": the name of class ", empty - labels.begin(),
                " is empty");
  return labels;
}

std::int64_t find_class(std::span<const std::string> labels, std::string_view text) {
  const std::string wanted = lower(trimmed(text));
  std::int64_t index = 0;
  const auto [end, status] = std::from_chars(wanted.data(), wanted.data() + wanted.size(), index);
  if (!wanted.empty() && end == wanted.data() + wanted.size()) {
    if (status == std::errc() && index >= 0 && index < static_cast<std::int64_t>(labels.size())) return index;
    throw Error(ErrorKind::usage, "there is no class ", text, ": the network has ", labels.size(),
                " classes, numbered from 0");
  }

  std::vector<std::size_t> found;
  std::vector<std::string> all_names;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const std::vector<std::string> names = names_of(labels[i]);
    if (std::ranges::find(names, wanted) != names.end()) found.push_back(i);
    all_names.insert(all_names.end(), names.begin(), names.end());
  }
  if (found.size() == 1) return static_cast<std::int64_t>(found.front());
  if (found.empty())
    throw Error(ErrorKind::usage, "no class is named '", text, "'", did_you_mean(wanted, all_names));
  std::string choices;
  for (const std::size_t i : found)
    choices += (choices.empty() ? "" : ", ") + std::to_string(i) + " (" + labels[i] + ")";
  throw Error(ErrorKind::usage, "several classes are named '", text, "': ", choices,
              "; give the index instead");
}

}  // namespace backlight
