#include "tools/evaluate/data_options.hpp"

#include <CLI/CLI.hpp>

namespace backlight::tools {

DataSetOptions DataOptions::parsed() const {
  DataSetOptions options{pictures};
  if (!boxes.empty()) options.boxes = parse_box_numbers(boxes);
  return options;
}

void add_data_options(CLI::App& command, DataOptions& options, const char* group) {
  command.add_option("--pictures", options.pictures, "Where the pictures are [beside the annotations]")
      ->group(group)
      ->type_name("DIR");
  command
      .add_option(
          "--boxes", options.boxes,
          "What a box's numbers are: inclusive (first and last pixel), edges, xywh, voc (inclusive, from "
          "1) [the format's]")
      ->group(group)
      ->type_name("NAME");
}

}  // namespace backlight::tools
