#include "models/model_card.hpp"

#include <algorithm>

#include "engine/core/nearest.hpp"
#include "models/labels/label_file.hpp"
#include "weights/pickle.hpp"

namespace backlight {
namespace {

constexpr const char* kPrefix = "backlight.";
constexpr const char* kOthers[] = {"architecture", "labels", "scores"};
constexpr const char* kParts[] = {"input_size", "resize_size", "interpolation", "divisor",
                                  "mean",       "std",         "channel_order"};

std::string where(const std::string& file, const std::string& key) {
  return file + ": metadata '" + kPrefix + key + "'";
}

std::int64_t count(const ClassNames& classes) { return static_cast<std::int64_t>(classes.names.size()); }

/// What the caller says, or else the file.
std::optional<ModelCard> said_labels(std::int64_t outputs, const Metadata& metadata,
                                     const CardOptions& options) {
  ModelCard said;
  said.labels_from = LabelsFrom::option;
  if (!options.labels.empty()) {
    said.labels = read_labels(options.labels, outputs);
    return said;
  }
  if (options.label_set != LabelSet::none) {
    said.labels = built_in_labels(options.label_set);
    const std::int64_t num_classes = classes_of(outputs);
    if (num_classes > 0 && count(said.labels) != num_classes)
      throw Error(ErrorKind::usage, "the names '", name_of(options.label_set), "' are ", count(said.labels),
                  ", the network of ", metadata.file(), " has ", num_classes, " classes");
    return said;
  }
  said.labels_from = LabelsFrom::metadata;
  if (const auto own = metadata.labels(outputs)) {
    said.labels = *own;
    return said;
  }
  return std::nullopt;
}

void choose_scores(ModelCard& card, std::int64_t outputs, const Metadata& metadata,
                   const CardOptions& options) {
  const std::optional<ScoreFunction> said = options.scores ? options.scores : metadata.scores();
  if (said == ScoreFunction::softmax && outputs == 1)
    throw Error(options.scores ? ErrorKind::usage : ErrorKind::bad_input, metadata.file(),
                ": the softmax of the network's only output is always 1; its score goes through a sigmoid");
  card.scores_said = said.has_value();
  card.scores = said.value_or(outputs == 1 ? ScoreFunction::sigmoid : ScoreFunction::softmax);
}

/// The place where the sizes in force were said.
Place place_of_sizes(const PreprocessingOrigins& origins, const std::string& file) {
  const bool option = origins.input_size == Origin::option || origins.resize_size == Origin::option;
  return {option ? ErrorKind::usage : ErrorKind::bad_input, option ? "input size and resize size" : file};
}

}  // namespace

std::string_view name_of(LabelsFrom from) {
  switch (from) {
    case LabelsFrom::option:
      return "option";
    case LabelsFrom::metadata:
      return "metadata";
    case LabelsFrom::published:
      return "published";
    case LabelsFrom::assumed:
      return "assumed";
    case LabelsFrom::none:
      return "none";
  }
  throw Error(ErrorKind::internal, "labels without an origin");
}

Metadata::Metadata(const std::filesystem::path& file, const std::map<std::string, std::string>& values)
    : file_(file.string()), values_(values) {}

const std::string* Metadata::find(const std::string& key) const {
  const auto found = values_.find(kPrefix + key);
  return found == values_.end() ? nullptr : &found->second;
}

std::string Metadata::architecture() const {
  const std::vector<std::string> known = model_names();
  if (const std::string* own = find("architecture")) {
    if (std::ranges::find(known, *own) == known.end())
      throw Error(ErrorKind::unsupported, where(file_, "architecture"), ": found '", weights::printable(*own),
                  "', expected a network known here", did_you_mean(*own, known),
                  "; name one with --model to go on");
    return *own;
  }
  const auto foreign = values_.find("architecture");
  return foreign != values_.end() && std::ranges::find(known, foreign->second) != known.end()
             ? foreign->second
             : "";
}

std::optional<ClassNames> Metadata::labels(std::int64_t outputs) const {
  const std::string* own = find("labels");
  if (!own) return std::nullopt;
  return parse_labels(*own, where(file_, "labels"), outputs);
}

std::optional<ScoreFunction> Metadata::scores() const {
  const std::string* own = find("scores");
  if (!own) return std::nullopt;
  for (const ScoreFunction function : {ScoreFunction::softmax, ScoreFunction::sigmoid})
    if (*own == name_of(function)) return function;
  throw Error(ErrorKind::bad_input, where(file_, "scores"), ": found '", own->substr(0, 100),
              "', expected softmax or sigmoid");
}

PreprocessingParts Metadata::preprocessing() const {
  PreprocessingParts parts;
  for (const char* part : kParts)
    if (const std::string* value = find(part))
      set_part(parts, part, *value, {ErrorKind::bad_input, where(file_, part)});
  return parts;
}

void Metadata::require_known() const {
  for (const auto& [key, value] : values_) {
    if (!is_own(key)) continue;
    const std::string part = key.substr(std::string_view(kPrefix).size());
    if (std::ranges::find(kOthers, part) == std::end(kOthers) &&
        std::ranges::find(kParts, part) == std::end(kParts))
      throw Error(ErrorKind::unsupported, where(file_, weights::printable(part)),
                  ": not known here; mistyped, or written by a newer backlight");
  }
}

ModelCard make_card(const ModelInfo& info, std::int64_t outputs, const Metadata& metadata,
                    const PublishedWeights* published, const CardOptions& options) {
  metadata.require_known();
  ModelCard out;
  if (const auto said = said_labels(outputs, metadata, options)) {
    out = *said;
  } else {
    const std::int64_t num_classes = classes_of(outputs);
    out.labels = built_in_labels(info.labels);
    if (out.labels.names.empty() || count(out.labels) != num_classes)
      out.labels = numbered_labels(num_classes);
    else
      out.labels_from = published ? LabelsFrom::published : LabelsFrom::assumed;
  }

  choose_scores(out, outputs, metadata, options);
  out.preprocessing = info.preprocessing;
  if (published) {
    out.preprocessing.resize_size = published->resize;
    out.origins.resize_size = Origin::published;
  }
  apply(metadata.preprocessing(), Origin::metadata,
        {ErrorKind::bad_input, metadata.file() + ": metadata on preprocessing"}, out.preprocessing,
        out.origins);
  const Place caller{ErrorKind::usage, "preprocessing"};
  if (options.preprocessing)
    apply(PreprocessingParts::of(*options.preprocessing), Origin::option, caller, out.preprocessing,
          out.origins);
  for (const PreprocessingParts& parts : options.parts)
    apply(parts, Origin::option, caller, out.preprocessing, out.origins);
  if (out.preprocessing.resize_size < out.preprocessing.input_size) {
    const Place place = place_of_sizes(out.origins, metadata.file());
    throw Error(place.kind, place.where, ": found a crop of ", out.preprocessing.input_size,
                " pixels from a short side of ", out.preprocessing.resize_size,
                ", expected a short side that is as long as the crop or longer");
  }
  return out;
}

std::map<std::string, std::string> metadata_of(const std::string& architecture, const ModelCard& card) {
  std::map<std::string, std::string> out;
  if (!architecture.empty()) out[std::string(kPrefix) + "architecture"] = architecture;
  if (card.labels_from != LabelsFrom::assumed && card.labels_from != LabelsFrom::none)
    out[std::string(kPrefix) + "labels"] = labels_json(card.labels);

  if (card.scores_said) out[std::string(kPrefix) + "scores"] = name_of(card.scores);
  PreprocessingParts parts = PreprocessingParts::of(card.preprocessing);
  const PreprocessingOrigins& from = card.origins;
  if (from.input_size == Origin::network) parts.input_size.reset();
  if (from.resize_size == Origin::network) parts.resize_size.reset();
  if (from.interpolation == Origin::network) parts.interpolation.reset();
  if (from.divisor == Origin::network) parts.divisor.reset();
  if (from.channel_order == Origin::network) parts.bgr.reset();
  if (from.mean == Origin::network) parts.mean.clear();
  if (from.std == Origin::network) parts.std.clear();
  for (const auto& [part, value] : parts_text(parts)) out[kPrefix + part] = value;
  return out;
}

}  // namespace backlight
