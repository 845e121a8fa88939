#include "tools/backlight/outputs.hpp"

#include <system_error>

#include "engine/core/error.hpp"
#include "engine/core/output_file.hpp"
#include "engine/image/write.hpp"

namespace backlight::tools {

namespace fs = std::filesystem;

void require_free(const fs::path& result, std::string_view way_out) {
  std::error_code none;
  if (fs::is_directory(result, none))
    throw Error(ErrorKind::usage, result.string(), ": is a folder, expected the name of a file to write");
  if (is_taken(result)) throw Error(ErrorKind::usage, result.string(), ": exists; ", way_out);
}

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error || !fs::is_directory(folder, error))
    throw Error(ErrorKind::resources, folder.string(), ": the folder for results cannot be made: ",
                error ? error.message() : "something else has this name");
}

void write_text(const fs::path& file, std::string_view text) {
  write_file(file.string(), {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

bool same_file(const fs::path& a, const fs::path& b) {
  std::error_code error;
  if (fs::equivalent(a, b, error)) return true;
  const fs::path whole_a = fs::weakly_canonical(a, error), whole_b = fs::weakly_canonical(b, error);
  return !whole_a.empty() && whole_a == whole_b;
}

}  // namespace backlight::tools
