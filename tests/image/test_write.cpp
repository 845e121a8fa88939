#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "engine/image/write.hpp"
#include "image/pictures.hpp"
#include "support/temporary_folder.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

std::string content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

std::ptrdiff_t files_in(const std::filesystem::path& folder) {
  return std::distance(std::filesystem::directory_iterator(folder), {});
}

}  // namespace

TEST_CASE("write: a PNG reads back as it was with its texts inside") {
  const TemporaryFolder folder;
  const Image image = picture("write", 37, 23);
  const PictureText texts[] = {{"Software", "backlight"}, {"Class", "Café – 猫"}};
  write_png((folder.path() / "a.png").string(), image, texts);
  CHECK(read_image((folder.path() / "a.png").string()).rgb == image.rgb);
  const std::string bytes = content((folder.path() / "a.png").string());
  CHECK(bytes.find(std::string("iTXtSoftware\0\0\0\0\0backlight", 26)) != std::string::npos);
  CHECK(bytes.find("Café – 猫") != std::string::npos);
  CHECK(files_in(folder.path()) == 1);
}

TEST_CASE("write: a PNG keyword must be plain") {
  for (const std::string& keyword : {std::string(), std::string(80, 'k'), std::string("a\nb")}) {
    const PictureText texts[] = {{keyword, "x"}};
    CHECK_THROWS_AS(encode_png(Image(1, 1), texts), Error);
  }
}

TEST_CASE("write: a PNG has the same bytes for any number of threads") {
  const Image image = picture("threads", 1500, 700);  // three strips
  const std::vector<std::uint8_t> alone = encode_png(image);
  for (const int threads : {1, 2, 5}) {
    const Context context({}, threads);
    CHECK(encode_png(image, {}, &context) == alone);
  }
  CHECK(decode_image(alone, "threads.png").rgb == image.rgb);
}

TEST_CASE("write: PNGs of extreme shapes and contents read back as they were") {
  for (const auto& [width, height] : {std::pair{1, 1}, {1, 3000}, {3000, 1}, {400'000, 2}, {3, 2}}) {
    const Image image = picture("shapes", width, height);
    CHECK(decode_image(encode_png(image), "shape.png").rgb == image.rgb);
  }
  const Image plain(1000, 1000, 90);
  CHECK(encode_png(plain).size() < 20'000);
}

TEST_CASE("write: a photograph's PNG is small") {
  const Image image = photograph("chelsea");
  // zlib's level 9 with the best filters of libpng makes 236,000 bytes of it.
  CHECK(encode_png(image).size() < 290'000);
}

TEST_CASE("write: a JPEG is close to the picture and carries its texts as comments") {
  const Image image = photograph("chelsea");
  const std::string long_text(70'000, 'x');
  const PictureText texts[] = {{"Software", "backlight"}, {"backlight", long_text}};
  const auto file = encode_jpeg(image, texts);
  const Image read = decode_image(file, "a.jpg");
  CHECK(read.provenance.format == "JPEG");
  CHECK(read.provenance.warnings.empty());
  double squares = 0;
  for (std::size_t i = 0; i < image.rgb.size(); ++i) squares += std::pow(image.rgb[i] - read.rgb[i], 2);
  CHECK(std::sqrt(squares / static_cast<double>(image.rgb.size())) < 4);
  CHECK(file.size() < encode_png(image).size() / 2);
  CHECK(encode_jpeg(image, {}, 30).size() < encode_jpeg(image).size());
  const std::string bytes(file.begin(), file.end());
  CHECK(bytes.find("\xFF\xFE") != std::string::npos);
  CHECK(bytes.find("Software: backlight") != std::string::npos);
  CHECK(std::ranges::count(bytes, 'x') >= 70'000);
  CHECK_THROWS_AS(encode_jpeg(image, {}, 0), Error);
  CHECK_THROWS_WITH_AS(encode_jpeg(Image(70'000, 1)), doctest::Contains("write a PNG"), Error);
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
  const TemporaryFolder folder;
  const std::string path = (folder.path() / "a.npy").string();
  write_npy(path, Tensor::zeros({100}));
  write_npy(path, Tensor::zeros({2}));
  CHECK(content(path).size() == 128 + 8);
  CHECK(files_in(folder.path()) == 1);
  std::filesystem::create_directory(folder.path() / "taken");
  CHECK_THROWS_WITH_AS(write_npy((folder.path() / "taken").string(), Tensor::zeros({2})),
                       doctest::Contains("taken"), Error);
  CHECK(files_in(folder.path()) == 2);
}

TEST_CASE("write: a folder that is not there is named") {
  CHECK_THROWS_WITH_AS(write_png("/nonexistent/out/a.png", Image(1, 1)),
                       doctest::Contains("/nonexistent/out/a.png"), Error);
}
