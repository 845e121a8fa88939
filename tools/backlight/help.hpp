// How --help is laid out.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace backlight::tools {

/// Options with the name of their value and their default, descriptions wrapped to the terminal's usual
/// width.
class HelpFormatter : public CLI::Formatter {
 public:
  HelpFormatter() { column_width(kColumn); }

  std::string make_option_opts(const CLI::Option* option) const override;
  std::string make_option_desc(const CLI::Option* option) const override;

 private:
  static constexpr std::size_t kColumn = 28;
};

}  // namespace backlight::tools
