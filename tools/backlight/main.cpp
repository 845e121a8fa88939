// The program `backlight`: reads the command line, runs one subcommand, and turns errors into exit codes.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <filesystem>
#include <iostream>
#include <new>
#include <optional>
#include <span>

#include "engine/core/nearest.hpp"
#include "engine/core/version.hpp"
#include "tools/backlight/commands.hpp"
#include "tools/backlight/console.hpp"
#include "tools/backlight/help.hpp"
#include "tools/backlight/interrupt.hpp"

namespace backlight::tools {
namespace {

constexpr const char* kFooter = R"(Examples:
  backlight explain photo.jpg
  backlight explain photo.jpg --class boxer --class "tiger cat" --format overlay,panel
  backlight classify photos/ --weights resnet50-0676ba61.pth --json

Exit codes: 0 done, 1 internal error, 2 wrong usage, 3 bad input, 4 not supported,
5 memory, disk, weights or a device lacking, 6 some pictures of a batch failed,
128 + N a batch was ended by signal N.)";

/// The subcommand that was typed, or the program itself.
const CLI::App& active(const CLI::App& app) {
  const auto subcommands = app.get_subcommands();
  return subcommands.empty() ? app : active(*subcommands.front());
}

/// `backlight COMMAND`, as it was typed.
std::string full_name(const CLI::App& command) {
  const CLI::App* parent = command.get_parent();
  return (parent ? full_name(*parent) + " " : "") + command.get_name();
}

std::vector<std::string> option_names(const CLI::App& command) {
  std::vector<std::string> names;
  for (const CLI::Option* option : command.get_options())
    for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
  return names;
}

std::vector<std::string> subcommand_names(const CLI::App& app) {
  std::vector<std::string> names;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
    names.push_back(command->get_name());
  return names;
}

/// The first argument that was taken for an option although a file has that name.
std::optional<std::string> dashed_file(std::span<char* const> arguments) {
  for (const std::string argument : arguments) {
    if (argument == "--") break;
    std::error_code ignored;
    if (argument.size() > 1 && argument.starts_with('-') && std::filesystem::exists(argument, ignored))
      return argument;
  }
  return std::nullopt;
}

/// Throws Error(usage) for what is given as nothing, such as an unset variable of the shell makes.
void require_values(std::span<char* const> arguments) {
  std::string before = "an argument";
  for (const std::string argument : arguments) {
    const bool option = argument.starts_with('-') && argument.size() > 1;
    const bool cut = argument.starts_with("--") && argument.ends_with('=');
    if (argument.empty() || cut)
      throw Error(ErrorKind::usage, cut ? argument.substr(0, argument.size() - 1) : before,
                  " is empty; expected a value (is a variable of the shell not set?)");
    before = option ? argument : "an argument";
  }
}

/// What the parser did not like, with the nearest names for a mistyped option or subcommand.
std::string usage_message(const CLI::App& app, const CLI::ParseError& error,
                          std::span<char* const> arguments) {
  const CLI::App& command = active(app);
  const std::string name = full_name(command);
  if (const auto file = dashed_file(arguments))
    return "'" + *file +
           "' was taken for an option, but there is a file of that name: write `--` before it, `" + name +
           " ... -- " + *file + "`";
  const std::vector<std::string> left = app.remaining(true);
  const std::string see = "; see `" + name + " --help`";
  const auto option =
      std::ranges::find_if(left, [](const std::string& s) { return s.starts_with('-') && s.size() > 1; });
  if (option != left.end()) {
    const std::string typed = option->substr(0, option->find('='));
    return "unknown option '" + typed + "'" + did_you_mean(typed, option_names(command)) + see;
  }
  const std::vector<std::string> commands = subcommand_names(command);
  if (!commands.empty() && !left.empty())
    return "unknown command '" + left.front() + "'" + did_you_mean(left.front(), commands) + see;
  if (!left.empty()) return "unexpected argument '" + left.front() + "'" + see;
  return error.what() + see;
}

int run(int argc, char** argv) {
  CLI::App app("Shows what in a picture made a convolutional network say what it said.", "backlight");
  app.formatter(std::make_shared<HelpFormatter>());
  app.set_help_flag("-h,--help", "Print this help");
  app.set_version_flag("--version", "backlight " + std::string(version()), "Print the version");
  app.require_subcommand(1);
  add_explain_command(app);
  add_classify_command(app);
  add_caption_command(app);
  add_ask_command(app);
  add_evaluate_command(app);
  add_report_command(app);
  add_study_command(app);
  add_attack_command(app);
  add_bias_command(app);
  add_methods_command(app);
  add_layers_command(app);
  add_inspect_command(app);
  add_convert_command(app);
  add_train_command(app);
  add_scenes_command(app);
  add_devices_command(app);
  add_bench_command(app);
  app.footer(kFooter);

  Console console;
  int code = 0;
  try {
    require_values(std::span(argv, static_cast<std::size_t>(argc)).subspan(1));
    app.parse(argc, argv);
  } catch (const CLI::RuntimeError& exit) {
    code = exit.get_exit_code();
  } catch (const CLI::Success& help) {  // --help and --version, which print
    app.exit(help, std::cout, std::cerr);
    std::cout.flush();
  } catch (const CLI::ParseError& error) {
    console.error(usage_message(app, error, std::span(argv, static_cast<std::size_t>(argc)).subspan(1)));
    code = static_cast<int>(ErrorKind::usage);
  } catch (const Error& error) {
    console.error(error.what());
    code = static_cast<int>(error.kind());
  } catch (const std::filesystem::filesystem_error& error) {
    console.error(error.what());
    code = static_cast<int>(ErrorKind::resources);
  } catch (const std::bad_alloc&) {
    console.error("out of memory");
    code = static_cast<int>(ErrorKind::resources);
  }
  try {
    flush_stdout();
  } catch (const Error& error) {
    console.error(error.what());
    if (code == 0) code = static_cast<int>(error.kind());
  }
  return code;
}

}  // namespace
}  // namespace backlight::tools

int main(int argc, char** argv) {
  backlight::tools::take_signals_back();
  // A reader that goes away must not end the program between two files: writing to it fails instead, and is
  // reported.
  std::signal(SIGPIPE, SIG_IGN);
  try {
    return backlight::tools::run(argc, argv);
  } catch (const std::exception& error) {
    backlight::tools::Console().error("internal error: ", error.what());
    return static_cast<int>(backlight::ErrorKind::internal);
  }
}
