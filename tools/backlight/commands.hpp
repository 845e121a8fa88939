// The subcommands. Each function adds one, whose callback does the work; it throws Error, or
// CLI::RuntimeError with an exit code.
#pragma once

namespace CLI {
class App;
}

namespace backlight::tools {

void add_explain_command(CLI::App& app);
void add_classify_command(CLI::App& app);
void add_caption_command(CLI::App& app);
void add_ask_command(CLI::App& app);
void add_evaluate_command(CLI::App& app);
void add_report_command(CLI::App& app);
void add_study_command(CLI::App& app);
void add_attack_command(CLI::App& app);
void add_bias_command(CLI::App& app);
void add_methods_command(CLI::App& app);
void add_layers_command(CLI::App& app);
void add_inspect_command(CLI::App& app);
void add_convert_command(CLI::App& app);
void add_train_command(CLI::App& app);
void add_scenes_command(CLI::App& app);
void add_devices_command(CLI::App& app);
void add_bench_command(CLI::App& app);

}  // namespace backlight::tools
