#include "tools/evaluate/annotations.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <fstream>

#include "engine/core/random.hpp"
#include "tools/backlight/common.hpp"
#include "tools/backlight/folder.hpp"
#include "tools/backlight/names.hpp"
#include "tools/evaluate/readers.hpp"

namespace backlight::tools {
namespace {

namespace fs = std::filesystem;

constexpr std::array<std::pair<std::string_view, BoxNumbers>, 4> kBoxNumbers{
    {{"inclusive", BoxNumbers::inclusive},
     {"edges", BoxNumbers::edges},
     {"xywh", BoxNumbers::xywh},
     {"voc", BoxNumbers::voc}}};

/// The picture of this name in one of the folders; empty where there is none.
fs::path find_picture(const std::string& name, const std::vector<fs::path>& folders) {
  constexpr std::array<const char*, 10> kExtensions{"",     ".JPEG", ".jpg", ".jpeg", ".JPG",
                                                    ".png", ".bmp",  ".gif", ".webp", ".tif"};
  std::error_code none;
  for (const fs::path& folder : folders)
    for (const char* extension : kExtensions)
      if (const fs::path file = folder / (name + extension); fs::is_regular_file(file, none)) return file;
  return {};
}

/// Where the files of a picture's masks are; the name of one that is in no folder, otherwise nothing.
std::string find_masks(AnnotatedPicture& picture, const std::vector<fs::path>& folders) {
  std::vector<fs::path*> masks{&picture.ignored};
  for (AnnotatedObject& object : picture.objects) masks.push_back(&object.mask_file);
  for (fs::path* mask : masks) {
    if (mask->empty()) continue;
    const fs::path file = find_picture(mask->string(), folders);
    if (file.empty()) return mask->string();
    *mask = file;
  }
  return {};
}

DataSet read_class_folders(const fs::path& folder) {
  FolderListing listing = list_folder(folder, /*recursive=*/true);
  DataSet set{"class-folders"};
  for (const auto& [path, below] : listing.pictures) {
    const std::string name = (below / path.filename()).generic_string();
    if (below.empty())
      set.problems.push_back({name, "lies in no folder that names its class"});
    else
      set.pictures.push_back({name, path, {{below.begin()->string()}}});
  }
  for (const auto& [path, why] : listing.unreadable) set.problems.push_back({path.string(), why});
  return set;
}

bool holds(const fs::path& folder, const char* extension) {
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    if (lowered(it->path().extension().string()) == extension) return true;
  return false;
}

/// A box of the stored picture on that which EXIF's orientation makes of it.
Box turned(Box box, int orientation, double width, double height) {
  const bool mirror_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool mirror_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  if (mirror_x) box = {width - box.x1, box.y0, width - box.x0, box.y1};
  if (mirror_y) box = {box.x0, height - box.y1, box.x1, height - box.y0};
  return orientation >= 5 ? Box{box.y0, box.x0, box.y1, box.x1} : box;
}

std::vector<std::uint8_t> turned(const std::vector<std::uint8_t>& mask, int orientation, int width,
                                 int height) {
  Image picture(width, height);
  for (std::size_t i = 0; i < mask.size(); ++i) picture.rgb[3 * i] = mask[i];
  picture = apply_orientation(std::move(picture), orientation);
  std::vector<std::uint8_t> upright(mask.size());
  for (std::size_t i = 0; i < mask.size(); ++i) upright[i] = picture.rgb[3 * i];
  return upright;
}

/// A mask's file, on a picture of this size: each pixel as OpenCV's INTER_NEAREST takes it.
std::vector<std::uint8_t> read_mask(const fs::path& file, int width, int height) {
  const Image mask = read_image(file.string(), ExifOrientation::ignore);
  std::vector<std::uint8_t> pixels;
  pixels.reserve(static_cast<std::size_t>(width) * static_cast<std::size_t>(height));
  for (std::int64_t y = 0; y < height; ++y)
    for (std::int64_t x = 0; x < width; ++x) {
      const std::uint8_t* rgb =
          mask.at(static_cast<int>(x * mask.width / width), static_cast<int>(y * mask.height / height));
      pixels.push_back(std::max({rgb[0], rgb[1], rgb[2]}) > 0);
    }
  return pixels;
}

/// How a picture was stored, before EXIF turned it.
struct Stored {
  int orientation, width, height;

  explicit Stored(const Image& image)
      : orientation(image.provenance.orientation_applied ? image.provenance.exif_orientation : 1),
        width(orientation >= 5 ? image.height : image.width),
        height(orientation >= 5 ? image.width : image.height) {}
};

/// Cut at the edges of a picture of this size.
Box cut_to(const Box& box, double width, double height) {
  if (!(box.x0 > -1 && box.y0 > -1 && box.x1 < width + 1 && box.y1 < height + 1))
    throw Error(ErrorKind::bad_input, "a box from ", box.x0, ", ", box.y0, " to ", box.x1, ", ", box.y1,
                " reaches out of the picture, which is ", width, "×", height);
  return {std::max(box.x0, 0.0), std::max(box.y0, 0.0), std::min(box.x1, width), std::min(box.y1, height)};
}

}  // namespace

BoxNumbers parse_box_numbers(std::string_view name) {
  return parse_choice("meaning of a box's numbers", name, kBoxNumbers);
}

Box box_of(BoxNumbers meaning, double a, double b, double c, double d) {
  Box box{a, b, c, d};
  if (meaning == BoxNumbers::xywh) box.x1 += a, box.y1 += b;
  if (meaning == BoxNumbers::inclusive) ++box.x1, ++box.y1;
  if (meaning == BoxNumbers::voc) --box.x0, --box.y0;
  // Comparisons that NaN fails, and infinities.
  if (!(box.x1 - box.x0 > 0 && box.y1 - box.y0 > 0 && std::isfinite(box.x1 - box.x0) &&
        std::isfinite(box.y1 - box.y0)))
    throw Error(ErrorKind::bad_input, "the box ", a, ", ", b, ", ", c, ", ", d, " is empty");
  return box;
}

std::string read_text_file(const fs::path& file) {
  constexpr std::uintmax_t kLargest = std::uintmax_t{1} << 30;
  std::error_code error;
  const std::uintmax_t size = fs::file_size(file, error);
  if (error) throw Error(ErrorKind::bad_input, file.string(), ": cannot be read: ", error.message());
  if (size > kLargest)
    throw Error(ErrorKind::bad_input, file.string(), ": has ", size, " bytes, expected ", kLargest,
                " at most");
  std::string text(size, '\0');
  std::ifstream stream(file, std::ios::binary);
  stream.read(text.data(), static_cast<std::streamsize>(size));
  if (!stream) throw Error(ErrorKind::bad_input, file.string(), ": cannot be read");
  return text;
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.push_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

std::vector<std::string> fields_of(std::string_view line) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (c == '"' && quoted && i + 1 < line.size() && line[i + 1] == '"')
      fields.back() += line[i++];
    else if (c == '"')
      quoted = !quoted;
    else if (c == ',' && !quoted)
      fields.emplace_back();
    else
      fields.back() += c;
  }
  return fields;
}

double number_of(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value))
    throw Error(ErrorKind::bad_input, "'", text, "' is no number");
  return value;
}

std::pair<std::int64_t, std::int64_t> size_of(double width, double height) {
  constexpr double kLargest = 1e9;
  for (const double extent : {width, height})
    if (!(extent >= 0 && extent <= kLargest && extent == std::floor(extent)))
      throw Error(ErrorKind::bad_input, "the size ", width, "×", height, " is none of a picture");
  return {static_cast<std::int64_t>(width), static_cast<std::int64_t>(height)};
}

AnnotatedPicture& Gathered::picture(const std::string& name) {
  const auto [at, added] = index_.emplace(name, pictures_.size());
  if (added) pictures_.push_back({name, {}});
  return pictures_[at->second];
}

void Gathered::wrong(const std::string& name, std::string_view what) {
  problems_.push_back({name, std::string(what)});
  is_wrong_[name] = true;
}

DataSet Gathered::finish(std::string format, const fs::path& data, const std::vector<fs::path>& folders) {
  DataSet set{std::move(format)};
  for (AnnotatedPicture& picture : pictures_) {
    if (is_wrong_.contains(picture.name)) continue;
    picture.file = find_picture(picture.name, folders);
    if (picture.objects.empty())
      problems_.push_back({picture.name, "has no object"});
    else if (picture.file.empty())
      problems_.push_back({picture.name, "the picture is not in " + folders.front().string() +
                                             "; --pictures names the folder of the pictures"});
    else if (const std::string lost = find_masks(picture, folders); !lost.empty())
      problems_.push_back({picture.name, "the mask " + lost + " is not in " + folders.front().string()});
    else
      set.pictures.push_back(std::move(picture));
  }
  set.problems = std::move(problems_);
  if (set.pictures.empty() && set.problems.empty())
    throw Error(ErrorKind::bad_input, data.string(), ": annotates no picture");
  return set;
}

std::vector<fs::path> picture_folders(const DataSetOptions& options, std::vector<fs::path> others) {
  if (!options.pictures.empty()) return {options.pictures};
  return others;
}

DataSet read_data_set(const fs::path& data, const DataSetOptions& options) {
  std::error_code none;
  if (fs::is_directory(data, none)) {
    if (fs::exists(data / "class_labels.txt", none)) return read_wsolevaluation(data, options);
    if (holds(data, ".xml") || holds(data / "Annotations", ".xml")) return read_xml_folder(data, options);
    if (holds(data, ".json")) return read_scenes(data, options);
    DataSet set = read_class_folders(data);
    if (set.pictures.empty())
      throw Error(
          ErrorKind::bad_input, data.string(),
          ": holds no annotations: neither XML files, nor class_labels.txt and its like, nor JSON files of "
          "`backlight scenes`, nor pictures in folders that name their classes");
    return set;
  }
  const std::string extension = lowered(data.extension().string());
  if (extension == ".json") return read_coco(data, options);
  if (extension == ".csv") return read_csv(data, options);
  if (extension == ".txt") return read_ground_truth(data, options);
  throw Error(
      ErrorKind::bad_input, data.string(),
      ": expected a folder of annotations, or a file that ends in .json (COCO), .csv or .txt (ILSVRC)");
}

std::vector<TrueObject> objects_on(const AnnotatedPicture& picture, const Image& image,
                                   const std::function<std::int64_t(std::string_view)>& index_of) {
  const auto [orientation, width, height] = Stored(image);
  if (picture.size && *picture.size != std::pair<std::int64_t, std::int64_t>(width, height))
    throw Error(ErrorKind::bad_input, "the picture is ", width, "×", height, ", its annotation is of one of ",
                picture.size->first, "×", picture.size->second);
  std::vector<TrueObject> objects;
  for (const AnnotatedObject& from_file : picture.objects) {
    TrueObject& object = objects.emplace_back();
    object.index = index_of(from_file.class_name);
    object.difficult = from_file.difficult;
    object.crowd = from_file.crowd;
    if (from_file.box) object.box = turned(cut_to(*from_file.box, width, height), orientation, width, height);
    if (from_file.mask)
      object.mask = turned(from_file.mask->pixels(width, height), orientation, width, height);
    if (!from_file.mask_file.empty())
      object.mask = turned(read_mask(from_file.mask_file, width, height), orientation, width, height);
  }
  return objects;
}

std::vector<std::uint8_t> ignored_on(const AnnotatedPicture& picture, const Image& image) {
  if (picture.ignored.empty()) return {};
  const auto [orientation, width, height] = Stored(image);
  return turned(read_mask(picture.ignored, width, height), orientation, width, height);
}

void choose_pictures(std::vector<AnnotatedPicture>& pictures, std::size_t limit, std::uint64_t seed) {
  if (limit == 0 || pictures.size() <= limit) return;
  const auto draw = [&](const AnnotatedPicture& picture) { return random_bits(seed, hash_of(picture.name)); };
  std::vector<std::uint64_t> draws;
  for (const AnnotatedPicture& picture : pictures) draws.push_back(draw(picture));
  std::ranges::nth_element(draws, draws.begin() + static_cast<std::ptrdiff_t>(limit));
  std::erase_if(pictures, [&](const AnnotatedPicture& picture) { return draw(picture) >= draws[limit]; });
}

}  // namespace backlight::tools
