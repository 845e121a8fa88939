#include "tools/study/pages.hpp"

#include <algorithm>

#include "engine/core/random.hpp"
#include "engine/image/resize.hpp"
#include "engine/image/write.hpp"
#include "models/scenes/scene.hpp"
#include "tools/backlight/html.hpp"
#include "tools/study/templates.hpp"
#include "weights/sha256.hpp"

namespace backlight::tools {
namespace {

/// What each kind of random choice is seeded by.
enum Purpose : std::uint64_t { kCodes = 100, kSides, kCheckScenes, kCheckOthers, kPracticeSides, kOrders };

std::string data_url(const Image& image) { return "data:image/png;base64," + base64(encode_png(image)); }

std::string digest_of(std::string_view text, std::size_t digits) {
  return sha256_hex(std::as_bytes(std::span(text))).substr(0, digits);
}

/// Grey noise, which shows nothing.
Image noise(int side, std::uint64_t seed) {
  Image image(side, side);
  for (std::size_t i = 0; i < image.rgb.size(); ++i)
    image.rgb[i] = static_cast<std::uint8_t>(random_bits(seed, i / 3) >> 56);
  return image;
}

/// Two things in this order, or the other way round.
template <class T>
Json in_order(bool swapped, const T& first, const T& second) {
  return swapped ? Json::array({second, first}) : Json::array({first, second});
}

class StudyMaker {
 public:
  StudyMaker(const StudyParts& parts, Console& console) : parts_(parts), console_(console) {
    for (const auto& network : parts.networks)
      side_ = std::max(side_, network->model().info.preprocessing.input_size);
    study_.kind = parts.kind;
    study_.lists.resize(count_conditions(parts.kind));
    study_.design["picture_side"] = side_;
  }

  Study make() {
    for (std::size_t i = 0; i < parts_.items.size(); ++i) {
      console_.progress(i + 1, parts_.items.size(), picture_of(parts_.items[i]).name);
      study_.categories.push_back(parts_.items[i].classes[network_of(i)]);
      add_item(i);
    }
    console_.end_progress();
    for (std::size_t c = 0; c < count_checks(parts_.items.size()); ++c) add_check(c);
    for (std::size_t p = 0; p < parts_.practice.size(); ++p) add_practice(p);
    return std::move(study_);
  }

 private:
  bool coin(Purpose purpose, std::uint64_t index) const {
    return random_bits(random_bits(parts_.seed, purpose), index) >> 63 != 0;
  }
  const StudyPicture& picture_of(const StudyCandidate& item) const { return parts_.pictures[item.picture]; }
  /// Of discrimination: networks take turns. Of trust the better one, by whose names classes are called.
  std::size_t network_of(std::size_t item) const {
    return parts_.kind == StudyKind::trust ? parts_.better : item % parts_.networks.size();
  }
  std::string name_of_class(const StudyCandidate& item, std::size_t network, std::size_t which) const {
    return parts_.networks[network]->name_of_class(item.classes[network][which]);
  }
  std::string new_code() { return item_code(random_bits(parts_.seed, kCodes), codes_++); }
  /// By class, then technique; of trust there is one class.
  std::vector<std::vector<std::string>> show(const StudyCandidate& item, std::size_t network) {
    const std::span classes(item.classes[network]);
    const bool two = parts_.kind == StudyKind::discrimination;
    std::vector<std::vector<std::string>> urls;
    for (const auto& of_class :
         parts_.networks[network]->show(picture_of(item).read(), classes.first(two ? 2 : 1), side_)) {
      urls.emplace_back();
      for (const Image& image : of_class) urls.back().push_back(data_url(image));
    }
    return urls;
  }

  void add(std::size_t list, Json shown, Json key) {
    const std::string code = new_code();
    shown["code"] = code;
    Json whole{{"code", code}, {"list", list}};
    whole.update(key);
    study_.lists[list].push_back({std::move(shown), std::move(whole)});
  }

  void add_item(std::size_t i) {
    const StudyCandidate& item = parts_.items[i];
    const std::size_t count = study_.lists.size(), network = network_of(i), worse = 1 - parts_.better;
    const auto shown = show(item, network);
    const auto beside = parts_.kind == StudyKind::trust ? show(item, worse) : shown;
    for (std::size_t list = 0; list < count; ++list) {
      const std::size_t condition = condition_of(i, list, count), technique = condition / 2,
                        side = condition % 2;
      Json key{{"item", i}, {"picture", picture_of(item).name}, {"check", false}};
      key["technique"] = techniques(parts_.kind)[technique].name;
      key["class"] = name_of_class(item, network, parts_.kind == StudyKind::trust ? 0 : side);
      if (parts_.kind == StudyKind::discrimination) {
        const std::string other = name_of_class(item, network, 1 - side);
        const bool swapped = coin(kSides, i * count + list);
        key["other"] = other;
        key["network"] = network;
        key["probability"] = item.probabilities[network][side];
        key["correct_side"] = swapped ? 2 : 1;
        add(list,
            {{"images", Json::array({shown[side][technique]})},
             {"labels", in_order(swapped, key["class"].get<std::string>(), other)}},
            key);
      } else {
        key["probability"] = item.probabilities[parts_.better][0];
        key["correct_side"] = side + 1;
        add(list,
            {{"images", in_order(side == 1, shown[0][technique], beside[0][technique])},
             {"said", key["class"]}},
            key);
      }
    }
  }

  /// A drawn object over its background: nobody who looks can be wrong about it.
  void add_check(std::size_t c) {
    const scenes::Scene scene = scenes::render_scene(random_bits(parts_.seed, kCheckScenes), c,
                                                     {.size = std::clamp(side_, 96, 1024)});
    const Image image = resize(scene.image, side_, side_);
    const int label = scene.objects.front().label;
    const int step =
        1 + static_cast<int>(random_bits(random_bits(parts_.seed, kCheckOthers), c) % (scenes::kClasses - 1));
    const std::string name(scenes::kClassNames.at(static_cast<std::size_t>(label)));
    const std::string other(
        scenes::kClassNames.at(static_cast<std::size_t>((label + step) % scenes::kClasses)));
    for (std::size_t list = 0; list < study_.lists.size(); ++list) {
      const bool swapped = coin(kSides, (parts_.items.size() + c) * study_.lists.size() + list);
      Json key{{"item", nullptr}, {"picture", "a drawn scene"}, {"check", true}, {"class", name}};
      key["correct_side"] = swapped ? 2 : 1;
      if (parts_.kind == StudyKind::discrimination)
        add(list, {{"images", Json::array({data_url(image)})}, {"labels", in_order(swapped, name, other)}},
            key);
      else
        add(list,
            {{"images",
              in_order(swapped, data_url(image), data_url(noise(side_, random_bits(parts_.seed, c))))},
             {"said", name}},
            key);
    }
  }

  /// With `accept`, the answers that are right, and `why`.
  void add_practice(std::size_t p) {
    const StudyCandidate& item = parts_.practice[p];
    const std::size_t best = techniques(parts_.kind).size() - 1, network = network_of(p);
    const bool swapped = coin(kPracticeSides, p);
    const auto shown = show(item, network);
    if (parts_.kind == StudyKind::discrimination) {
      const std::size_t which = coin(kPracticeSides, kPractice + p) ? 1 : 0;
      const std::string name = name_of_class(item, network, which);
      study_.practice.push_back({{"images", Json::array({shown[which][best]})},
                                 {"labels", in_order(swapped, name, name_of_class(item, network, 1 - which))},
                                 {"accept", Json::array({swapped ? 2 : 1})},
                                 {"why", "It shows what speaks for: " + name + "."}});
      return;
    }
    // One against noise, whose answer is plain; then one against itself.
    const std::string picture = shown[0][best], said = name_of_class(item, network, 0);
    const std::string nothing = data_url(noise(side_, random_bits(parts_.seed, kPracticeSides)));
    if (p == 0)
      study_.practice.push_back(
          {{"images", in_order(swapped, picture, nothing)},
           {"said", said},
           {"accept", swapped ? Json{1, 2} : Json{-1, -2}},
           {"why", "One of the two shows nothing but noise: that program cannot be relied on."}});
    else
      study_.practice.push_back(
          {{"images", Json::array({picture, picture})},
           {"said", said},
           {"accept", Json::array({0})},
           {"why", "Both are the same picture, so that neither program is more reliable."}});
  }

  const StudyParts& parts_;
  Console& console_;
  Study study_;
  std::uint64_t codes_ = 0;
  int side_ = 0;
};

}  // namespace

Study make_study(const StudyParts& parts, Console& console) { return StudyMaker(parts, console).make(); }

std::string study_page(StudyKind kind, Json& data) {
  Json values{{"discrimination", kind == StudyKind::discrimination},
              {"questions", data["trials"].size()},
              {"minutes", (data["trials"].size() * 7 + 59) / 60 + 2},
              {"block", data["trials"].size() > kBlock ? Json(kBlock) : Json()},
              {"style", study_css()},
              {"script", study_js()}};
  data["page_hash"] = "";
  values["data"] = script_json(data);
  data["page_hash"] = digest_of(render(study_html(), values), 16);
  values["data"] = script_json(data);
  return render(study_html(), values);
}

std::map<std::string, std::string> study_files(Study study, std::size_t participants, std::uint64_t seed) {
  const std::size_t lists = study.lists.size();
  Json items = Json::array();
  for (const auto& list : study.lists)
    for (const StudyTrial& trial : list) items.push_back(trial.key);
  study.design["participants"] = participants;
  study.design["lists"] = lists;
  const std::string name(name_of(study.kind));
  const std::string id = name + "-" + digest_of(dump(study.design) + dump(items), 10);
  study.design["study"] = id;

  std::map<std::string, std::string> files;
  Json pages = Json::array(), people = Json::array();
  std::size_t repeats = 0;
  for (std::size_t list = 0; list < lists; ++list) {
    Json data{{"study", id},
              {"schema_version", kSchemaVersion},
              {"kind", name},
              {"list", list},
              {"page_hash", ""},
              {"block", kBlock},
              {"orders", Json::object()},
              {"practice", study.practice},
              {"trials", Json::array()}};
    const std::vector<StudyTrial>& trials = study.lists[list];
    for (const StudyTrial& trial : trials) data["trials"].push_back(trial.shown);
    for (std::size_t participant = list == 0 ? lists : list; participant <= participants;
         participant += lists) {
      const std::vector<std::size_t> order = presentation_order(
          study.categories, trials.size() - study.categories.size(), random_bits(seed, kOrders), participant);
      repeats = std::max(repeats, count_repeats(study.categories, order));
      data["orders"][std::to_string(participant)] = order;
      Json codes = Json::array();
      for (const std::size_t trial : order) codes.push_back(trials[trial].key["code"]);
      people.push_back({{"participant", participant}, {"list", list}, {"order", std::move(codes)}});
    }
    const std::string file = text("pages/list-", list, ".html");
    files[file] = study_page(study.kind, data);
    pages.push_back({{"file", file}, {"list", list}, {"page_hash", data["page_hash"]}});
  }
  study.design["most_repeats"] = repeats;
  Json design = document("study_design");
  design.update(study.design);
  files["design.json"] = dump(design);
  Json key = document("study_key");
  key["study"] = id;
  key["design"] = study.design;
  key["pages"] = std::move(pages);
  key["people"] = std::move(people);
  key["items"] = std::move(items);
  files["key.json"] = dump(key);
  return files;
}

}  // namespace backlight::tools
