// backlight inspect: what a file of weights holds.
#include <CLI/CLI.hpp>
#include <memory>

#include "models/model_card.hpp"
#include "tools/backlight/commands.hpp"
#include "tools/backlight/common.hpp"
#include "tools/backlight/result_json.hpp"
#include "tools/backlight/table.hpp"
#include "weights/checkpoint.hpp"
#include "weights/published.hpp"
#include "weights/recognise.hpp"

namespace backlight::tools {
namespace {

constexpr std::size_t kDefaultLimit = 40;

struct InspectOptions {
  std::string file, key, prefix;
  std::size_t limit = kDefaultLimit;
  bool json = false;
  Console console;
};

std::string hash_text(const Checkpoint& file) {
  const auto promise = file.name_hash();
  if (!promise) return file.sha256();
  return file.sha256() +
         (promise->kept ? ", as the file's name promises"
                        : ", but the file's name promises " + promise->promised + "…: damaged or renamed");
}

std::string architecture_text(const Recognition& known) {
  std::string out = known.architectures.empty() ? "none that is known here" : joined(known.architectures);
  if (known.num_classes > 0) out += text(", ", known.num_classes, " classes");
  if (!known.doubt.empty()) out += " (" + known.doubt + ")";
  return out;
}

std::int64_t total_values(std::span<const StoredTensor> tensors) {
  std::int64_t values = 0;
  for (const StoredTensor& tensor : tensors) values += tensor.numel();
  return values;
}

Recognition recognition_of(const Checkpoint& file) {
  if (!file.chosen()) return {};
  const Metadata metadata(file.path(), file.metadata());
  try {
    return recognise(file.tensors(), metadata.architecture());
  } catch (const Error&) {  // the name of no network, which check_load says
    return recognise(file.tensors());
  }
}

/// `1000 (metadata): tench, goldfish, great white shark …`
std::string labels_text(const ModelCard& card) {
  constexpr std::size_t kShown = 5;
  const std::vector<std::string>& names = card.labels.names;
  const std::size_t shown = std::min(names.size(), kShown);
  return text(names.size(), " (", name_of(card.labels_from), "): ", joined(std::span(names).first(shown)),
              shown < names.size() ? " …" : "");
}

/// `input_size 224 (network), mean [0.485,0.456,0.406] (metadata) …`
std::string preprocessing_text(const ModelCard& card) {
  const Json json = preprocessing_json(card.preprocessing, card.origins);
  std::string out;
  for (const auto& [part, from] : json["from"].items())
    out += text(out.empty() ? "" : ", ", part, " ",
                json[part].is_string() ? json[part].get<std::string>() : json[part].dump(), " (",
                from.get<std::string>(), ")");
  return out;
}

/// Without the bulk of a long list.
std::string metadata_text(const std::string& key, const std::string& value) {
  constexpr std::size_t kShown = 200;
  if (value.size() <= kShown) return key + ": " + value;
  return key + text(": ", value.size(), " bytes (--json shows them)");
}

/// What the load takes to be so, or, where it would refuse, what was read into the keys.
const std::vector<std::string>& assumptions_of(const Recognition& known, const LoadCheck& check) {
  return check.card ? check.assumptions : known.assumptions;
}

Json inspect_json(const Checkpoint& file, const Recognition& known, const LoadCheck& check,
                  std::size_t limit) {
  Json json = document("inspect");
  json["file"] = file.path().string();
  json["bytes"] = file.file_bytes();
  json["container"] = name_of(file.container());
  json["sha256"] = file.sha256();
  const auto promise = file.name_hash();
  json["name_hash"] = promise ? Json{{"promised", promise->promised}, {"kept", promise->kept}} : Json();
  const PublishedWeights* published = find_published(file.sha256());
  json["published"] = published != nullptr ? Json(published->file) : Json();
  json["dictionaries"] = Json::array();
  for (std::size_t i = 0; i < file.candidates().size(); ++i)
    json["dictionaries"].push_back({{"key", file.candidates()[i].path},
                                    {"tensors", file.candidates()[i].tensors},
                                    {"chosen", file.chosen() == i}});
  json["prefix"] = file.prefix();
  json["networks"] = Json::array();
  for (const NetworkBelow& network : file.networks())
    json["networks"].push_back({{"prefix", network.prefix}, {"tensors", network.tensors}});
  json["architectures"] = known.architectures;
  json["classes"] = known.num_classes > 0 ? Json(known.num_classes) : Json();
  json["doubt"] = known.doubt.empty() ? Json() : Json(known.doubt);
  json["assumptions"] = assumptions_of(known, check);
  json["left_out"] = check.left_out;
  json["unexpected"] = check.unexpected;
  json["refused"] = check.refusal.empty() ? Json() : Json(check.refusal);
  json["metadata"] = file.metadata();
  json["card"] = Json();
  if (check.card)
    json["card"] = {{"labels_from", name_of(check.card->labels_from)},
                    {"labels", check.card->labels.names},
                    {"scores", name_of(check.card->scores)},
                    {"preprocessing", preprocessing_json(check.card->preprocessing, check.card->origins)}};
  if (!file.chosen()) return json;
  json["tensor_count"] = file.tensors().size();
  json["value_count"] = total_values(file.tensors());
  json["tensors"] = Json::array();
  for (const StoredTensor& tensor : file.tensors()) {
    if (limit > 0 && json["tensors"].size() >= limit) break;
    json["tensors"].push_back(
        {{"name", tensor.name()}, {"shape", tensor.shape()}, {"dtype", name_of(tensor.dtype())}});
  }
  json["other_entries"] = file.other_entries();
  return json;
}

std::string inspect_text(const Checkpoint& file, const Recognition& known, const LoadCheck& check,
                         std::size_t limit) {
  Table facts({"file", file.path().string()});
  facts.add({"container", text(name_of(file.container()), ", ", file.file_bytes(), " bytes")});
  facts.add({"SHA-256", hash_text(file)});
  if (const PublishedWeights* published = find_published(file.sha256()))
    facts.add({"published as", std::string(published->file)});
  for (std::size_t i = 0; i < file.candidates().size(); ++i) {
    const StateDictCandidate& dictionary = file.candidates()[i];
    facts.add({i == 0 ? "dictionaries" : "", text(dictionary.path, ": ", dictionary.tensors, " tensors",
                                                  file.chosen() == i ? " (taken)" : "")});
  }
  if (!file.prefix().empty()) facts.add({"prefix", file.prefix() + " (left out of the names below)"});
  if (file.prefix().empty() && file.networks().size() > 1)
    facts.add({"networks", listed(file.networks()) + " (choose with --prefix)"});
  for (const auto& [key, value] : file.metadata()) facts.add({"metadata", metadata_text(key, value)});
  if (!file.chosen())
    return facts.str() + "\nSeveral dictionaries hold tensors: choose one with --key to see them.\n";
  facts.add({"architecture", architecture_text(known)});
  if (check.card) facts.add({"class names", labels_text(*check.card)});
  if (check.card) facts.add({"preprocessing", preprocessing_text(*check.card)});
  if (check.card) facts.add({"scores", std::string(name_of(check.card->scores))});
  for (const std::string& assumption : assumptions_of(known, check)) facts.add({"assumed", assumption});
  if (!check.refusal.empty()) facts.add({"refused", check.refusal});
  if (!check.left_out.empty()) facts.add({"left out", left_out_text(check.left_out)});
  facts.add({"tensors", text(file.tensors().size(), " with ", total_values(file.tensors()), " values")});
  if (!file.other_entries().empty()) facts.add({"not tensors", joined(file.other_entries())});

  Table tensors({"name", "shape", "type"});
  std::size_t shown = 0;
  for (const StoredTensor& tensor : file.tensors()) {
    if (limit > 0 && shown == limit) break;
    tensors.add({tensor.name(), tensor.shape().empty() ? "scalar" : weights::extents_text(tensor.shape()),
                 name_of(tensor.dtype())});
    ++shown;
  }
  std::string out = facts.str() + "\n" + tensors.str();
  if (shown < file.tensors().size())
    out += text("… and ", file.tensors().size() - shown, " more (--limit 0 lists all)\n");
  return out;
}

void run_inspect(const CLI::App& command, InspectOptions& options) {
  const Checkpoint file = Checkpoint::open(options.file, {.key = options.key, .prefix = options.prefix});
  const Recognition known = recognition_of(file);
  const LoadCheck check = check_load(file, {});
  if (options.json && command.count("--limit") == 0) options.limit = 0;
  options.console.print(options.json ? dump(inspect_json(file, known, check, options.limit))
                                     : inspect_text(file, known, check, options.limit));
}

constexpr const char* kInspectFooter = R"(Examples:
  backlight inspect resnet18-f37072fd.pth
  backlight inspect training-checkpoint.pt --key model_state_dict --limit 0)";

}  // namespace

void add_inspect_command(CLI::App& app) {
  auto options = std::make_shared<InspectOptions>();
  CLI::App& command = *app.add_subcommand(
      "inspect", "Show what a file of weights holds: container, tensors, hash, architecture");
  command.add_option("FILE", options->file, "PyTorch checkpoint or safetensors file")->required();
  command.add_option("--key", options->key, "Which dictionary of a training checkpoint to show")
      ->type_name("KEY");
  command.add_option("--prefix", options->prefix, "Show only tensors whose names begin with this")
      ->type_name("PREFIX");
  command.add_option("--limit", options->limit, "Tensors to list, 0 for all [40; with --json all]")
      ->check(CLI::Range(0, 1'000'000))
      ->option_text("N");
  command.add_flag("--json", options->json, "Print JSON (see tools/README.md) instead of text");
  options->console.add_options(command);
  command.footer(kInspectFooter);
  command.callback([options, &command] { run_inspect(command, *options); });
}

}  // namespace backlight::tools
