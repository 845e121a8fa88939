#include "models/model.hpp"

#include <algorithm>
#include <future>

#include "weights/load.hpp"
#include "weights/published.hpp"
#include "weights/recognise.hpp"

namespace backlight {
namespace {

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

/// The one architecture that the file can be of.
std::string decide_architecture(const Checkpoint& checkpoint, const Recognition& recognised,
                                const std::string& wanted) {
  if (!wanted.empty()) return wanted;
  const std::string& path = checkpoint.path().string();
  const std::string why = recognised.doubt.empty() ? "" : " (" + recognised.doubt + ")";
  if (recognised.architectures.empty())
    throw Error(ErrorKind::unsupported, path, ": its tensors fit no network known here", why,
                "; `backlight inspect` lists them");
  if (recognised.architectures.size() > 1)
    throw Error(ErrorKind::usage, path, ": its tensors fit several networks", why,
                "; name one with --model: ", joined(recognised.architectures));
  return recognised.architectures.front();
}

std::vector<ExpectedTensor> expected_tensors(std::span<const NamedParameter> parameters) {
  std::vector<ExpectedTensor> expected;
  for (const NamedParameter& p : parameters) expected.push_back({p.name, p.tensor->shape()});
  return expected;
}

/// Rows of the classifier's matrix, the number of classes.
std::int64_t count_classes(const Checkpoint& checkpoint, const ModelInfo& info) {
  const std::string name = info.classifier + ".weight";
  for (const StoredTensor& tensor : with_torchvision_names(checkpoint.tensors()))
    if (tensor.name() == name && !tensor.shape().empty() && tensor.shape()[0] > 0) return tensor.shape()[0];
  throw Error(ErrorKind::bad_input, checkpoint.path().string(), ": does not fit ", info.name,
              ": it has no tensor '", name, "' from whose rows the classes are counted");
}

}  // namespace

std::vector<std::string> load_parameters(const Checkpoint& checkpoint, const Network& network,
                                         const std::string& architecture) {
  const std::vector<NamedParameter> parameters = network.parameters();
  const MatchReport report = match(expected_tensors(parameters), checkpoint.tensors());
  if (!report.complete())
    throw Error(ErrorKind::bad_input, checkpoint.path().string(), ": does not fit ", architecture, ": ",
                report.describe());
  for (const MatchReport::Matched& m : report.matched) {
    Tensor tensor = m.tensor.to_f32();
    try {
      require_finite(parameters[m.index].name, tensor);
    } catch (const Error& error) {
      throw Error(error.kind(), checkpoint.path().string(), ": ", error.what());
    }
    *parameters[m.index].tensor = std::move(tensor);
  }
  if (report.unexpected.empty()) return {};
  return {text(report.unexpected.size(), " tensors of the file are not part of ", architecture,
               " and were left out, the first is '", report.unexpected.front().name, "'")};
}

Model load_model(const std::filesystem::path& weights, const LoadOptions& options) {
  CheckpointOptions opening;
  opening.key = options.key;
  const Checkpoint checkpoint = Checkpoint::open(weights, opening);
  // Hashing takes as long as loading: both read the file once, side by side.
  std::future<std::string> sha256 = std::async([&] { return checkpoint.sha256(); });

  const Recognition recognised = recognise(checkpoint.tensors(), checkpoint.metadata());
  ModelInfo info = model_info(decide_architecture(checkpoint, recognised, options.model));
  const std::int64_t classes = count_classes(checkpoint, info);
  std::vector<std::string> labels =
      options.labels.empty() ? labels_for(info.labels, classes) : read_labels(options.labels, classes);
  Network network = build_model(info.name, classes);
  std::vector<std::string> notes = load_parameters(checkpoint, network, info.name);

  const std::string hash = sha256.get();
  // A note and no error: eight digits at the end of a name may be a date.
  if (const auto promise = checkpoint.name_hash(); promise && !promise->kept)
    notes.push_back(text("the file's name promises a SHA-256 that begins with ", promise->promised,
                         ", but it begins with ", hash.substr(0, promise->promised.size()),
                         ": changed since it was published, or damaged"));
  const PublishedWeights* published = find_published(hash);
  if (published && published->architecture == info.name) {
    info.preprocessing.resize_size = published->resize;
    notes.push_back(text("these are the published weights ", published->file));
  }
  if (options.preprocessing) info.preprocessing = *options.preprocessing;
  return {std::move(info), std::move(network), std::move(labels), weights, hash, std::move(notes)};
}

}  // namespace backlight
