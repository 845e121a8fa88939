#include "tools/backlight/names.hpp"

#include <algorithm>
#include <iomanip>
#include <map>
#include <sstream>

#include "engine/core/random.hpp"

namespace backlight::tools {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool is_kept(char c) {
  return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
         (c & 0x80) != 0;
}

bool is_continuation(char c) { return (c & 0xC0) == 0x80; }

/// By which what a name cannot hold is told from others.
std::string eight_digits_of(std::string_view text) {
  std::ostringstream digits;
  digits << std::hex << std::setw(8) << std::setfill('0') << (hash_of(text) & 0xffffffff);
  return digits.str();
}

}  // namespace

std::string lowered(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), lower);
  return out;
}

std::string file_safe(std::string_view text, std::size_t limit, std::string_view others) {
  std::string out;
  for (const char c : text)
    if (is_kept(c) || others.find(c) != others.npos)
      out += c;
    else if (!out.ends_with('-'))
      out += '-';
  out.erase(0, std::min(out.find_first_not_of("-."), out.size()));
  if (out.size() > limit) {
    std::size_t end = limit;
    while (end > 0 && is_continuation(out[end])) --end;
    out.resize(end);
  }
  out.resize(out.find_last_not_of("-.") + 1);
  return out.empty() ? "unnamed" : out;
}

std::string bounded_choices(const std::string& choices) {
  if (choices.size() <= kLongestChoices) return choices;
  return "_" + file_safe(choices.substr(1), kLongestChoices - 10, "_") + "-" + eight_digits_of(choices);
}

std::string distinct_name(std::string_view text) {
  const bool plain = std::ranges::all_of(
      text, [](char c) { return c == ' ' || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); });
  const std::string safe = file_safe(text);
  return plain && safe.size() == text.size() ? safe : safe + "-" + eight_digits_of(text);
}

std::vector<std::string> file_safe_classes(const std::vector<std::string>& labels) {
  std::vector<std::string> names;
  std::map<std::string, int> uses;
  for (const std::string& label : labels) {
    names.push_back(file_safe(std::string_view(label).substr(0, label.find(','))));
    ++uses[lowered(names.back())];
  }
  for (std::size_t i = 0; i < names.size(); ++i)
    if (uses[lowered(names[i])] > 1) names[i].append("-").append(std::to_string(i));
  return names;
}

std::string UniqueNames::take(const std::string& name) {
  std::string unique = name;
  for (int i = 2; !taken_.insert(lowered(unique)).second; ++i) unique = name + "-" + std::to_string(i);
  return unique;
}

}  // namespace backlight::tools
