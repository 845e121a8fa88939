// What a run has found so far, in CSV files that another run goes on with.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "tools/evaluate/measure.hpp"

namespace backlight::tools {

/// Everything of one picture: rows by measure, then by candidate.
struct PictureFindings {
  std::int64_t width = 0, height = 0;
  std::int64_t predicted = 0;
  double probability = 0;  ///< of the predicted class
  std::vector<std::vector<MeasureRows>> rows;
};

/// One CSV file per measure, `file,method,class` and its columns, and pictures.csv, whose line is written last and says
/// that all others of the picture are there. Numbers stand by the fewest digits that mean them, NaN as nothing.
class Journal {
 public:
  /// `resume`: takes up what is in the folder; lines of pictures that pictures.csv does not list, and a last line
  /// that was torn off, are dropped. Throws Error(usage) where the folder holds a run and is not to be resumed,
  /// Error(bad_input) for files that this run would not have written, Error(resources).
  Journal(std::filesystem::path folder, std::span<const std::unique_ptr<Measure>> measures,
          std::vector<std::string> candidates, bool resume);

  const PictureFindings* find(const std::string& picture) const;
  /// Writes a picture's lines, and keeps its findings.
  void add(const std::string& picture, PictureFindings findings);

 private:
  struct Table {
    std::filesystem::path path;
    std::string head;
    std::ofstream stream;
  };
  void read_pictures();
  void read_rows(std::size_t measure);
  void open(Table& table, const std::string& kept);
  void append(Table& table, const std::string& lines);

  std::vector<std::string> candidates_;
  std::vector<Table> tables_;  ///< one per measure
  Table pictures_;
  std::map<std::string, PictureFindings> found_;
};

}  // namespace backlight::tools
