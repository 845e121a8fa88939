#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>
#include <utility>

#include "engine/core/rows.hpp"
#include "engine/core/tensor.hpp"

using namespace backlight;

namespace {

struct TypeFact {
  DType dtype;
  std::size_t size;
  const char* name;
};
constexpr TypeFact kTypeFacts[] = {{DType::f32, 4, "float32"}, {DType::f64, 8, "float64"},
                                   {DType::f16, 2, "float16"}, {DType::bf16, 2, "bfloat16"},
                                   {DType::i32, 4, "int32"},   {DType::i64, 8, "int64"},
                                   {DType::u8, 1, "uint8"}};

std::vector<std::uint8_t> bytes_of(const Tensor& tensor) {
  const auto* bytes = static_cast<const std::uint8_t*>(tensor.raw());
  return {bytes, bytes + tensor.bytes()};
}

/// A value, and how it is stored.
struct Stored {
  DType dtype;
  std::uint16_t bits;
  double value;
};
constexpr double kInfinity = std::numeric_limits<double>::infinity();

std::uint16_t bits_of(const Tensor& tensor) { return *static_cast<const std::uint16_t*>(tensor.raw()); }
void set_bits(Tensor& tensor, std::uint16_t bits) { *static_cast<std::uint16_t*>(tensor.raw()) = bits; }

template <class T>
void check_read_as(const Tensor& tensor) {
  if (tensor.dtype() == dtype_of<T>) {
    CHECK(tensor.data<T>() == tensor.raw());
    CHECK(tensor.values<T>().size() == 2);
  } else {
    CHECK_THROWS_AS(tensor.data<T>(), Error);
    CHECK_THROWS_AS((void)tensor.values<T>(), Error);
  }
}

}  // namespace

TEST_CASE("shape: prints its extents and counts its elements") {
  CHECK(text(Shape{1, 3, 224, 224}) == "1×3×224×224");
  CHECK(Shape{2, 3, 0}.numel() == 0);
  CHECK(Shape{4, 5}[-1] == 5);
  CHECK(Shape{4, 5}.with(-1, 7) == Shape{4, 7});
}

TEST_CASE("shape: refuses negative extents and high ranks and overflow") {
  CHECK_THROWS_AS((Shape{1, -1}), Error);
  CHECK_THROWS_AS((Shape{1, 1, 1, 1, 1, 1, 1}), Error);
  const std::int64_t big = std::numeric_limits<std::int64_t>::max() / 2;
  CHECK_THROWS_AS((Shape{big, 3}), Error);
  CHECK_THROWS_AS((Shape{big, 3, 0}), Error);
}

TEST_CASE("tensor: moves and clones and converts and reshapes without losing elements") {
  Tensor a = Tensor::from({2, 2}, std::vector<float>{1, 2, 3, 4});
  Tensor b = a.clone();
  b.values()[0] = 9;
  CHECK(a.values()[0] == 1);
  Tensor c = std::move(a);
  CHECK_FALSE(a.defined());
  CHECK(c.to(DType::f64).data<double>()[3] == 4.0);
  CHECK_THROWS_AS(c.data<double>(), Error);
  CHECK_THROWS_AS(std::move(c).reshaped({3}), Error);
  CHECK(std::move(b).reshaped({4}).values()[3] == 4);
}

TEST_CASE("dtype: every type has a size and a name") {
  for (const auto& [dtype, size, name] : kTypeFacts) {
    CHECK(text(dtype) == name);
    CHECK(size_of(dtype) == size);
    CHECK(is_computed(dtype) == (dtype == DType::f32 || dtype == DType::f64));
  }
}

TEST_CASE("dtype: an operation on floating-point numbers refuses the other types by name") {
  for (const auto& [dtype, size, name] : kTypeFacts) {
    std::size_t found = 0;
    const auto call = [&] { dispatch_dtype(dtype, [&]<class T>() { found = sizeof(T); }); };
    if (is_computed(dtype)) {
      call();
      CHECK(found == size);
    } else {
      CHECK_THROWS_WITH_AS(
          call(), text("the tensor of an operation is ", name, ", expected float32 or float64").c_str(),
          Error);
    }
  }
}

TEST_CASE("tensor: of every type is zero, moves, clones and gives its memory back once") {
  const auto pool = make_host_pool();
  for (const auto& [dtype, size, name] : kTypeFacts) {
    CAPTURE(name);
    for (const auto& where : {pool, std::shared_ptr<MemoryPool>()}) {
      Tensor first = Tensor::zeros({3, 5}, dtype, where), second({32}, dtype, where);
      CHECK(first.bytes() == 15 * size);
      CHECK(bytes_of(first) == std::vector<std::uint8_t>(15 * size, 0));
      for (std::size_t i = 0; i < first.bytes(); ++i)
        static_cast<std::uint8_t*>(first.raw())[i] = static_cast<std::uint8_t>(i);
      const std::vector<std::uint8_t> bytes = bytes_of(first);
      second = std::move(first);
      CHECK_FALSE(first.defined());
      CHECK(second.shape() == Shape{3, 5});
      CHECK(second.dtype() == dtype);
      const Tensor copies[] = {second.clone(), second.to_host(), second.to(dtype)};
      for (const Tensor& copy : copies) {
        CHECK(copy.dtype() == dtype);
        CHECK(copy.raw() != second.raw());
        CHECK(bytes_of(copy) == bytes);
      }
    }
    CHECK(pool->bytes_in_use() == 0);
  }
}

TEST_CASE("tensor: is read as its own type only") {
  for (const auto& [dtype, size, name] : kTypeFacts) {
    CAPTURE(name);
    const Tensor tensor = Tensor::zeros({2}, dtype);
    check_read_as<float>(tensor);
    check_read_as<double>(tensor);
    check_read_as<std::int32_t>(tensor);
    check_read_as<std::int64_t>(tensor);
    check_read_as<std::uint8_t>(tensor);
  }
  CHECK_THROWS_WITH_AS(Tensor::zeros({2}, DType::i64).data<float>(), "a tensor of int64 was read as float32",
                       Error);
  CHECK_THROWS_AS((void)Tensor().raw(), Error);
  CHECK_THROWS_AS((void)Tensor().clone(), Error);
}

TEST_CASE("tensor: what fits is converted between all types") {
  const Tensor start = Tensor::from({3}, std::vector<float>{0, 7, 255});
  for (const auto& [from, from_size, from_name] : kTypeFacts)
    for (const auto& [to, to_size, to_name] : kTypeFacts) {
      CAPTURE(from_name);
      CAPTURE(to_name);
      const Tensor converted = start.to(from).to(to);
      CHECK(converted.dtype() == to);
      CHECK(std::ranges::equal(converted.to(DType::f32).values(), start.values()));
      Tensor filled({3}, to);
      filled.fill(9);
      CHECK(filled.to(DType::i64).values<std::int64_t>()[2] == 9);
    }
  const Tensor rounded = Tensor::from({4}, std::vector<float>{1.9f, -1.9f, -0.9f, 255.9f}).to(DType::i32);
  CHECK(std::ranges::equal(rounded.values<std::int32_t>(), std::array{1, -1, 0, 255}));
  CHECK(Tensor::from({2}, std::vector<float>{-0.9f, 255.9f}).to(DType::u8).values<std::uint8_t>()[1] == 255);
}

TEST_CASE("tensor: 16 bits say what their formats say") {
  for (const Stored& stored : {Stored{DType::f16, 0x3c00, 1},
                               {DType::f16, 0xc000, -2},
                               {DType::f16, 0x0000, 0},
                               {DType::f16, 0x8000, -0.0},
                               {DType::f16, 0x7bff, 65504},
                               {DType::f16, 0x0400, 0x1p-14},
                               {DType::f16, 0x03ff, 1023 * 0x1p-24},
                               {DType::f16, 0x8001, -0x1p-24},
                               {DType::f16, 0x7c00, kInfinity},
                               {DType::f16, 0xfc00, -kInfinity},
                               {DType::bf16, 0x3f80, 1},
                               {DType::bf16, 0xc000, -2},
                               {DType::bf16, 0x0000, 0},
                               {DType::bf16, 0x8000, -0.0},
                               {DType::bf16, 0x4049, 3.140625},
                               {DType::bf16, 0x7f7f, 0x1.fep127},
                               {DType::bf16, 0x0080, 0x1p-126},
                               {DType::bf16, 0x007f, 127 * 0x1p-133},
                               {DType::bf16, 0x8001, -0x1p-133},
                               {DType::bf16, 0x7f80, kInfinity},
                               {DType::bf16, 0xff80, -kInfinity}}) {
    CAPTURE(stored.dtype);
    CAPTURE(stored.bits);
    Tensor tensor({1}, stored.dtype);
    set_bits(tensor, stored.bits);
    const double read = tensor.to(DType::f64).values<double>()[0];
    CHECK(read == stored.value);
    CHECK(std::signbit(read) == std::signbit(stored.value));
    CHECK(tensor.to(DType::f32).values()[0] == static_cast<float>(stored.value));
    CHECK(bits_of(tensor.to(DType::f32).to(stored.dtype)) == stored.bits);
    CHECK(bits_of(tensor.to(DType::f64).to(stored.dtype)) == stored.bits);
  }
}

TEST_CASE("tensor: 16 bits hold what is nearest and from the middle what is even") {
  for (const Stored& rounded : {Stored{DType::f16, 0x3c00, 1 + 0x1p-11},
                                {DType::f16, 0x3c02, 1 + 3 * 0x1p-11},
                                {DType::f16, 0x3c01, 1 + 0x1p-11 + 0x1p-23},
                                {DType::f16, 0x0000, 0x1p-25},
                                {DType::f16, 0x0002, 3 * 0x1p-25},
                                {DType::f16, 0x0400, 2047 * 0x1p-25},
                                {DType::f16, 0x7bff, 65519},
                                {DType::f16, 0x7c00, 65520},
                                {DType::f16, 0xfc00, -65520},
                                {DType::f16, 0xfc00, -0x1p127},
                                {DType::bf16, 0x3f80, 1 + 0x1p-8},
                                {DType::bf16, 0x3f82, 1 + 3 * 0x1p-8},
                                {DType::bf16, 0x3f81, 1 + 0x1p-8 + 0x1p-23},
                                {DType::bf16, 0x0000, 0x1p-134},
                                {DType::bf16, 0x0002, 3 * 0x1p-134},
                                {DType::bf16, 0x7f7f, 0x1.fefffep127},
                                {DType::bf16, 0x7f80, 0x1.ffp127},
                                {DType::bf16, 0xff80, -0x1.ffp127}}) {
    CAPTURE(rounded.dtype);
    CAPTURE(rounded.value);
    const Tensor narrow = Tensor::from({1}, std::vector<float>{static_cast<float>(rounded.value)});
    CHECK(bits_of(narrow.to(rounded.dtype)) == rounded.bits);
    CHECK(bits_of(narrow.to(DType::f64).to(rounded.dtype)) == rounded.bits);
  }
}

TEST_CASE("tensor: what float32 has no room for is rounded to 16 bits once") {
  for (const Stored& once : {Stored{DType::f16, 0x3c01, 1 + 0x1p-11 + 0x1p-40},
                             {DType::f16, 0x3c01, 1 + 3 * 0x1p-11 - 0x1p-40},
                             {DType::f16, 0xbc01, -1 - 0x1p-11 - 0x1p-40},
                             {DType::f16, 0x0001, 0x1p-25 + 0x1p-70},
                             {DType::f16, 0x7bff, 65520 - 0x1p-30},
                             {DType::f16, 0x0000, 1e-300},
                             {DType::f16, 0xfc00, -1e300},
                             {DType::bf16, 0x3f81, 1 + 0x1p-8 + 0x1p-40},
                             {DType::bf16, 0x3f81, 1 + 3 * 0x1p-8 - 0x1p-40},
                             {DType::bf16, 0x0001, 0x1p-134 + 0x1p-170},
                             {DType::bf16, 0x7f7f, 0x1.ffp127 - 0x1p80},
                             {DType::bf16, 0x7f80, 1e300}}) {
    CAPTURE(once.dtype);
    CAPTURE(once.value);
    Tensor wide({1}, DType::f64), filled({1}, once.dtype);
    wide.fill(once.value);
    filled.fill(once.value);
    CHECK(bits_of(wide.to(once.dtype)) == once.bits);
    CHECK(bits_of(filled) == once.bits);
  }
  Tensor whole({1}, DType::i64);
  whole.values<std::int64_t>()[0] = (std::int64_t{1} << 62) + (std::int64_t{1} << 54) + 1;
  CHECK(bits_of(whole.to(DType::bf16)) == 0x5e81);
  CHECK(bits_of(whole.to(DType::f16)) == 0x7c00);
}

TEST_CASE("tensor: NaN stays NaN in 16 bits") {
  for (const auto& [dtype, infinity] : {std::pair{DType::f16, 0x7c00}, {DType::bf16, 0x7f80}}) {
    CAPTURE(dtype);
    for (const std::uint32_t nan : {0x7fc00000u, 0x7f800001u, 0xffffffffu}) {
      const Tensor narrow = Tensor::from({1}, std::vector<float>{std::bit_cast<float>(nan)});
      const Tensor all[] = {narrow.to(dtype), narrow.to(DType::f64).to(dtype)};
      for (const Tensor& stored : all) {
        CHECK((bits_of(stored) & 0x7fff) > infinity);
        CHECK(std::isnan(stored.to(DType::f32).values()[0]));
        CHECK(std::isnan(stored.to(DType::f64).values<double>()[0]));
        CHECK_THROWS_AS((void)stored.to(DType::i32), Error);
      }
    }
  }
}

TEST_CASE("tensor: what does not fit is refused by value") {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  const auto converts = [](float value, DType dtype) {
    (void)Tensor::from({1}, std::vector<float>{value}).to(dtype);
  };
  CHECK_THROWS_WITH_AS(converts(256, DType::u8), "the value 256 does not fit a tensor of uint8", Error);
  CHECK_THROWS_AS(converts(-1, DType::u8), Error);
  CHECK_THROWS_AS(converts(0x1p31f, DType::i32), Error);
  CHECK_NOTHROW(converts(-0x1p31f, DType::i32));
  CHECK_THROWS_AS(converts(0x1p63f, DType::i64), Error);
  CHECK_NOTHROW(converts(-0x1p63f, DType::i64));
  for (const DType dtype : {DType::u8, DType::i32, DType::i64}) CHECK_THROWS_AS(converts(kNan, dtype), Error);
  Tensor large({1}, DType::i64);
  large.fill(0x1p31);
  CHECK_THROWS_AS((void)large.to(DType::i32), Error);
  CHECK_THROWS_WITH_AS((void)large.to(DType::f16).to(DType::i64),
                       "the value inf does not fit a tensor of int64", Error);
}

TEST_CASE("tensor: structs lie in the bytes of one that was made for them") {
  struct Pair {
    std::int32_t a, b;
  };
  Tensor tensor = Tensor::zeros({3, sizeof(Pair)}, DType::u8);
  tensor.records<Pair>()[1] = {4, 5};
  CHECK(tensor.clone().records<Pair>().size() == 3);
  CHECK(tensor.clone().records<Pair>()[1].b == 5);
  CHECK_THROWS_WITH_AS((void)tensor.records<double[2]>(), "a tensor of 3×8 was read as structs of 16 bytes",
                       Error);
  CHECK_THROWS_AS((void)Tensor::zeros({24}, DType::u8).records<Pair>(), Error);
  CHECK_THROWS_AS((void)Tensor::zeros({3, sizeof(Pair)}).records<Pair>(), Error);
}

TEST_CASE("memory pool: a freed block is handed out again and the peak is counted") {
  const auto pool = make_host_pool();
  const void* first = nullptr;
  {
    Tensor a({1000}, DType::f32, pool);
    first = a.data<float>();
    CHECK(pool->bytes_in_use() >= 4000);
  }
  CHECK(pool->bytes_in_use() == 0);
  Tensor b({990}, DType::f32, pool);
  CHECK(b.data<float>() == first);
  CHECK(pool->peak_bytes() < 8000);
}

TEST_CASE("tensor rows: are those asked for, in their order, of any type") {
  const Tensor values = Tensor::from({3, 2}, std::vector<float>{0, 1, 10, 11, 20, 21});
  const Tensor chosen = rows_of(values, std::vector<std::int64_t>{2, 0, 2});
  CHECK(chosen.shape() == Shape{3, 2});
  CHECK(std::ranges::equal(chosen.values(), std::vector<float>{20, 21, 0, 1, 20, 21}));
  CHECK(rows_of(values.to(DType::i64), std::vector<std::int64_t>{1}).values<std::int64_t>()[1] == 11);
  CHECK(rows_of(values, {}).shape() == Shape{0, 2});
  for (const std::int64_t row : {-1, 3})
    CHECK_THROWS_WITH_AS(rows_of(values, std::vector<std::int64_t>{row}),
                         doctest::Contains("but there are 3"), Error);
}
