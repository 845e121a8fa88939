// Names of classes: those built in, those of a file, and looking one up.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace backlight {

/// Which built-in names a network's classes have when their number fits.
enum class LabelSet : std::uint8_t { none, imagenet, cifar10, scenes };

/// The names in the order of the classes: 1000, 10, 10, or none.
std::vector<std::string> built_in_labels(LabelSet set);

/// The built-in names when there are as many as classes, otherwise `class 0`, `class 1` …
std::vector<std::string> labels_for(LabelSet set, std::int64_t num_classes);

/// One name per line, or a JSON list of strings. Throws Error(bad_input) naming the file when it cannot be
/// read, is empty, is larger than 16 MiB, has an empty name, or does not have `num_classes` names.
std::vector<std::string> read_labels(const std::filesystem::path& path, std::int64_t num_classes);

/// The class that `text` means: an index, or a name in any case, where `tench, Tinca tinca` answers to each
/// of its names and to the whole. Throws Error(usage) for an index out of range, for a name that no class has
/// (with the nearest), and for one that several have (with their indices).
std::int64_t find_class(std::span<const std::string> labels, std::string_view text);

}  // namespace backlight
