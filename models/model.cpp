#include "models/model.hpp"

#include <future>

#include "weights/dialects.hpp"
#include "weights/families.hpp"
#include "weights/listed.hpp"
#include "weights/load.hpp"
#include "weights/published.hpp"
#include "weights/recognise.hpp"
#include "weights/reparametrised.hpp"

namespace backlight {
namespace {

std::string joined(const std::vector<std::string>& names) { return weights::listed(names, names.size()); }

/// What to do where weights are kept in parts that cannot be put together here; empty where none are.
std::string about_parts(const Checkpoint& checkpoint) {
  const std::vector<std::string> parts = uncomputed_parts(checkpoint.as_stored());
  if (parts.empty()) return {};
  return text("; ", parts.size(), " of its tensors are parts of weights that only PyTorch can put together (",
              parts.front(),
              " …): use torch.nn.utils.parametrize.remove_parametrizations or "
              "remove_spectral_norm and save again");
}

/// Throws Error where the file holds networks below prefixes none of which was chosen.
void require_one_network(const Checkpoint& checkpoint) {
  const std::vector<NetworkBelow>& networks = checkpoint.networks();
  const bool at_top = networks.size() == 1 && networks.front().prefix.empty();
  if (networks.empty() || at_top || !checkpoint.prefix().empty()) return;
  throw Error(ErrorKind::usage, checkpoint.path().string(), ": holds ",
              networks.size() > 1 ? "several networks: " : "a network beside other tensors: ",
              listed(networks), "; choose with --prefix");
}

/// The one architecture that the file can be of.
std::string decide_architecture(const Checkpoint& checkpoint, const Recognition& recognised,
                                const std::string& wanted) {
  if (!wanted.empty()) return wanted;
  const std::string& path = checkpoint.path().string();
  const std::string why = recognised.doubt.empty() ? "" : " (" + recognised.doubt + ")";
  if (recognised.architectures.empty()) {
    const std::string family = unbuilt_family(checkpoint.as_stored());
    throw Error(ErrorKind::unsupported, path, ": ",
                family.empty() ? "its tensors fit no network known here" + why
                               : "its keys are of " + family + ", which is not supported",
                about_parts(checkpoint), "; supported are ", joined(model_names()),
                "; `backlight inspect` lists the tensors");
  }
  if (recognised.architectures.size() > 1)
    throw Error(ErrorKind::usage, path, ": which network it is of is not clear", why,
                "; name one with --model: ", joined(recognised.architectures));
  return recognised.architectures.front();
}

std::vector<ExpectedTensor> expected_tensors(std::span<const ConstNamedParameter> parameters) {
  std::vector<ExpectedTensor> expected;
  for (const ConstNamedParameter& p : parameters) expected.push_back({p.name, p.tensor->shape()});
  return expected;
}

/// Rows of the classifier's matrix, the number of classes.
std::int64_t count_classes(const Checkpoint& checkpoint, const Recognition& recognised,
                           const ModelInfo& info) {
  const std::string name = info.classifier + ".weight";
  for (const StoredTensor& tensor : with_torchvision_names(checkpoint.tensors()))
    if (tensor.name() == name && !tensor.shape().empty() && tensor.shape()[0] > 0) return tensor.shape()[0];
  const std::string family = unbuilt_family(checkpoint.as_stored());
  throw Error(ErrorKind::bad_input, checkpoint.path().string(), ": does not fit ", info.name,
              ": it has no tensor '", name, "' from whose rows the classes are counted",
              !recognised.doubt.empty() && recognised.architectures == std::vector{info.name}
                  ? "; " + recognised.doubt
                  : "",
              family.empty() ? "" : "; its keys are of " + family, about_parts(checkpoint));
}

/// The network that the file holds: as its keys tell, or the published one of the name that they do not tell.
NetworkDescription describe_file(const Checkpoint& checkpoint, const Recognition& recognised,
                                 const std::string& wanted) {
  const std::string architecture = decide_architecture(checkpoint, recognised, wanted);
  const NetworkDescription& read = recognised.description;
  if (read.architecture == architecture && !read.head.empty()) return read;
  return describe(architecture, count_classes(checkpoint, recognised, model_info(architecture)));
}

/// The network that the file is of, with parameters that are still to be filled.
struct Built {
  ModelInfo info;
  std::int64_t outputs;
  Network network;
  std::vector<std::string> assumptions;  ///< what was read into the keys
};

/// The described network. Throws Error naming the file where its layers do not fit each other, or there is none
/// such: where the file's shapes are to blame.
Network build_fitting(const Checkpoint& checkpoint, const NetworkDescription& description,
                      const ModelInfo& info) try {
  Network network = build_model(description);
  const int size = info.preprocessing.input_size;
  network.shapes({1, description.channels, size, size});
  return network;
} catch (const Error& error) {
  throw Error(error.kind() == ErrorKind::resources ? error.kind() : ErrorKind::bad_input,
              checkpoint.path().string(), ": does not fit ", info.name, ": ", error.what());
}

Built build_for(const Checkpoint& checkpoint, const LoadOptions& options) {
  require_one_network(checkpoint);
  const Metadata metadata(checkpoint.path(), checkpoint.metadata());
  // A model that the caller names needs no word of the file.
  const Recognition recognised =
      recognise(checkpoint.tensors(), options.model.empty() ? metadata.architecture() : options.model);
  const NetworkDescription description = describe_file(checkpoint, recognised, options.model);
  const ModelInfo info = model_info(description);
  return {info, description.head.back().out, build_fitting(checkpoint, description, info),
          recognised.description == description ? recognised.assumptions : std::vector<std::string>{}};
}

/// How the file's tensors go into the network. Throws Error(bad_input) where one is missing or mis-shaped.
MatchReport match_completely(const Checkpoint& checkpoint, std::span<const ExpectedTensor> expected,
                             const std::string& architecture) {
  MatchReport report = match_file(expected, checkpoint);
  if (!report.complete())
    throw Error(ErrorKind::bad_input, checkpoint.path().string(), ": does not fit ", architecture, ": ",
                report.describe(), about_parts(checkpoint));
  return report;
}

/// Throws Error(unsupported) where the file has tensors that would compute what the network does not.
void refuse_unexpected(const Checkpoint& checkpoint, const MatchReport& report,
                       std::span<const ExpectedTensor> expected, const std::string& architecture) {
  if (report.unexpected.empty()) return;
  throw Error(ErrorKind::unsupported, checkpoint.path().string(), ": is of another network than ",
              architecture, ": it has ", report.describe_unexpected(expected),
              "; what they compute would be missing. --ignore-unused (ignore_unused in C++) goes on without "
              "them");
}

std::vector<std::string> names_of(std::span<const StoredTensor> tensors) {
  std::vector<std::string> names;
  for (const StoredTensor& tensor : tensors) names.push_back(tensor.name_in_file());
  return names;
}

/// Tensors that compute nothing, and those that the caller did not choose.
std::vector<std::string> idle_in(const MatchReport& report, const Checkpoint& checkpoint) {
  std::vector<std::string> names = names_of(report.idle);
  names.insert(names.end(), checkpoint.outside().begin(), checkpoint.outside().end());
  return names;
}

/// That the network takes an input size that is not its own.
void require_input_size(const ModelInfo& info, const Network& network, const PreprocessingOrigins& origins,
                        const std::filesystem::path& weights) {
  if (origins.input_size == Origin::network) return;
  const int size = info.preprocessing.input_size;
  const bool option = origins.input_size == Origin::option;
  const ErrorKind kind = option ? ErrorKind::usage : ErrorKind::bad_input;
  const std::string where = option ? "input size" : weights.string() + ": metadata 'backlight.input_size'";
  if (size < info.min_input_size)
    throw Error(kind, where, ": found ", size, ", ", info.name, " expects at least ", info.min_input_size);
  try {
    network.shapes({1, info.preprocessing.channels, size, size});
  } catch (const Error& error) {
    throw Error(kind, where, ": found ", size, ", which ", info.name, " cannot take: ", error.what(),
                "; its own is ", model_info(info.name).preprocessing.input_size);
  }
}

/// What was read into the keys, and what a card that says nothing else leaves to be taken so.
std::vector<std::string> assumptions_of(const Built& built, const ModelCard& card) {
  std::vector<std::string> assumptions = built.assumptions;
  const auto said = [](Origin origin) { return origin == Origin::metadata || origin == Origin::option; };
  const bool all_said = said(card.origins.mean) && said(card.origins.std);
  if (card.preprocessing.channels == 1 && !all_said)
    assumptions.emplace_back(
        "its input has one channel: pictures are given in grey, normalised by the mean and std of the three "
        "colours, averaged");
  if (card.preprocessing.channels == 4 && !all_said)
    assumptions.emplace_back(
        "its input has four channels: the fourth is given a picture's alpha, from 0 to 1, and 1 where a "
        "picture has "
        "none; the three colours are not blended by it");
  return assumptions;
}

/// Names of classes and preprocessing. Null for `published` where the content is of no published file.
ModelCard card_for(const Checkpoint& checkpoint, const Built& built, const PublishedWeights* published,
                   const LoadOptions& options) {
  ModelCard card =
      make_card(built.info, built.outputs, Metadata(checkpoint.path(), checkpoint.metadata()), published,
                {.labels = options.labels,
                 .label_set = options.label_set,
                 .preprocessing = options.preprocessing,
                 .parts = options.preprocessing_parts,
                 .scores = options.scores});
  ModelInfo info = built.info;
  info.preprocessing = card.preprocessing;
  require_input_size(info, built.network, card.origins, checkpoint.path());
  return card;
}

}  // namespace

std::vector<std::string> load_parameters(const Checkpoint& checkpoint, Network& network,
                                         const std::string& architecture, bool ignore_unused) {
  const std::vector<NamedParameter> parameters = network.parameters();
  const std::vector<ExpectedTensor> expected = expected_tensors(std::as_const(network).parameters());
  const MatchReport report = match_completely(checkpoint, expected, architecture);
  if (!ignore_unused) refuse_unexpected(checkpoint, report, expected, architecture);
  for (const MatchReport::Matched& m : report.matched)
    *parameters[m.index].tensor = read_parameter(checkpoint, m.tensor);
  std::vector<std::string> left_out = names_of(report.unexpected);
  const std::vector<std::string> idle = idle_in(report, checkpoint);
  left_out.insert(left_out.end(), idle.begin(), idle.end());
  return left_out;
}

LoadCheck check_load(const Checkpoint& checkpoint, const LoadOptions& options) {
  LoadCheck check;
  try {
    const Built built = build_for(checkpoint, options);
    const std::vector<ExpectedTensor> expected = expected_tensors(built.network.parameters());
    const MatchReport report = match_completely(checkpoint, expected, built.info.name);
    check.left_out = idle_in(report, checkpoint);
    check.unexpected = names_of(report.unexpected);
    if (!options.ignore_unused) refuse_unexpected(checkpoint, report, expected, built.info.name);
    const PublishedWeights* published = find_published(checkpoint.sha256(), built.info.name);
    check.card = card_for(checkpoint, built, published, options);
    check.assumptions = assumptions_of(built, *check.card);
    check.architecture = built.info.name;
  } catch (const Error& error) {
    check.refusal = error.what();
    check.refusal_kind = error.kind();
  }
  return check;
}

Model load_model(const std::filesystem::path& weights, const LoadOptions& options) {
  return load_model(Checkpoint::open(weights, {.key = options.key, .prefix = options.prefix}), options);
}

Model load_model(const Checkpoint& checkpoint, const LoadOptions& options) {
  // Hashing takes as long as loading: both read the file once, side by side.
  std::future<std::string> sha256 = std::async([&] { return checkpoint.sha256(); });

  Built built = build_for(checkpoint, options);
  std::vector<std::string> left_out =
      load_parameters(checkpoint, built.network, built.info.name, options.ignore_unused);
  std::vector<std::string> notes;

  const std::string hash = sha256.get();
  // A note and no error: eight digits at the end of a name may be a date.
  if (const auto promise = checkpoint.name_hash(); promise && !promise->kept)
    notes.push_back(text("the file's name promises a SHA-256 that begins with ", promise->promised,
                         ", but it begins with ", hash.substr(0, promise->promised.size()),
                         ": changed since it was published, or damaged"));
  const PublishedWeights* published = find_published(hash, built.info.name);
  if (published) notes.push_back(text("these are the published weights ", published->file));
  ModelCard card = card_for(checkpoint, built, published, options);
  std::vector<std::string> assumptions = assumptions_of(built, card);
  built.info.preprocessing = card.preprocessing;
  return {.info = std::move(built.info),
          .network = std::move(built.network),
          .labels = std::move(card.labels.names),
          .wordnet_ids = std::move(card.labels.wordnet_ids),
          .labels_from = card.labels_from,
          .preprocessing_from = card.origins,
          .weights = checkpoint.path(),
          .weights_sha256 = hash,
          .left_out = std::move(left_out),
          .notes = std::move(notes),
          .assumptions = std::move(assumptions),
          .scores = card.scores,
          .outputs = built.outputs};
}

}  // namespace backlight
