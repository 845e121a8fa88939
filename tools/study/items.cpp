#include "tools/study/items.hpp"

#include <algorithm>

#include "engine/image/resize.hpp"
#include "models/scenes/scene.hpp"
#include "tools/backlight/batch.hpp"
#include "tools/backlight/class_names.hpp"
#include "tools/backlight/looks.hpp"

namespace backlight::tools {
namespace {

Request looks_of(Request request, std::span<const Technique> techniques, const Model& model) {
  std::vector<const Method*> methods;
  for (const Technique& technique : techniques) methods.push_back(&find_method(technique.name));
  choose_looks(request, {}, /*fuse=*/false, methods, model);
  return request;
}

Model load_into(const NetworkOptions& options, Context& context, Console& console) {
  Model model = load_network(options, console);
  note_labels(model, console);
  model.network.to(context);
  return model;
}

void add_error(Json& errors, Console& console, const std::string& file, ErrorKind kind,
               const std::string& what) {
  console.error(file, ": ", what);
  errors.push_back({{"file", file}, {"kind", name_of(kind)}, {"message", what}});
}

/// The picture as an item, whose classes are numbered by each network; nothing where it does not serve.
std::optional<StudyCandidate> candidate_of(StudyKind kind, const StudyNetworks& networks,
                                           std::span<const std::vector<std::int64_t>> classes,
                                           std::span<const ClassScores> scores, double floor) {
  StudyCandidate candidate;
  std::optional<std::ptrdiff_t> predicted;  // which of the picture's classes, for all networks
  for (std::size_t n = 0; n < scores.size(); ++n) {
    const auto probability = [&](std::int64_t index) {
      return scores[n].probabilities[static_cast<std::size_t>(index)];
    };
    Categories of;
    if (kind == StudyKind::discrimination) {
      if (classes[n].size() != 2 || classes[n][0] == classes[n][1]) return std::nullopt;
      of = {classes[n][0], classes[n][1]};
      if (std::min(probability(of[0]), probability(of[1])) < floor) return std::nullopt;
    } else {
      const std::int64_t best = scores[n].best(1).front();
      const auto at = std::ranges::find(classes[n], best) - classes[n].begin();
      if (at == std::ssize(classes[n]) || at != predicted.value_or(at)) return std::nullopt;
      predicted = at;
      of = {best, best};
    }
    if (!networks[n]->has_a_name(of[0]) || !networks[n]->has_a_name(of[1])) return std::nullopt;
    candidate.classes.push_back(of);
    candidate.probabilities.push_back({probability(of[0]), probability(of[1])});
  }
  return candidate;
}

}  // namespace

StudyNetwork::StudyNetwork(const NetworkOptions& options, Request request,
                           std::span<const Technique> techniques, Context& context, Console& console)
    : model_(load_into(options, context, console)),
      names_(short_names(model_.labels)),
      request_(looks_of(std::move(request), techniques, model_)),
      programs_(model_.network, Optimisations::exact()),
      replays_(programs_, context),
      class_of_(model_, console) {}

ClassScores StudyNetwork::scores(const Image& image) {
  const Probe probe(replays_, fit_picture(image, model_, request_.fit, false).x, {}, false);
  return class_scores(probe.scores().values(), model_.scores);
}

std::vector<std::vector<Image>> StudyNetwork::show(const Image& image, std::span<const std::int64_t> classes,
                                                   int side) {
  Fitted fitted = fit_picture(image, model_, request_.fit, true);
  Probe probe(replays_, std::move(fitted.x), request_.layers, request_.input_gradient, request_.tails);
  Question question = request_.question;
  std::vector<std::vector<Image>> all;
  for (const std::int64_t index : classes) {
    question.target.classes = {index};
    all.emplace_back();
    for (const Look& look : request_.looks) {
      question.layer = look.layer;
      const Image shown = explain_picture(probe, *look.method, question, model_.info.preprocessing)
                              .heatmap(fitted.placement, question.preset);
      all.back().push_back(shown.width == side && shown.height == side ? shown : resize(shown, side, side));
    }
  }
  return all;
}

std::vector<StudyPicture> drawn_pictures(std::size_t count, int objects, std::uint64_t seed) {
  std::vector<StudyPicture> pictures;
  const scenes::SceneOptions options{.min_objects = objects, .max_objects = objects};
  for (std::uint64_t index = 0; index < count; ++index) {
    StudyPicture picture{text("scene ", index, " of seed ", seed), {}, [=] {
                           return scenes::render_scene(seed, index, options).image;
                         }};
    for (const auto& object : scenes::render_scene(seed, index, options).objects)
      picture.classes.emplace_back(scenes::kClassNames.at(static_cast<std::size_t>(object.label)));
    pictures.push_back(std::move(picture));
  }
  return pictures;
}

std::vector<StudyPicture> read_pictures(const std::filesystem::path& data, const DataSetOptions& how,
                                        std::size_t limit, std::uint64_t seed, ExifOrientation exif,
                                        Console& console, Json& errors) {
  DataSet set = read_data_set(data, how);
  for (const DataProblem& problem : set.problems)
    add_error(errors, console, problem.where, ErrorKind::bad_input, problem.what);
  choose_pictures(set.pictures, limit, seed);
  std::vector<StudyPicture> found;
  for (const AnnotatedPicture& picture : set.pictures) {
    StudyPicture of{picture.name, {}, [file = picture.file, exif, &console] {
                      return PictureSource{file.string(), ""}.read(exif, Alpha::drop, console);
                    }};
    for (const AnnotatedObject& object : picture.objects) add_once(of.classes, object.class_name);
    found.push_back(std::move(of));
  }
  return found;
}

StudyCandidates find_candidates(StudyKind kind, std::span<const StudyPicture> pictures,
                                StudyNetworks& networks, double floor, Console& console, Json& errors) {
  StudyCandidates result;
  result.right.resize(networks.size());
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    const StudyPicture& picture = pictures[i];
    console.progress(i + 1, pictures.size(), picture.name);
    try {
      const Image image = picture.read();
      std::vector<std::vector<std::int64_t>> classes(networks.size());
      std::vector<ClassScores> scores;
      for (std::size_t n = 0; n < networks.size(); ++n) {
        for (const std::string& name : picture.classes) classes[n].push_back(networks[n]->class_of(name));
        scores.push_back(networks[n]->scores(image));
        result.right[n] += std::ranges::count(classes[n], scores[n].best(1).front()) > 0;
      }
      ++result.looked_at;
      if (auto candidate = candidate_of(kind, networks, classes, scores, floor)) {
        candidate->picture = i;
        result.found.push_back(std::move(*candidate));
      }
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::resources) throw;
      add_error(errors, console, picture.name, error.kind(), error.what());
    }
  }
  console.end_progress();
  return result;
}

}  // namespace backlight::tools
