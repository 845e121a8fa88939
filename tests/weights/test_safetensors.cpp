#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "weights/checkpoint.hpp"
#include "weights/safetensors.hpp"
#include "weights/support.hpp"

using namespace backlight;
using test::golden_file;
using test::read_file;
using test::refusal;
using test::says;
using test::write_file;

namespace {

/// A safetensors file of this header and so many zero bytes.
std::string file_of(const std::string& header, std::size_t data) {
  std::string out;
  for (int i = 0; i < 8; ++i) out += static_cast<char>(header.size() >> 8 * i & 255);
  return out + header + std::string(data, '\0');
}

std::string entry(const std::string& name, const std::string& dtype, const std::string& shape, int begin,
                  int end) {
  return text('"', name, "\":{\"dtype\":\"", dtype, "\",\"shape\":", shape, ",\"data_offsets\":[", begin, ",",
              end, "]}");
}

std::string in(const std::string& entries) { return text("{", entries, "}"); }

std::string why_refused(const std::string& content) {
  const test::TemporaryFolder folder;
  const auto path = folder.path() / "file.safetensors";
  write_file(path, content);
  return refusal([&] { Checkpoint::open(path); });
}

}  // namespace

TEST_CASE("safetensors: what is written is read back with names metadata and values in place") {
  const test::TemporaryFolder folder;
  const auto path = folder.path() / "out.safetensors";
  const Tensor a =
      Tensor::from({2, 2}, std::vector<float>{1, -2.5f, 3, std::numeric_limits<float>::quiet_NaN()});
  const Tensor scalar = Tensor::from(Shape(std::vector<std::int64_t>{}), std::vector<float>{7});
  const Tensor none = Tensor::zeros({0, 3});
  const std::vector<TensorToWrite> tensors = {{"b \"quoted\" ö", &a}, {"scalar", &scalar}, {"none", &none}};
  write_safetensors(path, tensors, {{"architecture", "resnet18"}});
  const Checkpoint read = Checkpoint::open(path);
  CHECK(read.container() == Container::safetensors);
  CHECK(read.metadata().at("architecture") == "resnet18");
  REQUIRE(read.tensors().size() == 3);
  const Tensor back = read.find("b \"quoted\" ö")->to_f32();
  CHECK(back.shape() == Shape{2, 2});
  CHECK(back.values()[1] == -2.5f);
  CHECK(std::isnan(back.values()[3]));
  CHECK(read.find("scalar")->to_f32().values()[0] == 7);
  CHECK(read.find("none")->shape() == std::vector<std::int64_t>{0, 3});
  const std::string bytes = read_file(path);
  CHECK(static_cast<unsigned char>(bytes[0]) % 8 == 0);
}

TEST_CASE("safetensors: a checkpoint converts to each floating type and keeps its integers") {
  const test::TemporaryFolder folder;
  const Checkpoint source = Checkpoint::open(golden_file("zip_layouts.pth"));
  const Checkpoint dtypes = Checkpoint::open(golden_file("zip_dtypes.pth"));
  for (const StoredType type : {StoredType::f32, StoredType::f16, StoredType::bf16}) {
    CAPTURE(name_of(type));
    const double rounding = type == StoredType::f32 ? 0 : type == StoredType::f16 ? 0x1p-11 : 0x1p-8;
    for (const Checkpoint* checkpoint : {&source, &dtypes}) {
      std::vector<TensorToWrite> tensors;
      for (const StoredTensor& tensor : checkpoint->tensors()) tensors.push_back({tensor.name(), &tensor});
      const auto path = folder.path() / text(name_of(type), checkpoint == &source, ".safetensors");
      write_safetensors(path, tensors, {}, {type, false});
      const Checkpoint read = Checkpoint::open(path);
      REQUIRE(read.tensors().size() == tensors.size());
      for (const StoredTensor& before : checkpoint->tensors()) {
        CAPTURE(before.name());
        const StoredTensor* after = read.find(before.name());
        REQUIRE(after != nullptr);
        CHECK(after->shape() == before.shape());
        CHECK(after->dtype() == (is_floating(before.dtype()) ? type : before.dtype()));
        const Tensor x = before.to_f32(), y = after->to_f32();
        for (std::size_t i = 0; i < x.values().size(); ++i) {
          CHECK(std::abs(x.values()[i] - y.values()[i]) <= rounding * std::abs(x.values()[i]));
        }
      }
    }
  }
}

TEST_CASE("safetensors: a finite value that float16 cannot hold is refused and nothing is left behind") {
  const test::TemporaryFolder folder;
  const Tensor big = Tensor::from({2}, std::vector<float>{1, 70000});
  const std::vector<TensorToWrite> tensors = {{"w", &big}};
  const auto path = folder.path() / "out.safetensors";
  const std::string why = refusal([&] { write_safetensors(path, tensors, {}, {StoredType::f16, false}); });
  CHECK(says(why, "\"w\" holds 70000"));
  CHECK(says(why, "bfloat16 or float32"));
  CHECK(std::filesystem::is_empty(folder.path()));
  write_safetensors(path, tensors, {}, {StoredType::bf16, false});
  CHECK(Checkpoint::open(path).tensors().size() == 1);
}

TEST_CASE("safetensors: an existing file is replaced only when told and then at once") {
  const test::TemporaryFolder folder;
  const auto path = folder.path() / "out.safetensors";
  const Tensor one = Tensor::from({1}, std::vector<float>{1});
  const std::vector<TensorToWrite> tensors = {{"w", &one}};
  write_file(path, "precious");
  CHECK(says(refusal([&] { write_safetensors(path, tensors); }), "exists already"));
  CHECK(read_file(path) == "precious");
  const std::vector<TensorToWrite> twice = {{"w", &one}, {"w", &one}};
  CHECK(says(refusal([&] {
               write_safetensors(path, twice, {}, {StoredType::f32, true});
             }),
             "two tensors called"));
  CHECK(read_file(path) == "precious");
  write_safetensors(path, tensors, {}, {StoredType::f32, true});
  CHECK(Checkpoint::open(path).tensors().size() == 1);
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
  CHECK(says(refusal([&] { write_safetensors(folder.path() / "no/such/folder", tensors); }),
             "cannot be written"));
  CHECK(says(refusal([&] {
               write_safetensors(folder.path() / "x", tensors, {}, {StoredType::i8, false});
             }),
             "int8"));
  CHECK(says(refusal([&] { write_safetensors(folder.path() / "x", tensors, {{"k", "\xff"}}); }), "UTF-8"));
}

TEST_CASE("safetensors: a well-formed header is read whatever its spaces and order") {
  const auto a = entry("a", "F32", "[]", 0, 4), b = entry("b", "F16", "[2]", 4, 8),
             e = entry("e", "F32", "[0]", 4, 4);
  CHECK(why_refused(file_of("{}", 0)) == "");
  CHECK(why_refused(file_of("{ }      ", 0)) == "");
  CHECK(why_refused(file_of(in(b + ", " + a), 8)) == "");
  CHECK(why_refused(file_of(in(e + "," + a), 4)) == "");
  CHECK(why_refused(file_of(in(a + "," + e), 4)) == "");
  CHECK(why_refused(file_of(in("\"__metadata__\":{}," + entry("a", "I8", "[1,1]", 0, 1)), 1)) == "");
}

TEST_CASE("safetensors: every breach of the format is refused with its reason") {
  const auto a = entry("a", "F32", "[1]", 0, 4);
  CHECK(says(why_refused(file_of(in(a + "," + entry("b", "F32", "[1]", 8, 12)), 12)), "hole or an overlap"));
  CHECK(says(why_refused(file_of(in(a + "," + entry("b", "F32", "[1]", 2, 6)), 6)), "hole or an overlap"));
  CHECK(says(why_refused(file_of(in(entry("a", "F32", "[1]", 4, 8)), 8)), "hole or an overlap"));
  CHECK(says(why_refused(file_of(in(entry("a", "F32", "[1]", 4, 0)), 4)), "hole or an overlap"));
  CHECK(says(why_refused(file_of(in(a), 5)), "1 bytes stand behind"));
  CHECK(says(why_refused(file_of(in(a), 3)), "truncated"));
  CHECK(says(why_refused(file_of(in(entry("a", "F32", "[2]", 0, 4)), 4)), "reaches element 1"));
  CHECK(
      says(why_refused(file_of(in(entry("a", "F32", "[1]", 0, 8)), 8)), "takes 4 bytes by its shape and 8"));
  CHECK(says(why_refused(file_of(in(a + "," + a), 4)), "\"a\" appears twice"));
  CHECK(says(why_refused(file_of(
                 "{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4)),
             "\"dtype\" appears twice"));
  CHECK(says(why_refused(file_of(in(entry("a", "F99", "[1]", 0, 4)), 4)), "dtype F99"));
  CHECK(says(why_refused(file_of(in(entry("a", "F32", "[-1]", 0, 4)), 4)), "negative number"));
  CHECK(says(why_refused(file_of(in(entry("a", "F32", "[1.0]", 0, 4)), 4)), "fraction"));
  CHECK(says(why_refused(file_of(in(entry("a", "F32", "[18446744073709551615]", 0, 4)), 4)), "too large"));
  CHECK(says(why_refused(file_of(in(entry("a", "F32", "[4611686018427387904,4]", 0, 4)), 4)), "overflows"));
  CHECK(says(why_refused(file_of(in(entry("a", "F32", "\"1\"", 0, 4)), 4)), "a string at \"a.shape\""));
  CHECK(says(why_refused(file_of(in(entry("a", "F32", "[[1]]", 0, 4)), 4)), "an array"));
  CHECK(says(why_refused(file_of("{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4)),
             "lacks dtype, shape or data_offsets"));
  CHECK(says(
      why_refused(file_of("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"x\":1}}", 4)),
      "unknown field"));
  CHECK(says(why_refused(file_of("{\"a\":5}", 0)), "a number at \"a\""));
  CHECK(says(why_refused(file_of("{\"a\":[1]}", 0)), "an array at \"a\""));
  CHECK(says(why_refused(file_of("{\"a\":{\"shape\":{\"x\":1}}}", 0)), "an object"));
  CHECK(says(why_refused(file_of("{\"__metadata__\":{\"k\":1}}", 0)), "a number at \"__metadata__.k\""));
  CHECK(says(why_refused(file_of("{\"__metadata__\":\"text\"}", 0)), "a string"));
  CHECK(says(why_refused(file_of("{\"a\\u0000b\":{}}", 0)), "not a name for a tensor"));
  CHECK(says(why_refused(file_of("{\"\\u001b[2J\":{}}", 0)), "not a name for a tensor"));
  CHECK(says(why_refused(file_of("{\"\":{}}", 0)), "not a name for a tensor"));
  CHECK(says(why_refused(file_of("{", 0)), "no JSON"));
  CHECK(says(why_refused(file_of("{} {}", 0)), "no JSON"));
  CHECK(says(why_refused(file_of("{\"\xff\":{}}", 0)), "no JSON"));
  CHECK(says(why_refused(file_of(" {}", 0)), "begins with {"));
  CHECK(says(why_refused(file_of("[]", 0)), "begins with {"));
  CHECK(says(why_refused(file_of(text("{", std::string(100'000, '[')), 0)), "damaged safetensors header"));
  CHECK(says(why_refused(std::string("\xff\xff\xff\xff\xff\xff\xff\x7f{}", 10)),
             "header would take 9223372036854775807"));
  CHECK(says(why_refused(std::string("\x00\x00\x00\x01\x00\x00\x00\x00{}", 10)), "truncated"));
}
