#include <doctest/doctest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "engine/image/write.hpp"
#include "image/pictures.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

/// A folder of its own that goes with the test.
struct Folder {
  std::filesystem::path path;
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "backlight-XXXXXX").string();
    REQUIRE(mkdtemp(pattern.data()));
    path = pattern;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string file(const char* name) const { return (path / name).string(); }
};

std::string content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

std::ptrdiff_t files_in(const std::filesystem::path& folder) {
  return std::distance(std::filesystem::directory_iterator(folder), {});
}

}  // namespace

TEST_CASE("write: a PNG reads back as it was with its texts inside") {
  const Folder folder;
  const Image image = picture("write", 37, 23);
  const PngText texts[] = {{"Software", "backlight"}, {"Class", "Café – 猫"}};
  write_png(folder.file("a.png"), image, texts);
  CHECK(read_image(folder.file("a.png")).rgb == image.rgb);
  const std::string bytes = content(folder.file("a.png"));
  CHECK(bytes.find(std::string("iTXtSoftware\0\0\0\0\0backlight", 26)) != std::string::npos);
  CHECK(bytes.find("Café – 猫") != std::string::npos);
  CHECK(files_in(folder.path) == 1);
}

TEST_CASE("write: a PNG keyword must be plain") {
  for (const std::string& keyword : {std::string(), std::string(80, 'k'), std::string("a\nb")}) {
    const PngText texts[] = {{keyword, "x"}};
    CHECK_THROWS_AS(encode_png(Image(1, 1), texts), Error);
  }
}

TEST_CASE("write: NumPy arrays of any rank have an aligned header and the raw values") {
  const auto header = [](const Tensor& tensor) {
    const auto bytes = encode_npy(tensor);
    const std::size_t length = 10 + bytes[8] + 256 * bytes[9];
    CHECK(length % 64 == 0);
    CHECK(bytes.size() == length + tensor.bytes());
    CHECK(std::equal(bytes.begin() + static_cast<std::ptrdiff_t>(length), bytes.end(),
                     reinterpret_cast<const std::uint8_t*>(
                         tensor.dtype() == DType::f64 ? static_cast<const void*>(tensor.data<double>())
                                                      : tensor.data<float>())));
    CHECK(bytes[length - 1] == '\n');
    CHECK(std::string(bytes.begin(), bytes.begin() + 8) == std::string("\x93NUMPY\x01\0", 8));
    const std::string text(bytes.begin() + 10, bytes.begin() + static_cast<std::ptrdiff_t>(length));
    return text.substr(0, text.find('}') + 1);
  };
  CHECK(header(random_tensor({2, 3}, "npy")) ==
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2,3,), }");
  CHECK(header(random_tensor({5}, "npy")) == "{'descr': '<f4', 'fortran_order': False, 'shape': (5,), }");
  CHECK(header(Tensor::zeros({1, 2, 1, 2, 1, 2}, DType::f64)) ==
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1,2,1,2,1,2,), }");
  CHECK(header(Tensor::zeros(Shape{})) == "{'descr': '<f4', 'fortran_order': False, 'shape': (), }");
}

TEST_CASE("write: an existing file is replaced whole and a failure leaves it as it was") {
  const Folder folder;
  const std::string path = folder.file("a.npy");
  write_npy(path, Tensor::zeros({100}));
  write_npy(path, Tensor::zeros({2}));
  CHECK(content(path).size() == 128 + 8);
  CHECK(files_in(folder.path) == 1);
  std::filesystem::create_directory(folder.path / "taken");
  CHECK_THROWS_WITH_AS(write_npy(folder.file("taken"), Tensor::zeros({2})), doctest::Contains("taken"),
                       Error);
  CHECK(files_in(folder.path) == 2);
}

TEST_CASE("write: a folder that is not there is named") {
  CHECK_THROWS_WITH_AS(write_png("/nonexistent/out/a.png", Image(1, 1)),
                       doctest::Contains("/nonexistent/out/a.png"), Error);
}
