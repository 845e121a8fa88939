// Options of every command that reads a data set.
#pragma once

#include <string>

#include "tools/evaluate/annotations.hpp"

namespace CLI {
class App;
}

namespace backlight::tools {

struct DataOptions {
  std::string pictures, boxes;  ///< --pictures DIR, --boxes NAME

  bool given() const { return !pictures.empty() || !boxes.empty(); }
  /// Throws as parse_box_numbers.
  DataSetOptions parsed() const;
};

void add_data_options(CLI::App& command, DataOptions& options, const char* group = "Data");

}  // namespace backlight::tools
