// What the readers of the formats share.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tools/evaluate/annotations.hpp"

namespace backlight::tools {

/// What a reader found, in the order in which it came: lines about one picture join, and a picture of which a line was
/// wrong is left out.
class Gathered {
 public:
  AnnotatedPicture& picture(const std::string& name);
  bool has(const std::string& name) const { return index_.contains(name); }
  void wrong(const std::string& name, std::string_view what);
  /// Of what is left each picture's file, looked for in these folders by its name, with or without an extension of
  /// pictures'. Without it, and without an object, a picture is a problem. Throws Error(bad_input) where the data hold
  /// neither pictures nor problems.
  DataSet finish(std::string format, const std::filesystem::path& data,
                 const std::vector<std::filesystem::path>& folders);

 private:
  std::vector<AnnotatedPicture> pictures_;
  std::map<std::string, std::size_t> index_;
  std::vector<DataProblem> problems_;
  std::map<std::string, bool> is_wrong_;
};

/// A text file whole. Throws Error(bad_input) where it cannot be read or is larger than 1 GiB.
std::string read_text_file(const std::filesystem::path& file);
/// Its lines without their ends; none behind the last.
std::vector<std::string_view> lines_of(std::string_view text);
/// Fields between commas; a field in double quotes may hold commas, and doubled quotes.
std::vector<std::string> fields_of(std::string_view line);
/// Throws Error(bad_input) for what is no finite number, naming it.
double number_of(std::string_view text);
/// A picture's width and height. Throws Error(bad_input) for what are no whole numbers of a picture's.
std::pair<std::int64_t, std::int64_t> size_of(double width, double height);

DataSet read_xml_folder(const std::filesystem::path& folder, const DataSetOptions& options);
DataSet read_scenes(const std::filesystem::path& folder, const DataSetOptions& options);
DataSet read_wsolevaluation(const std::filesystem::path& folder, const DataSetOptions& options);
DataSet read_coco(const std::filesystem::path& file, const DataSetOptions& options);
DataSet read_csv(const std::filesystem::path& file, const DataSetOptions& options);
DataSet read_ground_truth(const std::filesystem::path& file, const DataSetOptions& options);

/// Where pictures are looked for: where the option says, else beside the annotations and in folders that formats name.
std::vector<std::filesystem::path> picture_folders(const DataSetOptions& options,
                                                   std::vector<std::filesystem::path> others);

}  // namespace backlight::tools
