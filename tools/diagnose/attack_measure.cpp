#include "tools/diagnose/attack_measure.hpp"

#include <algorithm>
#include <cstdio>
#include <functional>
#include <new>

#include "engine/core/random.hpp"
#include "engine/evaluate/intervals.hpp"
#include "engine/evaluate/pointing.hpp"
#include "engine/image/write.hpp"
#include "models/memory.hpp"
#include "models/pictures.hpp"
#include "models/scenes/scene.hpp"
#include "tools/backlight/batch.hpp"
#include "tools/backlight/names.hpp"
#include "tools/evaluate/class_lookup.hpp"
#include "tools/evaluate/measures.hpp"
#include "tools/evaluate/report.hpp"

namespace backlight::tools {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kExamples = 4;
constexpr std::int64_t kLargestBatch = 16;
constexpr std::uint64_t kAimPurpose = 50;

/// How the maps of classes that are there follow the attack: Spearman's correlation with the map before.
class MapAgreement : public Measure {
 public:
  std::string_view name() const override { return "agreement"; }
  std::vector<std::string> columns() const override { return {"spearman"}; }
  std::vector<std::int64_t> classes(const EvaluatedPicture& picture) const override {
    return classes_of(picture.objects);
  }
  std::vector<MeasureRows> rows(const EvaluatedPicture& picture,
                                std::span<const Candidate> candidates) const override {
    std::vector<MeasureRows> all(candidates.size());
    for (const std::int64_t index : classes(picture))
      for (std::size_t i = 1; i < candidates.size(); ++i)
        all[i].push_back({index,
                          {agreement(candidates[0].maps.at(index).raw, candidates[i].maps.at(index).raw)
                               .value_or(kNoValue)}});
    return all;
  }
  std::vector<Statistic> statistics(std::span<const MeasureRows> rows) const override {
    return {mean_statistic("spearman", rows, 0)};
  }
};

/// Where the map of the class that is not there lies: how much of its mass on any object. The attack's class is the
/// only one that is asked for.
class FalseClass : public Measure {
 public:
  std::string_view name() const override { return "false-class"; }
  std::vector<std::string> columns() const override { return {"energy_on_objects", "objects_area"}; }
  std::vector<std::int64_t> classes(const EvaluatedPicture& picture) const override { return picture.asked; }
  std::vector<MeasureRows> rows(const EvaluatedPicture& picture,
                                std::span<const Candidate> candidates) const override {
    std::vector<Box> boxes;
    for (const TrueObject& object : picture.objects)
      if (object.box) boxes.push_back(*object.box);
    const PixelSet objects =
        seen_by_input(PixelSet::of(picture.image.width, picture.image.height, boxes), picture.placement);
    const std::int64_t index = picture.asked.front();
    std::vector<MeasureRows> all;
    for (const Candidate& candidate : candidates)
      all.push_back({{index, {energy_inside(candidate.maps.at(index).evidence, objects), objects.share()}}});
    return all;
  }
  std::vector<Statistic> statistics(std::span<const MeasureRows> rows) const override {
    return {mean_statistic("energy_on_objects", rows, 0), mean_statistic("objects_area", rows, 1)};
  }
};

/// What the network says of each version. Its rows are made where the answers are.
class Outcome : public Measure {
 public:
  std::string_view name() const override { return "outcome"; }
  std::vector<std::string> columns() const override {
    return {"probability", "false_best", "present_best", "steps"};
  }
  std::vector<std::int64_t> classes(const EvaluatedPicture& picture) const override { return picture.asked; }
  std::vector<MeasureRows> rows(const EvaluatedPicture&, std::span<const Candidate>) const override {
    return {};
  }
  std::vector<Statistic> statistics(std::span<const MeasureRows> rows) const override {
    return {mean_statistic("probability_of_false_class", rows, 0),
            share_statistic("false_class_best", rows, 1), share_statistic("present_class_best", rows, 2),
            mean_statistic("steps", rows, 3)};
  }

  static std::vector<MeasureRows> rows_of(const AttackedPicture& picture, std::span<const Answer> answers,
                                          std::int64_t towards, std::span<const TrueObject> objects) {
    std::vector<MeasureRows> all;
    for (std::size_t v = 0; v < answers.size(); ++v) {
      const std::int64_t best = answers[v].scores.best(1).front();
      const bool present =
          std::ranges::any_of(objects, [&](const TrueObject& object) { return object.index == best; });
      all.push_back({{towards,
                      {answers[v].scores.probabilities[static_cast<std::size_t>(towards)],
                       double(best == towards), double(present), v == 1 ? picture.steps : kNoValue}}});
    }
    return all;
  }
};

/// A picture that was read and waits for the attack.
struct Waiting {
  std::string name;
  Image image;
  Fitted fitted = {};
  std::vector<TrueObject> objects = {};
  std::int64_t towards = 0;
};

class MeasuredAttacks {
 public:
  MeasuredAttacks(Attacker& attacker, Context& context, double tolerance, const fs::path& folder,
                  Console& console)
      : attacker_(attacker), context_(context), folder_(folder), console_(console) {
    MeasureOptions how;
    how.tolerance = tolerance;
    measures_.push_back(make_pointing(how));
    measures_.push_back(make_energy(how));
    measures_.push_back(std::make_unique<MapAgreement>());
    measures_.push_back(std::make_unique<FalseClass>());
    measures_.push_back(std::make_unique<Outcome>());
  }

  void attack(const std::vector<Waiting>& batch, std::size_t ready, std::size_t all) {
    std::vector<Image> seen;
    std::vector<std::string> names;
    std::vector<std::int64_t> towards;
    for (const Waiting& one : batch) {
      seen.push_back(one.fitted.seen);
      names.push_back(one.name);
      towards.push_back(one.towards);
    }
    const auto pictures = attacker_.attack(seen, names, towards, [&](std::size_t done) {
      console_.progress(ready + done, all, "pictures attacked");
    });
    for (std::size_t i = 0; i < batch.size(); ++i) add(batch[i], pictures[i]);
  }

  AttackMeasurement finish() {
    if (found_.empty())
      throw Error(ErrorKind::bad_input, "none of the pictures could be attacked and measured");
    const std::vector<std::string> versions(kVersions.begin(), kVersions.end());
    Journal journal(folder_, measures_, versions, /*resume=*/false);
    std::vector<const PictureFindings*> findings;
    for (auto& [name, of_picture] : found_) {
      journal.add(name, std::move(of_picture));
      findings.push_back(journal.find(name));
    }
    result_.results = results_json(measures_, versions, findings, {.seed = attacker_.settings().seed});
    result_.attack = {{"reached", estimate_json(wilson(reached_, std::ssize(found_)))}};
    result_.measured = found_.size();
    return std::move(result_);
  }

  void left_out(const std::string& name, ErrorKind kind, const std::string& what) {
    console_.error(name, ": ", what);
    result_.errors.push_back({{"file", name}, {"kind", name_of(kind)}, {"message", what}});
  }

 private:
  void add(const Waiting& subject, const AttackedPicture& picture) {
    std::vector<std::int64_t> classes = classes_of(subject.objects);
    classes.push_back(subject.towards);
    std::array<Answer, kVersions.size()> answers;
    std::vector<Candidate> candidates;
    Probe probe = attacker_.probe(picture.versions[0]);
    for (std::size_t v = 0; v < kVersions.size(); ++v) {
      answers[v] = v == 0 ? attacker_.answer(probe, classes) : attacker_.answer(picture.versions[v], classes);
      candidates.push_back({std::string(kVersions[v])});
      for (const auto& [index, map] : answers[v].maps)
        candidates[v].maps.emplace(
            index, EvaluatedMap{map.clone(),
                                enlarged_evidence(map, Preset::pytorch_grad_cam, subject.fitted.seen.height,
                                                  subject.fitted.seen.width)});
    }
    const ClassScores& before = answers[0].scores;
    const std::int64_t best = before.best(1).front();
    const std::vector<std::uint8_t> nothing_ignored;
    const EvaluatedPicture evaluated{.name = subject.name,
                                     .image = subject.image,
                                     .placement = subject.fitted.placement,
                                     .objects = subject.objects,
                                     .ignored = nothing_ignored,
                                     .model = attacker_.model(),
                                     .probe = probe,
                                     .scores = before,
                                     .asked = {subject.towards},
                                     .seed = attacker_.settings().seed};
    PictureFindings findings{subject.image.width,
                             subject.image.height,
                             best,
                             before.probabilities[static_cast<std::size_t>(best)],
                             {}};
    for (std::size_t m = 0; m + 1 < measures_.size(); ++m)
      findings.rows.push_back(measures_[m]->rows(evaluated, candidates));
    findings.rows.push_back(Outcome::rows_of(picture, answers, subject.towards, subject.objects));
    reached_ += picture.probability > attacker_.settings().options.probability;
    if (found_.size() < kExamples) {
      const std::string file = text("example_", found_.size() + 1, ".jpg");
      DiagnosisPicture& example = result_.examples.emplace_back(DiagnosisPicture{
          subject.name,
          encode_jpeg(draw_panel(attack_panel(attacker_, picture, answers, classes, subject.towards)))});
      write_file((folder_ / file).string(), example.jpeg);
    }
    found_.emplace_back(subject.name, std::move(findings));
  }

  Attacker& attacker_;
  Context& context_;
  fs::path folder_;
  Console& console_;
  std::vector<std::unique_ptr<Measure>> measures_;
  std::vector<std::pair<std::string, PictureFindings>> found_;
  std::int64_t reached_ = 0;
  AttackMeasurement result_;
};

/// How many pictures of this input go together, which changes no bit.
std::size_t batch_size(const Network& network, const Shape& input) {
  const std::int64_t each = least_memory(network, input, /*backward_to_input=*/true);
  return static_cast<std::size_t>(std::clamp(kTailBytes / each, std::int64_t{1}, kLargestBatch));
}

Waiting read_subject(const SubjectPicture& subject, const Attacker& attacker,
                     std::optional<std::int64_t> towards, Fit fit) {
  const Model& model = attacker.model();
  Waiting read{.name = subject.name, .image = subject.read()};
  read.objects = subject.objects(read.image);
  read.fitted = fit_picture(read.image, model, fit, /*backward_to_input=*/true);
  if (!towards)
    read.towards =
        absent_class(attacker.settings().seed, subject.name, read.objects, std::ssize(model.labels));
  else if (std::ranges::any_of(read.objects, [&](const TrueObject& o) { return o.index == *towards; }))
    throw Error(ErrorKind::usage, "the class of --towards is there");
  else
    read.towards = *towards;
  return read;
}

}  // namespace

std::vector<SubjectPicture> drawn_subjects(std::uint64_t seed, std::int64_t scenes) {
  std::vector<SubjectPicture> subjects;
  for (std::int64_t i = 0; i < scenes; ++i) {
    const auto scene = [seed, i] {
      return scenes::render_scene(seed, static_cast<std::uint64_t>(i), {.min_objects = 2, .max_objects = 2});
    };
    char name[32];
    std::snprintf(name, sizeof name, "scene_%06lld", static_cast<long long>(i));
    subjects.push_back({name, [scene] { return scene().image; },
                        [scene](const Image&) {
                          std::vector<TrueObject> objects;
                          for (const auto& [label, box] : scene().objects) objects.push_back({label, box});
                          return objects;
                        }});
  }
  return subjects;
}

std::vector<SubjectPicture> annotated_subjects(const DataSet& set, const Model& model, ExifOrientation exif,
                                               Console& console) {
  const auto class_of = std::make_shared<ClassLookup>(model, console);
  std::vector<SubjectPicture> subjects;
  for (const AnnotatedPicture& picture : set.pictures)
    subjects.push_back({picture.name,
                        [&picture, &model, exif, &console] {
                          return PictureSource{picture.file.string(), ""}.read(
                              exif, model.info.preprocessing.alpha(), console);
                        },
                        [&picture, class_of](const Image& image) {
                          return objects_on(picture, image, std::ref(*class_of));
                        }});
  return subjects;
}

std::int64_t absent_class(std::uint64_t seed, const std::string& name, std::span<const TrueObject> objects,
                          std::int64_t classes) {
  std::vector<std::int64_t> absent;
  const std::vector<std::int64_t> present = classes_of(objects);
  for (std::int64_t index = 0; index < classes; ++index)
    if (!std::ranges::binary_search(present, index)) absent.push_back(index);
  if (absent.empty())
    throw Error(ErrorKind::bad_input, "all ", classes,
                " classes of the network are there; none is left to attack towards");
  return absent[random_bits(random_bits(seed, kAimPurpose), hash_of(name)) % absent.size()];
}

AttackMeasurement measure_attacks(Attacker& attacker, Context& context,
                                  std::span<const SubjectPicture> subjects,
                                  std::optional<std::int64_t> towards, Fit fit, double tolerance,
                                  const fs::path& folder, Console& console) {
  MeasuredAttacks attacks(attacker, context, tolerance, folder, console);
  std::vector<Waiting> batch;
  std::size_t ready = 0;
  const auto attack_batch = [&] {
    if (!batch.empty()) attacks.attack(batch, ready, subjects.size());
    ready += batch.size();
    batch.clear();
  };
  for (const SubjectPicture& subject : subjects) {
    try {
      Waiting read = read_subject(subject, attacker, towards, fit);
      if (!batch.empty() && batch.front().fitted.x.shape() != read.fitted.x.shape()) attack_batch();
      batch.push_back(std::move(read));
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::resources || error.kind() == ErrorKind::unsupported) throw;
      attacks.left_out(subject.name, error.kind(), error.what());
    } catch (const std::bad_alloc&) {
      attacks.left_out(subject.name, ErrorKind::resources, "out of memory");
    }
    if (!batch.empty() &&
        batch.size() >= batch_size(attacker.model().network, batch.front().fitted.x.shape()))
      attack_batch();
  }
  attack_batch();
  console.end_progress();
  return attacks.finish();
}

std::vector<DiagnosisSection> attack_page(const Json& document, std::vector<DiagnosisPicture> examples) {
  const auto statistic = [&](std::string_view name, std::size_t version) {
    for (const Json& entry : document["results"])
      if (entry["method"] == kVersions[version])
        for (const Json& found : entry["statistics"])
          if (found["name"] == name) return estimate_text(found);
    throw Error(ErrorKind::internal, "no statistic is called ", name);
  };
  const Json& model = document["model"];
  DiagnosisSection means{.heading = "What maps show under attack"};
  means.paragraphs = {
      text(model["architecture"].get<std::string>(), ", weights ",
           model["weights_sha256"].get<std::string>().substr(0, 8), ", Grad-CAM at ",
           document["layer"].get<std::string>(), ". ",
           counted(document["measured"].get<std::size_t>(), "picture"), "; each was changed, by at most ",
           document["epsilon"], " of 255 levels a sample, in steps of ", document["step"],
           " along the sign of the input's gradient, rounded to 8 bits at each, until the network "
           "was more than ",
           document["probability"], " sure of a class that is not there, or ", document["steps"],
           " steps were made. The picture is attacked as the network sees it. “random” is the same picture "
           "with "
           "every sample changed as much, up or down by chance."),
      text("The aim was reached by ", estimate_text(document["attack"]["reached"]),
           " of the pictures. Numbers are shares and means; ± is half of the 95 % interval.")};
  means.titles = {"", "before", "attacked", "random"};
  const auto add = [&](const char* what, std::string_view name) {
    means.rows.push_back({what, statistic(name, 0), statistic(name, 1), statistic(name, 2)});
  };
  add("probability of the false class", "probability_of_false_class");
  add("the false class is best", "false_class_best");
  add("a class that is there is best", "present_class_best");
  add("steps", "steps");
  add("classes that are there: their map's maximum on the object", "pointing_pairs");
  add("share of the map on the object (energy)", "energy");
  add("share of a uniform map (area)", "area");
  add("rank correlation with the map before (Spearman)", "spearman");
  add("no positive evidence", "no_evidence");
  add("the false class: share of its map on any object", "energy_on_objects");
  add("share of a uniform map", "objects_area");
  DiagnosisSection shown{.heading = "Examples"};
  shown.paragraphs = {"The first pictures, none chosen."};
  shown.pictures = std::move(examples);
  return {std::move(means), std::move(shown)};
}

}  // namespace backlight::tools
