#include "tools/backlight/existing.hpp"

#include <algorithm>
#include <fstream>

#include "engine/core/error.hpp"
#include "engine/image/origin.hpp"

namespace backlight::tools {

namespace fs = std::filesystem;

bool is_there(const fs::path& file) {
  std::error_code error;
  return fs::file_size(file, error) != 0 && !error;
}

Json facts_of(const fs::path& file) {
  constexpr std::uintmax_t kLargest = std::uintmax_t{1} << 24;
  std::string text;
  if (file.extension() == ".json") {
    text.resize(std::min(fs::file_size(file), kLargest));
    std::ifstream(file, std::ios::binary).read(text.data(), static_cast<std::streamsize>(text.size()));
  } else {
    text = backlight_facts(file.string()).value_or("");
  }
  return Json::parse(text, nullptr, /*allow_exceptions=*/false);
}

Json part_of(const Json& facts, std::string_view part) {
  const Json::json_pointer where{std::string(part)};
  Json value = facts.contains(where) ? facts.at(where) : Json();
  if (value.is_object()) value.erase("from");
  return value;
}

void require_same(const fs::path& file, std::string_view what, const Json& there, const Json& here) {
  if (!there.empty() && there != here)
    throw Error(ErrorKind::usage, file.string(), ": is not of this run: ", what, " ", there.dump(),
                ", expected ", here.dump(), "; --force overwrites results, --out chooses another folder");
}

void require_same(const fs::path& file, const Json& facts, const Json& document,
                  std::initializer_list<std::string_view> parts) {
  for (const std::string_view part : parts)
    require_same(file, part.substr(1), part_of(facts, part), part_of(document, part));
}

std::string files_text(const Json& of, const char* indent) {
  std::string out;
  for (const auto& [member, file] : of["files"].items()) {
    const bool kept = std::ranges::find(of["kept"], Json(member)) != of["kept"].end();
    out += indent + printable(file.get<std::string>()) + (kept ? " (was there)" : "") + "\n";
  }
  return out;
}

}  // namespace backlight::tools
