#include "tools/evaluate/evaluation_run.hpp"

#include <chrono>
#include <nlohmann/json.hpp>

#include "models/pictures.hpp"
#include "tools/backlight/batch.hpp"
#include "tools/backlight/interrupt.hpp"
#include "tools/backlight/table.hpp"

namespace backlight::tools {

NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(MeasureRow, index, values)
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(PictureFindings, width, height, predicted, probability, rows)

namespace {

using Clock = std::chrono::steady_clock;

/// `NAME, 3 min left`.
std::string with_time_left(const std::string& name, std::chrono::steady_clock::time_point start,
                           std::size_t done, std::size_t left) {
  if (done == 0) return name;
  const std::chrono::duration<double> passed = std::chrono::steady_clock::now() - start;
  const double seconds = passed.count() / static_cast<double>(done) * static_cast<double>(left);
  return name + (seconds < 90 ? text(", ", decimal(seconds, 0), " s left")
                              : text(", ", decimal(seconds / 60, 0), " min left"));
}

std::string packed(const nlohmann::json& json) {
  std::string bytes;
  nlohmann::json::to_cbor(json, bytes);
  return bytes;
}

}  // namespace

EvaluationRun::EvaluationRun(Console& console, const DataSet& set, const Model& model,
                             const Evaluator& evaluator, ExifOrientation exif)
    : console_(console), set_(set), model_(model), evaluator_(evaluator), exif_(exif), class_of_(model, console) {
  for (const DataProblem& problem : set_.problems)
    note_error(problem.where, name_of(ErrorKind::bad_input), problem.what);
}

int EvaluationRun::run(Ranks& ranks, Journal* journal) {
  take_down_interrupts();
  std::vector<std::size_t> open;
  if (journal)
    for (std::size_t i = 0; i < set_.pictures.size(); ++i)
      if (!journal->find(set_.pictures[i].name)) open.push_back(i);
  const auto start = Clock::now();
  std::size_t finished = 0;
  const int signal = ranks.share(
      open,
      [&](std::size_t i) {
        const AnnotatedPicture& picture = set_.pictures[i];
        if (journal)
          console_.progress(i + 1, set_.pictures.size(),
                            with_time_left(picture.name, start, finished, open.size() - finished));
        return evaluate(picture);
      },
      [&](std::size_t i, const std::string& answer) {
        ++finished;
        const std::string& name = set_.pictures[i].name;
        const nlohmann::json json = nlohmann::json::from_cbor(answer);
        if (json.contains("message")) {
          console_.error(name, ": ", json["message"].get<std::string>());
          note_error(name, json["kind"], json["message"]);
        } else {
          journal->add(name, json.get<PictureFindings>());
        }
      });
  console_.end_progress();
  if (journal && open.size() < set_.pictures.size())
    console_.note(counted(set_.pictures.size() - open.size(), "picture"), " were done before");
  return signal;
}

std::vector<const PictureFindings*> EvaluationRun::findings(const Journal& journal) const {
  std::vector<const PictureFindings*> found;
  for (const AnnotatedPicture& picture : set_.pictures)
    if (const PictureFindings* of_picture = journal.find(picture.name)) found.push_back(of_picture);
  return found;
}

std::string EvaluationRun::evaluate(const AnnotatedPicture& picture) {
  const auto failed = [](ErrorKind kind, const char* what) {
    return packed({{"kind", name_of(kind)}, {"message", what}});
  };
  try {
    const Image image =
        PictureSource{picture.file.string(), ""}.read(exif_, model_.info.preprocessing.alpha(), console_);
    return packed(evaluator_.evaluate(picture.name, image, objects_on(picture, image, class_of_),
                                      ignored_on(picture, image)));
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::resources) throw;
    return failed(error.kind(), error.what());
  } catch (const std::bad_alloc&) {
    return failed(ErrorKind::resources, "out of memory");
  }
}

void EvaluationRun::note_error(const std::string& file, const std::string& kind, const std::string& what) {
  errors_.push_back({{"file", file}, {"kind", kind}, {"message", what}});
}

}  // namespace backlight::tools
