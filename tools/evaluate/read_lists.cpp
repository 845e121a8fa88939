// Lists of text: CSV, wsolevaluation's files, ILSVRC's ground truth.
#include <algorithm>
#include <cstdio>
#include <set>
#include <sstream>

#include "tools/evaluate/readers.hpp"

namespace backlight::tools {
namespace {

namespace fs = std::filesystem;

/// fn(line, number) of every line that is not empty, from `first` on; where it throws, the line is wrong with the
/// picture that it names first.
template <class Fn>
void for_each_line(std::string_view text, const fs::path& file, std::size_t first, Gathered& gathered,
                   Fn&& fn) {
  const std::vector<std::string_view> lines = lines_of(text);
  for (std::size_t i = first; i < lines.size(); ++i) {
    if (lines[i].empty()) continue;
    try {
      fn(lines[i]);
    } catch (const Error& error) {
      gathered.wrong(fields_of(lines[i]).front(), error.what() + (" (line " + std::to_string(i + 1)) +
                                                      " of " + file.filename().string() + ")");
    }
  }
}

void require_fields(const std::vector<std::string>& fields, std::size_t count) {
  if (fields.size() != count) throw Error(ErrorKind::bad_input, fields.size(), " fields, expected ", count);
}

Box box_of_fields(BoxNumbers meaning, const std::vector<std::string>& fields, std::size_t at) {
  return box_of(meaning, number_of(fields[at]), number_of(fields[at + 1]), number_of(fields[at + 2]),
                number_of(fields[at + 3]));
}

/// `WNID x0 y0 x1 y1`, repeated.
void add_predictions(const std::string& text, BoxNumbers meaning, AnnotatedPicture& picture) {
  std::istringstream stream(text);
  std::vector<std::string> words;
  for (std::string word; stream >> word;) words.push_back(word);
  if (words.empty() || words.size() % 5 != 0)
    throw Error(ErrorKind::bad_input, words.size(), " words, expected five for each box");
  for (std::size_t i = 0; i < words.size(); i += 5)
    picture.objects.push_back({words[i], box_of_fields(meaning, words, i + 1)});
}

}  // namespace

DataSet read_csv(const fs::path& file, const DataSetOptions& options) {
  const std::string text = read_text_file(file);
  const std::vector<std::string_view> lines = lines_of(text);
  const std::vector<std::string> titles =
      lines.empty() ? std::vector<std::string>() : fields_of(lines.front());
  const std::vector<fs::path> folders = picture_folders(options, {file.parent_path()});
  Gathered gathered;
  if (titles == std::vector<std::string>{"ImageId", "PredictionString"}) {
    for_each_line(text, file, 1, gathered, [&](std::string_view line) {
      const std::vector<std::string> fields = fields_of(line);
      require_fields(fields, 2);
      if (gathered.has(fields[0])) throw Error(ErrorKind::bad_input, "is listed twice");
      add_predictions(fields[1], options.boxes.value_or(BoxNumbers::inclusive), gathered.picture(fields[0]));
    });
    return gathered.finish("ilsvrc-csv", file, folders);
  }
  const auto title = [&](const char* name) {
    return static_cast<std::size_t>(std::ranges::find(titles, name) - titles.begin());
  };
  const bool sized =
      titles.size() >= 4 && title("width") == titles.size() - 2 && title("height") == titles.size() - 1;
  const std::size_t others = titles.size() - (sized ? 2 : 0);
  // A column of names may follow that of classes, for people to read.
  const std::size_t box = titles.size() > 2 && titles[2] == "class name" ? 3 : 2;
  if ((others != box && others != box + 4) || titles[0] != "file" ||
      (titles[1] != "class" && titles[1] != "class index"))
    throw Error(
        ErrorKind::bad_input, file.string(), ": the first line is '", lines.empty() ? "" : lines.front(),
        "', expected ImageId,PredictionString, or file and class (or class index), then or not class name, "
        "four columns for a box, width,height");
  const bool boxed = others > box;
  if (boxed && !options.boxes)
    throw Error(ErrorKind::usage, file.string(), ": say with --boxes what ", titles[box], ",",
                titles[box + 1], ",", titles[box + 2], ",", titles[box + 3],
                " are: inclusive (first and last pixel, from 0), edges, xywh or voc (from 1)");
  for_each_line(text, file, 1, gathered, [&](std::string_view line) {
    const std::vector<std::string> fields = fields_of(line);
    require_fields(fields, titles.size());
    AnnotatedObject object{fields[1]};
    if (boxed) object.box = box_of_fields(*options.boxes, fields, box);
    AnnotatedPicture& picture = gathered.picture(fields[0]);
    picture.objects.push_back(std::move(object));
    if (sized) picture.size = size_of(number_of(fields[others]), number_of(fields[others + 1]));
  });
  return gathered.finish("csv", file, folders);
}

DataSet read_wsolevaluation(const fs::path& folder, const DataSetOptions& options) {
  Gathered gathered;
  std::map<std::string, std::string> classes;
  const auto each = [&](const char* name, auto&& fn) {
    const fs::path file = folder / name;
    const std::string text = read_text_file(file);
    for_each_line(text, file, 0, gathered, [&](std::string_view line) { fn(fields_of(line)); });
  };
  each("class_labels.txt", [&](const std::vector<std::string>& fields) {
    require_fields(fields, 2);
    if (gathered.has(fields[0])) throw Error(ErrorKind::bad_input, "is listed twice");
    gathered.picture(fields[0]).objects.push_back({fields[1]});
    classes[fields[0]] = fields[1];
  });
  const auto listed = [&](const std::string& name) -> AnnotatedPicture& {
    if (!classes.contains(name)) throw Error(ErrorKind::bad_input, "is not in class_labels.txt");
    return gathered.picture(name);
  };
  std::error_code none;
  if (fs::exists(folder / "image_sizes.txt", none))
    each("image_sizes.txt", [&](const std::vector<std::string>& fields) {
      require_fields(fields, 3);
      listed(fields[0]).size = size_of(number_of(fields[1]), number_of(fields[2]));
    });
  if (fs::exists(folder / "localization.txt", none))
    each("localization.txt", [&](const std::vector<std::string>& fields) {
      AnnotatedPicture& picture = listed(fields[0]);
      AnnotatedObject object{classes[fields[0]]};
      if (fields.size() == 3) {  // OpenImages: a mask, and in one of a picture's lines what is to be ignored
        if (fields[1].empty() || (!fields[2].empty() && !picture.ignored.empty()))
          throw Error(ErrorKind::bad_input,
                      fields[1].empty() ? "no mask" : "a second mask of what to ignore");
        object.mask_file = fields[1];
        if (!fields[2].empty()) picture.ignored = fields[2];
      } else if (fields.size() != 5) {
        throw Error(ErrorKind::bad_input, fields.size(), " fields, expected a box's 5 or a mask's 3");
      } else {
        object.box = box_of_fields(options.boxes.value_or(BoxNumbers::inclusive), fields, 1);
      }
      const AnnotatedObject& first = picture.objects.front();
      if (!first.box && first.mask_file.empty()) picture.objects.clear();
      picture.objects.push_back(std::move(object));
    });
  return gathered.finish("wsolevaluation", folder, picture_folders(options, {folder}));
}

DataSet read_ground_truth(const fs::path& file, const DataSetOptions& options) {
  const fs::path folder = file.parent_path(), ids = folder / "map_clsloc.txt";
  std::error_code none;
  if (!fs::exists(ids, none))
    throw Error(ErrorKind::bad_input, file.string(), ": its numbers are the development kit's, of which ",
                ids.string(), " says the WordNet ids; it comes with the kit (data/map_clsloc.txt)");
  std::map<std::string, std::string, std::less<>> wordnet;
  const std::string table = read_text_file(ids);
  for (const std::string_view line : lines_of(table)) {
    std::istringstream words{std::string(line)};
    std::string id, number;
    if (words >> id >> number) wordnet[number] = id;
  }
  std::set<std::string, std::less<>> left_out;
  std::string blacklist;
  for (const char* name :
       {"ILSVRC2015_clsloc_validation_blacklist.txt", "ILSVRC2014_clsloc_validation_blacklist.txt"})
    if (blacklist.empty() && fs::exists(folder / name, none)) blacklist = read_text_file(folder / name);
  for (const std::string_view line : lines_of(blacklist)) left_out.emplace(line);

  const std::string text = read_text_file(file);
  const std::vector<std::string_view> lines = lines_of(text);
  Gathered gathered;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (left_out.contains(std::to_string(i + 1))) continue;
    char name[40];
    std::snprintf(name, sizeof name, "ILSVRC2012_val_%08zu", i + 1);
    const auto id = wordnet.find(lines[i]);
    if (id == wordnet.end())
      gathered.wrong(name, "the class " + std::string(lines[i]) + " is not in " + ids.string());
    else
      gathered.picture(name).objects.push_back({id->second});
  }
  return gathered.finish("ilsvrc-ground-truth", file, picture_folders(options, {folder}));
}

}  // namespace backlight::tools
