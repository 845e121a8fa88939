#include "support/golden.hpp"

#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <vector>

namespace backlight::test {

// A reader of its own, so that the tests of the library's safetensors reader may use goldens too.
Tensor golden(std::string_view stem, const std::string& name) {
  const std::string path = text(BACKLIGHT_SOURCE_DIR, "/tests/golden/", stem, ".safetensors");
  const auto fail = [&](const auto&... found) {
    throw Error(ErrorKind::bad_input, path, ": ", found..., "; run tests/golden/make_", stem, ".py");
  };
  std::ifstream file(path, std::ios::binary | std::ios::ate);
  if (!file) fail("cannot be opened");
  const std::streamoff file_size = file.tellg();
  file.seekg(0);

  unsigned char prefix[8] = {};
  file.read(reinterpret_cast<char*>(prefix), sizeof prefix);
  std::uint64_t header_size = 0;
  for (int i = 7; i >= 0; --i) header_size = header_size << 8 | prefix[i];
  if (!file || header_size > static_cast<std::uint64_t>(file_size) - sizeof prefix)
    fail("has no safetensors header");
  std::string header(header_size, '\0');
  file.read(header.data(), static_cast<std::streamsize>(header_size));
  const nlohmann::json entries = nlohmann::json::parse(header, nullptr, false);
  if (entries.is_discarded()) fail("its header is not JSON");
  if (!entries.contains(name)) fail("has no tensor '", name, "'");

  const nlohmann::json& entry = entries.at(name);
  if (entry.at("dtype") != "F32") fail("'", name, "' is ", entry.at("dtype"), ", expected F32");
  Tensor tensor(Shape(entry.at("shape").get<std::vector<std::int64_t>>()));
  const auto offset = entry.at("data_offsets").at(0).get<std::int64_t>();
  file.seekg(static_cast<std::streamoff>(sizeof prefix + header_size) + offset);
  file.read(reinterpret_cast<char*>(tensor.data<float>()), static_cast<std::streamsize>(tensor.bytes()));
  if (!file) fail("'", name, "' ends early");
  return tensor;
}

}  // namespace backlight::test
