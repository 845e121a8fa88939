#include "tools/backlight/explain_picture.hpp"

#include "engine/image/write.hpp"
#include "kernels/overlay/overlay.hpp"
#include "kernels/saliency/saliency.hpp"
#include "models/pictures.hpp"
#include "tools/backlight/existing.hpp"
#include "tools/backlight/explain_panel.hpp"
#include "tools/backlight/names.hpp"
#include "tools/backlight/outputs.hpp"

namespace backlight::tools {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kPredictions = 5;

/// What the npy holds.
const char* raw_kind(const Look& look, const Question& question) {
  return look.method->gives_gradient(question) ? "gradient" : "map";
}

Json subject(const Json& index, const Json& counterfactual) { return Json::array({index, counterfactual}); }

/// What a panel or a document is about, by class; nothing for a picture of one result, whose name says it.
Json subjects_of(const Json& facts) {
  Json subjects = Json::array();
  for (const char* list : {"/image/results", "/images/0/results"})
    for (const Json& result : part_of(facts, list)) {
      Json next = subject(part_of(result, "/class/index"), part_of(result, "/counterfactual"));
      if (subjects.empty() || subjects.back() != next) subjects.push_back(std::move(next));
    }
  return subjects;
}

}  // namespace

/// One picture under way.
struct Explainer::Work {
  const PictureSource& source;
  const std::set<fs::path>& kept;
  const Image& image;
  const Placement& placement;
  const ClassScores& scores;
  const Json& record;
};

Explainer::Explainer(const Model& model, Replays& replays, Context& context, Request request, Json header,
                     Inputs inputs)
    : model_(model),
      replays_(replays),
      context_(context),
      request_(std::move(request)),
      header_(std::move(header)),
      inputs_(std::move(inputs)),
      class_names_(file_safe_classes(model.labels)) {
  UniqueNames names;
  for (const NodeId layer : request_.chosen_layers)
    layer_names_[layer] = names.take(file_safe(model.network.node(layer).name));
}

fs::path Explainer::file(const PictureSource& source, std::int64_t index, const Look& look,
                         std::string_view kind, std::string_view extension) const {
  std::string name = source.stem + "_" + class_names_.at(static_cast<std::size_t>(index)) + "_" +
                     std::string(look.method->name);
  if (request_.question.target.direction == Direction::counterfactual) name += "-counterfactual";
  std::vector<NodeId> layers = look.more_layers;
  if (request_.layer_given && look.method->needs.layer) {
    layers.push_back(*look.layer);
    name += "_" + layers_part(layers);
  }
  name.append(request_.choices).append("_").append(kind).append(extension);
  return request_.folder / source.folder / name;
}

std::string Explainer::layers_part(std::span<const NodeId> layers) const {
  std::string part;
  for (const NodeId layer : layers) part += (part.empty() ? "" : "+") + layer_names_.at(layer);
  return file_safe(part, kLongestName, "+");
}

fs::path Explainer::panel_file(const PictureSource& source) const {
  const std::string layer = request_.layer_given ? "_" + layer_names_.at(request_.chosen_layers.front()) : "";
  return request_.folder / source.folder /
         (source.stem + layer + request_.choices + "_panel" + picture_extension());
}

fs::path Explainer::json_file(const PictureSource& source) const {
  const std::string layers = request_.layer_given ? "_" + layers_part(request_.chosen_layers) : "";
  return request_.folder / source.folder / (source.stem + layers + request_.choices + "_results.json");
}

std::vector<fs::path> Explainer::files_of(const PictureSource& source,
                                          std::span<const std::int64_t> classes) const {
  std::vector<fs::path> all;
  const Formats& formats = request_.formats;
  for (const std::int64_t index : classes)
    for (const Look& look : request_.looks) {
      if (formats.overlay) all.push_back(file(source, index, look, "overlay", picture_extension()));
      if (formats.heatmap) all.push_back(file(source, index, look, "heatmap", picture_extension()));
      if (formats.npy) all.push_back(file(source, index, look, raw_kind(look, request_.question), ".npy"));
    }
  if (formats.panel) all.push_back(panel_file(source));
  if (formats.json) all.push_back(json_file(source));
  return all;
}

void Explainer::write_picture(const std::string& path, const Image& image, const Json& facts) const {
  tools::write_picture(path, image, facts, request_.formats, context_);
}

void Explainer::check_files(const std::vector<fs::path>& files) const {
  for (const fs::path& file : files) {
    inputs_.keep_from(file);
    if (!request_.force && !request_.skip_existing)
      require_free(file,
                   "--force overwrites results, --skip-existing keeps them, --out chooses another folder");
  }
}

std::set<fs::path> Explainer::kept_of(const std::vector<fs::path>& files,
                                      std::span<const std::int64_t> classes) const {
  Json subjects = Json::array();
  for (const std::int64_t index : classes)
    subjects.push_back(subject(index, request_.question.target.direction == Direction::counterfactual));
  std::set<fs::path> kept;
  for (const fs::path& file : files) {
    if (!request_.skip_existing || !is_there(file)) continue;
    const Json facts = facts_of(file);
    require_same(file, facts, header_,
                 {"/model/weights_sha256", "/model/scores", "/preprocessing", "/preset", "/eigen_smooth",
                  "/path_average", "/target", "/channels", "/smoothing", "/path", "/occlusion", "/masks",
                  "/precision"});
    require_same(file, "its [class, counterfactual] are", subjects_of(facts), subjects);
    kept.insert(file);
  }
  return kept;
}

void Explainer::check_outputs(const std::vector<PictureSource>& pictures) const {
  for (const PictureSource& picture : pictures) check_files(files_of(picture, request_.classes));
}

std::vector<std::int64_t> Explainer::classes_of(const ClassScores& scores) const {
  std::vector<std::int64_t> classes = request_.classes;
  for (const std::int64_t index : scores.best(request_.top_k)) add_once(classes, index);
  return classes;
}

void Explainer::write_files(Work& work, std::int64_t index, const Look& look, const Result& result,
                            Json& json, const std::optional<Box>& box) const {
  const Formats& formats = request_.formats;
  Json record = header_;
  record["image"] = work.record;
  record["result"] = json;
  json["files"] = Json::object();
  json["kept"] = Json::array();
  const auto take = [&](const char* member, const fs::path& path, const auto& write) {
    json["files"][member] = path.string();
    if (work.kept.contains(path))
      json["kept"].push_back(member);
    else
      write(path.string());
  };
  const auto picture = [&](const char* kind) {
    return file(work.source, index, look, kind, picture_extension());
  };
  if (formats.overlay)
    take("overlay", picture("overlay"), [&](const std::string& path) {
      Image image = result.overlay(work.image, work.placement, request_.question.preset);
      if (box) draw_box_on(image, *box);
      write_picture(path, image, record);
    });
  if (formats.heatmap)
    take("heatmap", picture("heatmap"), [&](const std::string& path) {
      write_picture(path, result.heatmap(work.placement, request_.question.preset), record);
    });
  if (formats.npy)
    take("npy", file(work.source, index, look, raw_kind(look, request_.question), ".npy"),
         [&](const std::string& path) { write_npy(path, result.raw()); });
}

Question Explainer::question(std::int64_t index, std::optional<NodeId> layer) const {
  Question question = request_.question;
  question.target.classes = {index};
  question.layer = layer;
  return question;
}

Result Explainer::answer(Probe& probe, std::int64_t index, const Look& look, const PictureSource& source,
                         Console& console) const {
  const Preprocessing& how = model_.info.preprocessing;
  Question asked = question(index, look.layer);
  asked.more_layers = look.more_layers;
  asked.progress = [&](std::int64_t done, std::int64_t all) {
    console.progress(static_cast<std::size_t>(done), static_cast<std::size_t>(all),
                     text(look.method->name, " of ", source.name()));
  };
  if (request_.baseline && !asked.path.baseline)
    asked.path.baseline = std::make_shared<const Tensor>(baseline(*request_.baseline, probe.input(), how));
  return explain_picture(probe, *look.method, asked, how);
}

Json Explainer::result_json(Work& work, std::int64_t index, const Look& look, const Result& result,
                            double target) const {
  const auto i = static_cast<std::size_t>(index);
  std::optional<Box> box;
  if (request_.formats.box) box = result.box(work.placement, request_.question.preset);

  Json json;
  json["method"] = look.method->name;
  const std::string_view identical =
      look.layer && look.more_layers.empty()
          ? look.method->identical_to(model_.network, *look.layer, request_.question.preset)
          : "";
  json["identical_to"] = identical.empty() ? Json() : Json(identical);
  json["class_dependent"] = look.method->class_dependent;
  json["plain_gradient_at"] = Json::object();
  for (const auto& [kind, layers] : look.method->plain_gradient_at(model_.network))
    json["plain_gradient_at"][std::string(name_of(kind))] = layers;
  json["layer"] = look.layer ? Json(model_.network.node(*look.layer).name) : Json();
  json["fused_with"] = Json::array();
  for (const NodeId layer : look.more_layers) json["fused_with"].push_back(model_.network.node(layer).name);
  json["class"] = class_json(model_, index);
  json["counterfactual"] = request_.question.target.direction == Direction::counterfactual;
  json["target_value"] = number(target);
  json["logit"] = number(work.scores.logits[i]);
  json["probability"] = work.scores.probabilities[i];
  json["alpha_count"] = result.map && result.map->alpha.defined() ? Json(result.map->alpha.numel()) : Json();
  json["positive_evidence"] = result.map ? Json(has_positive_evidence(result.map->map)) : Json();
  json["map"] = result.map ? range_json(result.map->map) : Json();
  json["gradient"] = result.gradient.defined() ? range_json(result.gradient) : Json();
  json["completeness"] = Json();
  if (const auto& total = result.completeness)
    json["completeness"] = {{"sum", number(total->sum)},
                            {"expected", number(total->expected)},
                            {"delta", number(total->sum - total->expected)}};
  json["box"] = box ? box_json(*box) : Json();
  write_files(work, index, look, result, json, box);
  return json;
}

std::optional<Json> Explainer::explain(const PictureSource& source, Console& console) const {
  if (request_.top_k == 0) {
    const std::vector<fs::path> files = files_of(source, request_.classes);
    if (kept_of(files, request_.classes).size() == files.size()) return std::nullopt;
  }
  Image image = source.read(request_.exif, model_.info.preprocessing.alpha(), console);
  Fitted fitted = fit_picture(image, model_, request_.fit, request_.input_gradient);
  image.alpha = std::vector<std::uint8_t>();  // what is drawn shows the colours alone
  Json record = image_json(source, image, fitted);
  const auto note = [&](const std::string& words) {
    console.note(source.name(), ": ", words);
    record["notes"].push_back(words);
  };
  if (model_.info.preprocessing.channels == 4 && request_.input_gradient)
    note("pictures of the gradient show that of the colours; alpha's is the fourth channel of the npy");
  Probe probe(replays_, std::move(fitted.x), request_.layers, request_.input_gradient, request_.tails);
  const ClassScores scores = class_scores(probe.scores().values(), model_.scores);
  const std::vector<std::int64_t> classes = classes_of(scores);
  const std::vector<fs::path> files = files_of(source, classes);
  check_files(files);
  const std::set<fs::path> kept = kept_of(files, classes);
  if (kept.size() == files.size()) return std::nullopt;
  make_folder(request_.folder / source.folder);

  record["predictions"] = predictions_json(model_, scores, scores.best(kPredictions));
  Work work{source, kept, image, fitted.placement, scores, record};
  Json results = Json::array();
  std::optional<Panel> panel;
  const PanelSubject subject{model_,
                             image,
                             fitted.placement,
                             scores,
                             request_.question.preset,
                             request_.question.target.direction,
                             request_.chosen_layers.front()};
  if (request_.formats.panel && !kept.contains(panel_file(source))) panel = empty_panel(subject);
  for (const std::int64_t index : classes) {
    const auto answer_of = [&](const Look& look) { return answer(probe, index, look, source, console); };
    const double target = probe.values(question(index, {}).target).front();
    for (const Look& look : request_.looks)
      results.push_back(result_json(work, index, look, answer_of(look), target));
    if (!panel) continue;
    // Guided Backprop is a factor here, which a counterfactual has, too.
    const Tensor& guided =
        probe.gradient(model_.network.input(), question(index, {}).target, BackwardRule::guided);
    const Result product = answer_of({&find_method("guided-grad-cam"), subject.layer});
    panel->rows.push_back(panel_row(subject, index, *product.map,
                                    to_rgb_order(guided.clone(), model_.info.preprocessing),
                                    product.gradient));
    if (can_label(model_.labels.at(static_cast<std::size_t>(index)))) continue;
    note(text("the panel names class ", index, " by its index: its font cannot write the name"));
  }
  record["results"] = std::move(results);
  if (panel) {
    Json facts = header_;
    facts["image"] = record;
    write_picture(panel_file(source).string(), draw_panel(*panel), facts);
  }
  const auto name_file = [&](const char* member, const fs::path& path) {
    record["files"][member] = path.string();
    if (kept.contains(path)) record["kept"].push_back(member);
  };
  if (request_.formats.panel || request_.formats.json) record["kept"] = Json::array();
  if (request_.formats.panel) name_file("panel", panel_file(source));
  if (request_.formats.json) name_file("json", json_file(source));
  if (request_.formats.json && !kept.contains(json_file(source))) {
    Json json = header_;
    json["images"] = Json::array({record});
    json["errors"] = Json::array();
    write_text(json_file(source), dump(json));
  }
  return record;
}

}  // namespace backlight::tools
