#include "tools/backlight/language_picture.hpp"

#include "engine/image/write.hpp"
#include "kernels/overlay/overlay.hpp"
#include "kernels/saliency/saliency.hpp"
#include "tools/backlight/outputs.hpp"
#include "weights/load.hpp"

namespace backlight::tools {

namespace fs = std::filesystem;

LanguagePictures::LanguagePictures(const language::LanguageModel& model, Context& context,
                                   const LanguageMaps& maps, Optimisations optimise, Json header,
                                   Inputs inputs)
    : model_(model),
      context_(context),
      maps_(maps),
      header_(std::move(header)),
      inputs_(std::move(inputs)),
      programs_(model.cnn, optimise) {}

SeenPicture LanguagePictures::see(const PictureSource& source, Console& console) {
  Image image = source.read(maps_.exif, model_.preprocessing.alpha(), console);
  Fitted fitted = preprocess(image, model_.preprocessing, maps_.fit);
  Json record = image_json(source, image, fitted);
  const TensorType type{fitted.x.dtype(), fitted.x.shape()};
  ProgramOptions asked{.outputs = {model_.cnn.output()}};
  if (maps_.guided) asked.gradients_at = {model_.cnn.input()};
  Run cnn(programs_.get(context_, {&type, 1}, std::move(asked)), context_, tensors(std::move(fitted.x)));
  require_finite("the map that the head reads", context_.to_host(cnn.output()));
  return {std::move(image), fitted.placement, std::move(cnn), std::move(record)};
}

/// The guided gradient goes on in the CNN from the one at its map; of a counterfactual it is that of the negative.
Tensor LanguagePictures::guided(language::HeadExplanation& head, SeenPicture& picture,
                                const language::HeadTarget& target, const Tensor& map) const {
  const NodeId input = model_.cnn.input();
  const Gradients gradients =
      picture.cnn.backward(Seed{model_.cnn.output(), head.gradient(target, BackwardRule::guided)},
                           {.rule = BackwardRule::guided, .wrt = {input}});
  Tensor gradient = to_rgb_order(context_.to_host(gradients.nodes.at(input)), model_.preprocessing);
  const Shape shape = gradient.shape();
  Tensor product =
      guided_product(std::move(gradient).reshaped({shape[1], shape[2], shape[3]}), map, maps_.preset);
  require_finite("Guided Grad-CAM", product);
  return product;
}

std::vector<NamedMap> LanguagePictures::explain(language::HeadExplanation& head, SeenPicture& picture,
                                                std::span<const AskedMap> asked) const {
  std::vector<language::HeadTarget> targets;
  for (const AskedMap& one : asked) targets.push_back({one.said, one.log_probability, maps_.direction});
  std::vector<ClassMap> maps = head.maps(targets, maps_.how);
  std::vector<NamedMap> named;
  for (std::size_t i = 0; i < maps.size(); ++i) {
    Json facts = asked[i].facts;
    facts["scalar"] = asked[i].log_probability ? "logprob" : "logit";
    facts["path"] = maps_.how.steps;
    facts["elementwise"] = maps_.how.elementwise;
    facts["counterfactual"] = maps_.direction == Direction::counterfactual;
    facts["target_value"] = head.value(targets[i]);
    Tensor product = maps_.guided ? guided(head, picture, targets[i], maps[i].map) : Tensor();
    named.push_back({asked[i].name, std::move(facts), std::move(maps[i]), std::move(product)});
  }
  return named;
}

fs::path LanguagePictures::file(const PictureSource& source, const std::string& name, std::string_view kind,
                                std::string_view extension) const {
  return maps_.folder / source.folder / text(source.stem, "_", name, maps_.choices, "_", kind, extension);
}

void LanguagePictures::check_free(const PictureSource& source, const std::string& subject,
                                  std::span<const std::string> names) const {
  std::vector<fs::path> files;
  for (const std::string& name : names) {
    const char* const picture = maps_.formats.picture_extension();
    if (maps_.formats.overlay) files.push_back(file(source, name, "overlay", picture));
    if (maps_.formats.heatmap) files.push_back(file(source, name, "heatmap", picture));
    if (maps_.formats.npy) files.push_back(file(source, name, "map", ".npy"));
    if (!maps_.guided) continue;
    if (maps_.formats.overlay) files.push_back(file(source, name, "guided-grad-cam_overlay", picture));
    if (maps_.formats.heatmap) files.push_back(file(source, name, "guided-grad-cam_heatmap", picture));
    if (maps_.formats.npy) files.push_back(file(source, name, "guided-grad-cam_gradient", ".npy"));
  }
  if (maps_.formats.json && !names.empty()) files.push_back(file(source, subject, "results", ".json"));
  for (const fs::path& file : files) {
    inputs_.keep_from(file);
    if (!maps_.force) require_free(file, "--force overwrites results, --out chooses another folder");
  }
}

Json LanguagePictures::write_map(const PictureSource& source, const SeenPicture& picture,
                                 const NamedMap& named) const {
  const Tensor& map = named.map.map;
  require_finite("the map", map);
  Json json = named.facts;
  json["alpha_count"] = named.map.alpha.defined() ? Json(named.map.alpha.numel()) : Json();
  json["positive_evidence"] = has_positive_evidence(map);
  json["map"] = range_json(map);
  const std::optional<Box> box = locate(map, picture.placement, maps_.preset);
  json["box"] = box ? box_json(*box) : Json();
  json["guided_grad_cam"] = named.guided.defined() ? range_json(named.guided) : Json();
  Json facts = header_;
  facts["image"] = picture.record;
  facts["result"] = json;
  json["files"] = Json::object();
  const auto take = [&](const char* format, const char* kind, const char* extension) {
    const std::string path = file(source, named.name, kind, extension).string();
    json["files"][format] = path;
    return path;
  };
  const auto write = [&](const char* format, const char* kind, const Image& image) {
    write_picture(take(format, kind, maps_.formats.picture_extension()), image, facts, maps_.formats,
                  context_);
  };
  const Formats& formats = maps_.formats;
  const Preset preset = maps_.preset;
  if (formats.overlay) write("overlay", "overlay", overlay(picture.image, map, picture.placement, preset));
  if (formats.heatmap) write("heatmap", "heatmap", heatmap(map, picture.placement, preset));
  if (formats.npy) write_npy(take("npy", "map", ".npy"), map);
  if (!named.guided.defined()) return json;
  const Image product = saliency(named.guided, preset);
  if (formats.overlay)
    write("guided_overlay", "guided-grad-cam_overlay", place_on_source(product, picture.placement));
  if (formats.heatmap) write("guided_heatmap", "guided-grad-cam_heatmap", product);
  if (formats.npy) write_npy(take("guided_npy", "guided-grad-cam_gradient", ".npy"), named.guided);
  return json;
}

void LanguagePictures::write(const PictureSource& source, const std::string& subject, SeenPicture& picture,
                             std::span<const NamedMap> maps) const {
  std::vector<std::string> names;
  for (const NamedMap& map : maps) names.push_back(map.name);
  check_free(source, subject, names);
  Json entries = Json::array();
  if (!maps.empty()) make_folder(maps_.folder / source.folder);
  for (const NamedMap& map : maps) entries.push_back(write_map(source, picture, map));
  Json& record = picture.record;
  record["maps"] = std::move(entries);
  record["files"] = Json::object();
  if (!maps_.formats.json || maps.empty()) return;
  const fs::path path = file(source, subject, "results", ".json");
  record["files"]["json"] = path.string();
  Json document = header_;
  document["images"] = Json::array({record});
  document["errors"] = Json::array();
  write_text(path, dump(document));
}

std::string maps_text(const Json& record) {
  std::string out;
  const auto add_files = [&](const Json& files, const char* indent) {
    for (const auto& [kind, file] : files.items()) out += indent + printable(file.get<std::string>()) + "\n";
  };
  for (const Json& map : record["maps"]) {
    out += "  " + map["of"].get<std::string>();
    if (map.contains("position")) out += " " + map["position"].dump();
    if (map.contains("word")) out += " " + printable(map["word"].get<std::string>());
    if (map.contains("name")) out += " " + printable(map["name"].get<std::string>());
    if (map.contains("level")) out += " of the " + map["level"].get<std::string>() + " level";
    if (map.value("counterfactual", false)) out += ", counterfactual";
    if (map["positive_evidence"] == false) out += ": no positive evidence";
    out += "\n";
    add_files(map["files"], "    ");
  }
  add_files(record["files"], "  ");
  return out;
}

}  // namespace backlight::tools
