#include "tools/backlight/language_picture.hpp"

#include <array>
#include <cmath>

#include "engine/core/rows.hpp"
#include "engine/evaluate/pointing.hpp"
#include "engine/image/write.hpp"
#include "kernels/saliency/saliency.hpp"
#include "tools/backlight/existing.hpp"
#include "tools/backlight/language_panel.hpp"
#include "tools/backlight/names.hpp"
#include "tools/backlight/outputs.hpp"
#include "weights/load.hpp"

namespace backlight::tools {

namespace fs = std::filesystem;

namespace {

/// What tells a map from the others of its picture.
Json identity(const Json& map) {
  Json parts = Json::array();
  for (const char* member : {"of", "position", "index", "level", "text", "region", "layer"})
    parts.push_back(map.contains(member) ? map[member] : Json());
  return parts;
}

/// How much stronger each kind of map is in its region than outside; null where all lies inside.
Json inside_outside_json(const NamedMap& map, const Placement& placement, Preset preset) {
  const PixelSet region = seen_by_input(
      PixelSet::of(placement.source_width, placement.source_height, {&*map.asked.region, 1}), placement);
  const auto ratio = [&](const Tensor& values) {
    const double value = inside_outside(values, region);
    return std::isfinite(value) ? number(value) : Json();
  };
  const Tensor shown = enlarged_evidence(map.map.map, preset, placement.input_height, placement.input_width);
  return {{"grad_cam", ratio(shown)},
          {"guided_backprop", ratio(map.backprop)},
          {"guided_grad_cam", ratio(map.guided)}};
}

}  // namespace

LanguagePictures::LanguagePictures(const language::LanguageModel& model, Context& context,
                                   const LanguageMaps& maps, Optimisations optimise, Json header,
                                   Inputs inputs)
    : model_(model),
      context_(context),
      maps_(maps),
      layers_(layers_of(model, maps)),
      header_(std::move(header)),
      inputs_(std::move(inputs)),
      programs_(model.cnn, optimise) {
  if (maps.layers.empty()) return;
  for (const NodeId layer : layers_)
    layers_name_ += (layers_name_.empty() ? "" : "+") + model.cnn.node(layer).name;
  layers_name_ = "_" + file_safe(layers_name_, kLongestName, "+");
}

SeenPicture LanguagePictures::see(const PictureSource& source, Console& console) {
  Image image = source.read(maps_.exif, model_.preprocessing.alpha(), console);
  Fitted fitted = preprocess(image, model_.preprocessing, fit_of(model_, maps_));
  Json record = image_json(source, image, fitted);
  const TensorType type{fitted.x.dtype(), fitted.x.shape()};
  const NodeId output = model_.cnn.output();
  ProgramOptions asked{.outputs = {output}, .keep = layers_};
  for (const NodeId layer : layers_)
    if (layer != output) asked.gradients_at.push_back(layer);
  if (maps_.guided) asked.gradients_at.push_back(model_.cnn.input());
  Run cnn(programs_.get(context_, {&type, 1}, std::move(asked)), context_, tensors(std::move(fitted.x)));
  require_finite("the map that the head reads", context_.to_host(cnn.output()));
  return {std::move(image), fitted.placement, std::move(cnn), std::move(record)};
}

std::vector<AskedMap> LanguagePictures::at_layers(std::span<const AskedMap> asked) const {
  std::vector<AskedMap> maps;
  for (const AskedMap& one : asked)
    for (const NodeId layer : one.said.empty() ? std::span(layers_).first(1) : std::span(layers_)) {
      AskedMap& map = maps.emplace_back(one);
      if (one.said.empty()) continue;
      const std::string& name = model_.cnn.node(layer).name;
      if (!maps_.layers.empty()) map.name += "_" + file_safe(name);
      map.facts["layer"] = name;
    }
  return maps;
}

std::vector<NamedMap> LanguagePictures::explain(language::HeadExplanation& head, SeenPicture& picture,
                                                std::span<const AskedMap> asked) const {
  if (asked.empty()) return {};
  std::vector<language::HeadTarget> targets;
  for (const AskedMap& one : asked) targets.push_back({one.said, one.log_probability, maps_.direction});
  const Tensor at_map = head.gradients(targets, maps_.how.steps);
  const NodeId output = model_.cnn.output();
  std::vector<NodeId> inner = layers_;
  std::erase(inner, output);
  std::vector<NamedMap> named;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    // From the head's map its gradient goes on in the CNN to the layers before it.
    Gradients gradients;
    gradients.nodes[output] = rows_of(at_map, std::array{static_cast<std::int64_t>(i)});
    if (!inner.empty())
      gradients.nodes.merge(
          picture.cnn.backward(Seed{output, gradients.nodes[output].clone()}, {.wrt = inner}).nodes);
    Tensor backprop;
    if (maps_.guided) {
      Tensor gradient =
          to_rgb_order(language::guided_backprop(head, picture.cnn, targets[i]), model_.preprocessing);
      const Shape shape = gradient.shape();
      backprop = std::move(gradient).reshaped({shape[1], shape[2], shape[3]});
      require_finite("Guided Backprop", backprop);
    }
    for (AskedMap& at_layer : at_layers({&asked[i], 1})) {
      const NodeId layer = model_.cnn.find(at_layer.facts["layer"].get<std::string>());
      std::vector<ClassMap> map =
          language::gradient_maps(context_.to_host(picture.cnn.value(layer)),
                                  context_.to_host(gradients.nodes.at(layer)), maps_.how.elementwise);
      NamedMap& made = named.emplace_back(NamedMap{std::move(at_layer), std::move(map.front()), {}, {}});
      require_finite("the map", made.map.map);
      Json& facts = made.asked.facts;
      facts["scalar"] = asked[i].log_probability ? "logprob" : "logit";
      facts["path"] = maps_.how.steps;
      facts["elementwise"] = maps_.how.elementwise;
      facts["counterfactual"] = maps_.direction == Direction::counterfactual;
      facts["target_value"] = head.value(targets[i]);
      if (maps_.guided) {
        made.backprop = backprop.clone();
        made.guided = guided_product(backprop, made.map.map, maps_.preset);
        require_finite("Guided Grad-CAM", made.guided);
      }
      if (made.asked.region)
        facts["inside_outside"] = inside_outside_json(made, picture.placement, maps_.preset);
    }
  }
  return named;
}

fs::path LanguagePictures::file(const PictureSource& source, const std::string& name, std::string_view kind,
                                std::string_view extension) const {
  return maps_.folder / source.folder / text(source.stem, "_", name, maps_.choices, "_", kind, extension);
}

fs::path LanguagePictures::panel_file(const PictureSource& source, const std::string& subject) const {
  return file(source, subject + layers_name_, "panel", maps_.formats.picture_extension());
}

fs::path LanguagePictures::json_file(const PictureSource& source, const std::string& subject) const {
  return file(source, subject + layers_name_, "results", ".json");
}

LanguagePictures::Files LanguagePictures::files_of(const PictureSource& source, const std::string& subject,
                                                   std::span<const AskedMap> maps) const {
  Files files;
  if (maps.empty()) return files;
  const char* const picture = maps_.formats.picture_extension();
  for (const AskedMap& map : maps) {
    if (maps_.formats.overlay) files.insert(file(source, map.name, "overlay", picture));
    if (maps_.formats.heatmap) files.insert(file(source, map.name, "heatmap", picture));
    if (maps_.formats.npy) files.insert(file(source, map.name, "map", ".npy"));
    if (!maps_.guided || map.said.empty()) continue;
    if (maps_.formats.overlay) files.insert(file(source, map.name, "guided-grad-cam_overlay", picture));
    if (maps_.formats.heatmap) files.insert(file(source, map.name, "guided-grad-cam_heatmap", picture));
    if (maps_.formats.npy) files.insert(file(source, map.name, "guided-grad-cam_gradient", ".npy"));
  }
  if (maps_.formats.panel) files.insert(panel_file(source, subject));
  if (maps_.formats.json) files.insert(json_file(source, subject));
  return files;
}

void LanguagePictures::check_files(const Files& files) const {
  for (const fs::path& file : files) {
    inputs_.keep_from(file);
    if (!maps_.force && !maps_.skip_existing)
      require_free(file,
                   "--force overwrites results, --skip-existing keeps them, --out chooses another folder");
  }
}

void LanguagePictures::check_free(const PictureSource& source, const std::string& subject,
                                  std::span<const AskedMap> asked) const {
  check_files(files_of(source, subject, at_layers(asked)));
}

LanguagePictures::Files LanguagePictures::kept_of(const Files& files, std::span<const AskedMap> maps) const {
  Files kept;
  if (!maps_.skip_existing) return kept;
  Json identities = Json::array();
  for (const AskedMap& map : maps) identities.push_back(identity(map.facts));
  for (const fs::path& file : files) {
    if (!is_there(file)) continue;
    const Json facts = facts_of(file);
    require_same(file, facts, header_,
                 {"/model/weights_sha256", "/model/cnn_weights_sha256", "/preprocessing", "/preset",
                  "/scalar", "/path", "/elementwise", "/counterfactual", "/precision"});
    for (const char* list : {"/image/maps", "/images/0/maps"}) {
      Json there = Json::array();
      for (const Json& map : part_of(facts, list)) there.push_back(identity(map));
      require_same(file, "its maps are", there, identities);
    }
    kept.insert(file);
  }
  return kept;
}

bool LanguagePictures::is_done(const PictureSource& source, const std::string& subject,
                               std::span<const AskedMap> asked) const {
  const std::vector<AskedMap> maps = at_layers(asked);
  const Files files = files_of(source, subject, maps);
  return !files.empty() && kept_of(files, maps) == files;
}

Json LanguagePictures::write_map(const PictureSource& source, const SeenPicture& picture,
                                 const NamedMap& named, const Files& kept) const {
  const Tensor& map = named.map.map;
  const Preset preset = maps_.preset;
  Json json = named.asked.facts;
  json["alpha_count"] = named.map.alpha.defined() ? Json(named.map.alpha.numel()) : Json();
  json["positive_evidence"] = has_positive_evidence(map);
  json["map"] = range_json(map);
  const std::optional<Box> box = locate(map, picture.placement, preset);
  json["box"] = box ? box_json(*box) : Json();
  json["guided_grad_cam"] = named.guided.defined() ? range_json(named.guided) : Json();
  Json facts = header_;
  facts["image"] = picture.record;
  facts["result"] = json;
  json["files"] = Json::object();
  json["kept"] = Json::array();
  const auto take = [&](const char* member, const char* kind, const char* extension, const auto& write) {
    const fs::path path = file(source, named.asked.name, kind, extension);
    json["files"][member] = path.string();
    if (kept.contains(path))
      json["kept"].push_back(member);
    else
      write(path.string());
  };
  const auto take_picture = [&](const char* member, const char* kind, const auto& draw) {
    take(member, kind, maps_.formats.picture_extension(),
         [&](const std::string& path) { write_picture(path, draw(), facts, maps_.formats, context_); });
  };
  const Formats& formats = maps_.formats;
  if (formats.overlay) take_picture("overlay", "overlay", [&] { return overlay_of(picture, named, preset); });
  if (formats.heatmap)
    take_picture("heatmap", "heatmap", [&] { return heatmap(map, picture.placement, preset); });
  if (formats.npy) take("npy", "map", ".npy", [&](const std::string& path) { write_npy(path, map); });
  if (!named.guided.defined()) return json;
  if (formats.overlay)
    take_picture("guided_overlay", "guided-grad-cam_overlay",
                 [&] { return saliency_of(picture, named, named.guided, preset); });
  if (formats.heatmap)
    take_picture("guided_heatmap", "guided-grad-cam_heatmap", [&] { return saliency(named.guided, preset); });
  if (formats.npy)
    take("guided_npy", "guided-grad-cam_gradient", ".npy",
         [&](const std::string& path) { write_npy(path, named.guided); });
  return json;
}

void LanguagePictures::write(const PictureSource& source, const std::string& subject, const std::string& said,
                             SeenPicture& picture, std::span<const NamedMap> maps) const {
  Json& record = picture.record;
  record["maps"] = Json::array();
  record["files"] = Json::object();
  record["kept"] = Json::array();
  if (maps.empty()) return;
  std::vector<AskedMap> asked;
  for (const NamedMap& map : maps) asked.push_back(map.asked);
  const Files files = files_of(source, subject, asked);
  check_files(files);
  const Files kept = kept_of(files, asked);
  make_folder(maps_.folder / source.folder);
  Json entries = Json::array();
  for (const NamedMap& map : maps) entries.push_back(write_map(source, picture, map, kept));
  record["maps"] = std::move(entries);
  const auto take = [&](const char* member, const fs::path& path, const auto& write) {
    record["files"][member] = path.string();
    if (kept.contains(path))
      record["kept"].push_back(member);
    else
      write(path.string());
  };
  if (maps_.formats.panel)
    take("panel", panel_file(source, subject), [&](const std::string& path) {
      Json facts = header_;
      facts["image"] = record;
      write_picture(path, draw_panel(language_panel({model_, maps_, picture, said}, maps)), facts,
                    maps_.formats, context_);
    });
  if (maps_.formats.json)
    take("json", json_file(source, subject), [&](const std::string& path) {
      Json document = header_;
      document["images"] = Json::array({record});
      document["errors"] = Json::array();
      write_text(path, dump(document));
    });
}

std::string maps_text(const Json& record) {
  std::string out;
  for (const Json& map : record["maps"]) {
    out += "  " + map["of"].get<std::string>();
    if (map.contains("position")) out += " " + map["position"].dump();
    if (map.contains("word")) out += " " + printable(map["word"].get<std::string>());
    if (map.contains("name")) out += " " + printable(map["name"].get<std::string>());
    if (map.contains("level")) out += " of the " + map["level"].get<std::string>() + " level";
    if (map.contains("text")) out += " " + printable(map["text"].get<std::string>());
    if (map.contains("layer")) out += " at " + map["layer"].get<std::string>();
    if (map.value("counterfactual", false)) out += ", counterfactual";
    if (map["positive_evidence"] == false) out += ": no positive evidence";
    out += "\n";
    out += files_text(map, "    ");
  }
  return out + files_text(record, "  ");
}

}  // namespace backlight::tools
