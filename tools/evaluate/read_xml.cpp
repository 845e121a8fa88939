// PASCAL VOC's XML, which is ILSVRC's, too.
#include <algorithm>
#include <array>
#include <pugixml.hpp>

#include "models/labels/label_file.hpp"
#include "tools/backlight/names.hpp"
#include "tools/evaluate/readers.hpp"

namespace backlight::tools {
namespace {

namespace fs = std::filesystem;

double child_number(const pugi::xml_node& node, const char* name) {
  const pugi::xml_node child = node.child(name);
  if (!child) throw Error(ErrorKind::bad_input, "<", node.name(), "> has no <", name, ">");
  const std::string_view text = child.text().get();
  const std::size_t begin = text.find_first_not_of(" \t\r\n"), end = text.find_last_not_of(" \t\r\n");
  return number_of(begin == std::string_view::npos ? "" : text.substr(begin, end - begin + 1));
}

/// Throws Error(bad_input) for what is no annotation.
AnnotatedPicture picture_of(const fs::path& file, const DataSetOptions& options) {
  const std::string text = read_text_file(file);
  pugi::xml_document document;
  if (const pugi::xml_parse_result parsed = document.load_buffer(text.data(), text.size()); !parsed)
    throw Error(ErrorKind::bad_input, "is no XML: ", parsed.description(), " at byte ", parsed.offset);
  const pugi::xml_node annotation = document.child("annotation");
  if (!annotation) throw Error(ErrorKind::bad_input, "is no annotation: its root is not <annotation>");
  AnnotatedPicture picture;
  picture.name = annotation.child("filename").text().get();
  if (picture.name.empty()) picture.name = file.stem().string();
  if (const pugi::xml_node size = annotation.child("size")) {
    const std::pair stored = size_of(child_number(size, "width"), child_number(size, "height"));
    if (stored.first != 0 || stored.second != 0) picture.size = stored;  // some tools write 0 for unknown
  }
  for (const pugi::xml_node node : annotation.children("object")) {
    AnnotatedObject& object = picture.objects.emplace_back();
    object.class_name = node.child("name").text().get();
    object.difficult = node.child("difficult").text().as_int() != 0;
    const pugi::xml_node box = node.child("bndbox");
    if (!box) throw Error(ErrorKind::bad_input, "an <object> has no <bndbox>");
    const BoxNumbers meaning =
        options.boxes.value_or(is_wordnet_id(object.class_name) ? BoxNumbers::inclusive : BoxNumbers::voc);
    const std::array numbers{child_number(box, "xmin"), child_number(box, "ymin"), child_number(box, "xmax"),
                             child_number(box, "ymax")};
    object.box = box_of(meaning, numbers[0], numbers[1], numbers[2], numbers[3]);
  }
  return picture;
}

}  // namespace

DataSet read_xml_folder(const fs::path& folder, const DataSetOptions& options) {
  std::error_code none;
  const bool has_folder = fs::is_directory(folder / "Annotations", none);
  const fs::path root = has_folder ? folder : folder.parent_path();
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry :
       fs::directory_iterator(has_folder ? folder / "Annotations" : folder))
    if (lowered(entry.path().extension().string()) == ".xml") files.push_back(entry.path());
  std::ranges::sort(files);
  Gathered gathered;
  for (const fs::path& file : files) try {
      AnnotatedPicture picture = picture_of(file, options);
      if (gathered.has(picture.name))
        throw Error(ErrorKind::bad_input, "is of ", picture.name, ", which another file is of");
      gathered.picture(picture.name) = std::move(picture);
    } catch (const Error& error) {
      gathered.wrong(file.filename().string(), error.what());
    }
  return gathered.finish("voc-xml", folder,
                         picture_folders(options, {root / "JPEGImages", root / "images", folder, root}));
}

}  // namespace backlight::tools
