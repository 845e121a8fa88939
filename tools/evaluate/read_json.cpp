// COCO's JSON, and that of drawn scenes.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "tools/backlight/names.hpp"
#include "tools/evaluate/readers.hpp"

namespace backlight::tools {
namespace {

namespace fs = std::filesystem;
using AnyJson = nlohmann::json;

/// fn(), whose errors of JSON become Error(bad_input).
template <class Fn>
auto with_json(Fn&& fn) {
  try {
    return fn();
  } catch (const AnyJson::exception& error) {
    throw Error(ErrorKind::bad_input, "is not as expected: ", error.what());
  }
}

AnnotatedPicture scene_of(const fs::path& file) {
  return with_json([&] {
    const AnyJson json = AnyJson::parse(read_text_file(file));
    if (json.at("schema") != "backlight.scene") throw Error(ErrorKind::bad_input, "is of no drawn scene");
    AnnotatedPicture picture{file.stem().string(), {}};
    const auto size = json.at("size").get<double>();
    picture.size = size_of(size, size);
    for (const AnyJson& object : json.at("objects")) {
      const AnyJson& box = object.at("box");
      picture.objects.push_back(
          {object.at("class").at("name").get<std::string>(),
           box_of(BoxNumbers::edges, box.at("x0"), box.at("y0"), box.at("x1"), box.at("y1"))});
    }
    return picture;
  });
}

std::shared_ptr<const MaskCode> mask_of(const AnyJson& segmentation) {
  MaskCode mask;
  if (segmentation.is_array())
    mask.polygons = segmentation.get<std::vector<std::vector<double>>>();
  else if (const AnyJson& counts = segmentation.at("counts"); counts.is_string())
    mask.runs = runs_of(counts.get<std::string>());
  else
    mask.runs = counts.get<std::vector<std::int64_t>>();
  return std::make_shared<MaskCode>(std::move(mask));
}

AnnotatedObject object_of(const AnyJson& annotation, const std::map<std::int64_t, std::string>& categories) {
  AnnotatedObject object;
  const auto category = annotation.at("category_id").get<std::int64_t>();
  if (!categories.contains(category))
    throw Error(ErrorKind::bad_input, "the category ", category, " is not listed");
  object.class_name = categories.at(category);
  object.crowd = annotation.value("iscrowd", 0) != 0;
  const AnyJson& box = annotation.at("bbox");
  object.box = box_of(BoxNumbers::xywh, box.at(0), box.at(1), box.at(2), box.at(3));
  if (annotation.contains("segmentation") && !annotation["segmentation"].empty())
    object.mask = mask_of(annotation["segmentation"]);
  return object;
}

}  // namespace

DataSet read_scenes(const fs::path& folder, const DataSetOptions& options) {
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder))
    if (lowered(entry.path().extension().string()) == ".json") files.push_back(entry.path());
  std::ranges::sort(files);
  Gathered gathered;
  for (const fs::path& file : files) try {
      AnnotatedPicture picture = scene_of(file);
      gathered.picture(picture.name) = std::move(picture);
    } catch (const Error& error) {
      gathered.wrong(file.filename().string(), error.what());
    }
  return gathered.finish("scenes", folder, picture_folders(options, {folder}));
}

DataSet read_coco(const fs::path& file, const DataSetOptions& options) {
  const std::string content = read_text_file(file);
  Gathered gathered;
  std::size_t without_objects = 0;
  try {
    with_json([&] {
      const AnyJson json = AnyJson::parse(content);
      std::map<std::int64_t, std::string> categories;
      std::map<std::int64_t, AnnotatedPicture> listed;  // those of nothing stay here
      std::set<std::string> names;
      for (const AnyJson& category : json.at("categories"))
        categories[category.at("id").get<std::int64_t>()] = category.at("name").get<std::string>();
      for (const AnyJson& image : json.at("images")) {
        std::string name = "a picture without a name";
        try {
          with_json([&] {
            AnnotatedPicture picture{name = image.at("file_name").get<std::string>(), {}};
            if (!names.insert(name).second) throw Error(ErrorKind::bad_input, "is listed twice");
            picture.size = size_of(image.at("width").get<double>(), image.at("height").get<double>());
            const auto id = image.at("id").get<std::int64_t>();
            const auto [at, added] = listed.emplace(id, std::move(picture));
            if (added) return;
            gathered.wrong(at->second.name, text("has the id ", id, ", which another picture has"));
            throw Error(ErrorKind::bad_input, "has the id ", id, ", which another picture has");
          });
        } catch (const Error& error) {
          gathered.wrong(name, error.what());
        }
      }
      for (const AnyJson& annotation : json.at("annotations")) {
        std::string name = "an annotation";
        try {
          with_json([&] {
            const auto id = annotation.at("image_id").get<std::int64_t>();
            const auto at = listed.find(id);
            name = at != listed.end() ? at->second.name : "picture " + std::to_string(id);
            if (at == listed.end()) throw Error(ErrorKind::bad_input, "is annotated, but not listed");
            AnnotatedPicture& picture = gathered.picture(name);
            picture.size = at->second.size;
            picture.objects.push_back(object_of(annotation, categories));
          });
        } catch (const Error& error) {
          gathered.wrong(name, error.what());
        }
      }
      without_objects = static_cast<std::size_t>(std::ranges::count_if(
          listed, [&](const auto& picture) { return !gathered.has(picture.second.name); }));
    });
  } catch (const Error& error) {
    throw Error(ErrorKind::bad_input, file.string(), ": ", error.what());
  }
  const fs::path folder = file.parent_path();
  DataSet set = gathered.finish("coco", file, picture_folders(options, {folder, folder / "images"}));
  set.without_objects = without_objects;
  return set;
}

}  // namespace backlight::tools
