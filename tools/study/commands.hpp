// The two commands below `backlight study`.
#pragma once

namespace CLI {
class App;
}

namespace backlight::tools {

void add_study_make_command(CLI::App& study);
void add_study_analyse_command(CLI::App& study);

}  // namespace backlight::tools
