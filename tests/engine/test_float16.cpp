#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "engine/core/float16.hpp"

using namespace backlight;

TEST_CASE("half: all 65536 values survive the way through float and back") {
  int wrong = 0;
  for (int bits = 0; bits < 0x10000; ++bits) {
    const auto half = static_cast<std::uint16_t>(bits);
    const float value = half_to_float(half);
    const bool nan = (bits & 0x7fff) > 0x7c00;
    wrong +=
        nan ? !std::isnan(value) || (float_to_half(value) & 0x7fff) <= 0x7c00 : float_to_half(value) != half;
  }
  CHECK(wrong == 0);
  CHECK(half_to_float(0x3c00) == 1.0f);
  CHECK(half_to_float(0x7bff) == 65504.0f);
  CHECK(half_to_float(0x0001) == 0x1p-24f);
}

TEST_CASE("half: rounding goes to the nearest value and from the middle to the even one") {
  int wrong = 0;
  for (int bits = 0; bits < 0x7bff; ++bits) {
    const float low = half_to_float(static_cast<std::uint16_t>(bits));
    const float high = half_to_float(static_cast<std::uint16_t>(bits + 1));
    const float middle = (low + high) / 2;
    const int even = bits % 2 == 0 ? bits : bits + 1;
    wrong += float_to_half(middle) != even;
    wrong += float_to_half(std::nextafter(middle, 0.0f)) != bits;
    wrong += float_to_half(std::nextafter(middle, 1e9f)) != bits + 1;
    wrong += float_to_half(-middle) != (even | 0x8000);
  }
  CHECK(wrong == 0);
  CHECK(float_to_half(65519.996f) == 0x7bff);
  CHECK(float_to_half(65520.0f) == 0x7c00);
  CHECK(float_to_half(std::numeric_limits<float>::infinity()) == 0x7c00);
  CHECK(float_to_half(0x1p-26f) == 0);
}

TEST_CASE("bfloat16: rounding goes to the nearest value and from the middle to the even one") {
  const auto round = [](std::uint32_t bits) { return float_to_bfloat16(std::bit_cast<float>(bits)); };
  CHECK(round(0x3f800000) == 0x3f80);
  CHECK(round(0x3f808000) == 0x3f80);
  CHECK(round(0x3f808001) == 0x3f81);
  CHECK(round(0x3f818000) == 0x3f82);
  CHECK(round(0xbf818000) == 0xbf82);
  CHECK(round(0x7f800000) == 0x7f80);
  CHECK((round(0x7f800001) & 0x7fff) > 0x7f80);
  CHECK(bfloat16_to_float(0x4049) == 3.140625f);
}
