#include "tools/diagnose/attack_picture.hpp"

#include <algorithm>

#include "engine/core/version.hpp"
#include "models/pictures.hpp"
#include "tools/backlight/explain_panel.hpp"
#include "tools/backlight/formats.hpp"
#include "tools/backlight/names.hpp"
#include "tools/backlight/outputs.hpp"

namespace backlight::tools {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kShownPredictions = 5;

std::string class_label(const Model& model, std::int64_t index) {
  const std::string& name = model.labels.at(static_cast<std::size_t>(index));
  return can_label(name) ? name : text("class ", index);
}

PanelRow version_row(const Attacker& attacker, const AttackedPicture& picture, std::size_t version,
                     const Answer& answer, const std::vector<std::int64_t>& classes) {
  const Model& model = attacker.model();
  const Image& shown = picture.versions[version];
  const auto probability = [&](std::int64_t index) {
    return percent(answer.scores.probabilities[static_cast<std::size_t>(index)]);
  };
  const std::int64_t best = answer.scores.best(1).front();
  PanelRow row{.label = std::string(kVersions[version]),
               .details = {class_label(model, best), probability(best)},
               .cells = {{shown}}};
  if (version == 1) row.details.push_back(counted(static_cast<std::size_t>(picture.steps), "step"));
  row.cells.push_back({difference(picture.versions[0], shown, kDifferenceFactor)});
  for (const std::int64_t index : classes) {
    const Tensor& map = answer.maps.at(index);
    std::string caption = probability(index);
    if (!has_positive_evidence(map)) caption += ", no positive evidence";
    row.cells.push_back({overlay_on_input(shown, map), caption});
  }
  return row;
}

/// One per class and version: how alike the map is to that before.
Json maps_json(const Model& model, const std::array<Answer, kVersions.size()>& answers,
               const std::vector<std::int64_t>& classes) {
  Json list = Json::array();
  for (const std::int64_t index : classes)
    for (std::size_t v = 0; v < kVersions.size(); ++v) {
      const Tensor& map = answers[v].maps.at(index);
      const auto like = agreement(answers[0].maps.at(index), map);
      list.push_back({{"class", class_json(model, index)},
                      {"version", kVersions[v]},
                      {"probability", answers[v].scores.probabilities[static_cast<std::size_t>(index)]},
                      {"positive_evidence", has_positive_evidence(map)},
                      {"map", range_json(map)},
                      {"spearman", v > 0 && like ? Json(*like) : Json()}});
    }
  return list;
}

}  // namespace

Panel attack_panel(const Attacker& attacker, const AttackedPicture& picture,
                   const std::array<Answer, kVersions.size()>& answers,
                   const std::vector<std::int64_t>& classes, std::int64_t towards) {
  const Model& model = attacker.model();
  Panel panel;
  panel.columns = {"What the network sees", text("Difference ×", kDifferenceFactor)};
  for (const std::int64_t index : classes)
    panel.columns.push_back("Grad-CAM: " + class_label(model, index) +
                            (index == towards ? " (not there)" : ""));
  panel.color_bar = panel_color_bar(Preset::pytorch_grad_cam);
  panel.color_bar->column = static_cast<int>(panel.columns.size()) - 1;
  panel.footer = text(model.info.name, ", weights ", model.weights_sha256.substr(0, 8), ", Grad-CAM at ",
                      attacker.layer(), ", at most ", attacker.settings().options.epsilon,
                      " of 255 levels, backlight ", version());
  for (std::size_t v = 0; v < kVersions.size(); ++v)
    panel.rows.push_back(version_row(attacker, picture, v, answers[v], classes));
  return panel;
}

PictureAttack::PictureAttack(Attacker& attacker, Context& context, AttackRequest request, Json header,
                             const Inputs& inputs)
    : attacker_(attacker),
      context_(context),
      request_(std::move(request)),
      header_(std::move(header)),
      inputs_(inputs),
      class_names_(file_safe_classes(attacker.model().labels)) {}

std::vector<std::pair<const char*, fs::path>> PictureAttack::Files::named() const {
  return {{"input", input},           {"attacked", attacked}, {"random", random},
          {"difference", difference}, {"panel", panel},       {"json", json}};
}

PictureAttack::Files PictureAttack::files_of(const PictureSource& source) const {
  const std::string& towards = class_names_.at(static_cast<std::size_t>(request_.towards));
  const std::string stem = source.stem + "_towards-" + towards + request_.choices;
  const fs::path folder = request_.folder / source.folder;
  const auto file = [&](const char* kind) { return folder / (stem + kind); };
  return {file("_input.png"),      file("_attacked.png"), file("_random.png"),
          file("_difference.png"), file("_panel.png"),    file("_attack.json")};
}

void PictureAttack::check_outputs(const std::vector<PictureSource>& pictures) const {
  for (const PictureSource& picture : pictures)
    for (const auto& [kind, file] : files_of(picture).named()) {
      inputs_.keep_from(file);
      if (!request_.force) require_free(file, "--force overwrites results, --out chooses another folder");
    }
}

Json PictureAttack::attack(const PictureSource& source, Console& console) {
  const Model& model = attacker_.model();
  const Image image = source.read(request_.exif, model.info.preprocessing.alpha(), console);
  const Fitted fitted = fit_picture(image, model, request_.fit, /*backward_to_input=*/true);
  Json record = image_json(source, image, fitted);

  std::vector<std::int64_t> classes = request_.classes;
  if (classes.empty()) classes = attacker_.answer(fitted.seen, {}).scores.best(1);
  add_once(classes, request_.towards);
  const std::string name = source.name();
  const AttackedPicture picture =
      attacker_.attack({&fitted.seen, 1}, {&name, 1}, {&request_.towards, 1}, [&](std::size_t) {}).front();
  std::array<Answer, kVersions.size()> answers;
  for (std::size_t v = 0; v < kVersions.size(); ++v)
    answers[v] = attacker_.answer(picture.versions[v], classes);

  record["towards"] = class_json(model, request_.towards);
  record["probability_before"] = picture.before;
  record["probability"] = picture.probability;
  record["reached"] = picture.probability > attacker_.settings().options.probability;
  record["steps_made"] = picture.steps;
  record["largest_change"] = picture.largest_change;
  record["changed"] = picture.changed;
  record["predictions"] = Json::object();
  for (std::size_t v = 0; v < kVersions.size(); ++v)
    record["predictions"][std::string(kVersions[v])] =
        predictions_json(model, answers[v].scores, answers[v].scores.best(kShownPredictions));
  record["maps"] = maps_json(model, answers, classes);
  record["read_back"] = {{"fit", name_of(fit_to_read_back(request_.fit))}};
  write_files(source, picture, attack_panel(attacker_, picture, answers, classes, request_.towards), record);
  return record;
}

void PictureAttack::write_files(const PictureSource& source, const AttackedPicture& picture,
                                const Panel& panel, Json& record) const {
  const Files files = files_of(source);
  make_folder(request_.folder / source.folder);
  for (const auto& [kind, file] : files.named()) record["files"][kind] = file.string();
  record["kept"] = Json::array();
  Json facts = header_;
  facts["image"] = record;
  const auto write = [&](const fs::path& file, const Image& image, const char* what) {
    facts["version"] = what;
    write_picture(file.string(), image, facts, Formats{}, context_);
  };
  write(files.input, picture.versions[0], "before");
  write(files.attacked, picture.versions[1], "attacked");
  write(files.random, picture.versions[2], "random");
  write(files.difference, difference(picture.versions[0], picture.versions[1], kDifferenceFactor),
        "difference");
  write(files.panel, draw_panel(panel), "panel");
  Json document = header_;
  document["images"] = Json::array({record});
  document["errors"] = Json::array();
  write_text(files.json, dump(document));
}

}  // namespace backlight::tools
