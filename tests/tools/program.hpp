// Drives the built program in a folder of its own.
#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "engine/graph/network.hpp"
#include "engine/image/image.hpp"
#include "models/language/language_model.hpp"
#include "support/contains.hpp"
#include "support/process.hpp"

namespace backlight::test {

using Json = nlohmann::json;
namespace fs = std::filesystem;

/// A folder that is removed at the end, with what the tests of the program need in it.
class Workspace {
 public:
  Workspace();
  ~Workspace();
  Workspace(const Workspace&) = delete;

  fs::path operator/(std::string_view name) const { return folder_ / name; }
  std::string str(std::string_view name) const { return (folder_ / name).string(); }

  /// Runs `backlight arguments...`; the cache of weights is an empty folder of the workspace.
  ProcessResult run(std::vector<std::string> arguments, ProcessOptions options = {}) const;
  /// Runs with --json and takes stdout for a document. Fails the test unless the exit code is the one
  /// expected.
  Json run_json(std::vector<std::string> arguments, int exit_code = 0, ProcessOptions options = {}) const;

  /// A CIFAR ResNet-20 with weights that depend on names alone, as `net.safetensors`, and CIFAR-10's names in
  /// its metadata; its path.
  std::string network() const;
  /// The same without the names and with another number of outputs.
  std::string network_of(std::int64_t outputs) const;
  /// The same with four input channels.
  std::string network_of_rgba() const;
  /// The same with one class (index 3) that every activation speaks against.
  std::string network_against_class_3() const;
  /// The same with finite weights so large that the scores overflow.
  std::string network_of_overflow() const;

  /// A small captioner or question answerer of the language of scenes with weights that depend on names alone, as
  /// `TASK.safetensors`; its path.
  std::string language_model(language::LanguageTask task) const;

  /// A PNG of coloured noise over a gradient; its path.
  std::string picture(std::string_view name, int width = 40, int height = 32) const;
  /// The same with EXIF's orientation tag.
  std::string turned_picture(std::string_view name, int width, int height, char orientation) const;
  std::string file(std::string_view name, std::string_view content) const;
  /// Names of the files in a folder, sorted.
  std::vector<std::string> names_in(std::string_view folder) const;

 private:
  fs::path folder_;
};

/// What makes a file of weights say that it has CIFAR-10's classes.
std::map<std::string, std::string> cifar10_names();
/// The network of Workspace::network().
Network test_network(std::int64_t outputs = 10, std::int64_t channels = 3);
Image test_picture(int width, int height);

std::string read_text(const fs::path& path);

/// A float32 array of NumPy's format 1.0 and its shape.
struct NpyArray {
  std::vector<int> shape;
  std::vector<float> values;
};
NpyArray read_npy(const fs::path& path);

}  // namespace backlight::test
