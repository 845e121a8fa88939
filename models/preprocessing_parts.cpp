#include "models/preprocessing_parts.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "weights/numbers.hpp"
#include "weights/pickle.hpp"

namespace backlight {
namespace {

constexpr int kMaxSize = 16384;
constexpr float kMaxNumber = 1000;
constexpr float kSamplesTo255 = 1, kSamplesTo1 = 255;  // divisors

template <class... Parts>
[[noreturn]] void refuse(const Place& place, std::string_view found, const Parts&... expected) {
  throw Error(place.kind, place.where, ": found '", weights::printable(found), "', expected ", expected...);
}

int parse_size(std::string_view text, const Place& place) {
  const auto size = weights::number_in<int>(text);
  if (!size || *size < 1 || *size > kMaxSize)
    refuse(place, text, "a whole number of pixels from 1 to ", kMaxSize);
  return *size;
}

std::vector<float> parse_numbers(std::string_view text, bool positive, const Place& place) {
  const std::string expected = std::string("one number per channel, such as 0.485,0.456,0.406, each ") +
                               (positive ? "above 0" : "finite") + " and at most 1000";
  std::string_view rest = text;
  if (rest.starts_with('[') && rest.ends_with(']')) rest = rest.substr(1, rest.size() - 2);
  std::vector<float> numbers;
  while (true) {
    constexpr const char* kSeparators = ", ";
    rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
    const std::string_view word = rest.substr(0, rest.find_first_of(kSeparators));
    const auto number = weights::number_in<float>(word);
    if (!number || !(std::abs(*number) <= kMaxNumber) || (positive && !(*number > 0)))
      refuse(place, text, expected);
    numbers.push_back(*number);
    rest.remove_prefix(word.size());
    rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
    if (rest.empty()) return numbers;
    if (rest.starts_with(',')) rest.remove_prefix(1);
  }
}

/// The fewest digits that mean each number.
std::string list_text(const std::vector<float>& numbers) {
  std::string out;
  for (const float number : numbers) {
    char digits[32];
    const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
    out.append(out.empty() ? "[" : ",").append(digits, end);
  }
  return out + "]";
}

float implied_divisor(const PreprocessingParts& parts) {
  const auto large = [](float v) { return std::abs(v) > 1; };
  return std::ranges::any_of(parts.mean, large) || std::ranges::any_of(parts.std, large) ? kSamplesTo255
                                                                                         : kSamplesTo1;
}

const char* range_of(float divisor) { return divisor == kSamplesTo255 ? "0 to 255" : "0 to 1"; }

/// Of divisor, mean and std only some are given: they must be of the samples that the others are of.
void require_same_samples(const PreprocessingParts& parts, float divisor, const Preprocessing& how,
                          const Place& place) {
  const bool mean = !parts.mean.empty(), deviation = !parts.std.empty();
  if ((mean && deviation) || divisor == how.divisor) return;
  const std::string found = mean        ? "a mean of " + list_text(parts.mean)
                            : deviation ? "a std of " + list_text(parts.std)
                                        : "a divisor";
  throw Error(place.kind, place.where, ": found ", found, " for samples of ", range_of(divisor),
              ", where the rest is for samples of ", range_of(how.divisor), "; expected both mean and std");
}

void require_channels(const std::vector<float>& numbers, int channels, const char* what, const Place& place) {
  if (numbers.empty()) return;
  if (channels != 1 && channels != 3 && channels != 4)
    throw Error(place.kind, place.where, ": found a ", what, ", but the network takes ", channels,
                " channels; expected none, because only networks of 1, 3 or 4 channels are given pictures");
  if (numbers.size() != 3 && std::ssize(numbers) != channels)
    throw Error(place.kind, place.where, ": found ", numbers.size(), " numbers for the ", what,
                ", expected one for each of the network's ", channels, " channels");
}

/// Of one channel there is one number: the average of three. Of three there is none for alpha.
void put(const std::vector<float>& numbers, int channels, float alpha, std::array<float, 4>& to) {
  to.back() = alpha;
  if (channels == 1)
    to.fill(std::accumulate(numbers.begin(), numbers.end(), 0.0f) / static_cast<float>(numbers.size()));
  else
    std::ranges::copy(numbers, to.begin());
}

/// Where alpha's number is not given, it follows.
Origin origin_of(const std::vector<float>& numbers, int channels, Origin origin) {
  return channels == 4 && numbers.size() == 3 ? Origin::derived : origin;
}

}  // namespace

std::string_view name_of(Origin origin) {
  switch (origin) {
    case Origin::network:
      return "network";
    case Origin::published:
      return "published";
    case Origin::metadata:
      return "metadata";
    case Origin::option:
      return "option";
    case Origin::derived:
      return "derived";
  }
  throw Error(ErrorKind::internal, "an origin without a name");
}

PreprocessingParts PreprocessingParts::of(const Preprocessing& how) {
  const std::ptrdiff_t numbers =
      how.channels == 1 || how.channels == 3 || how.channels == 4 ? how.channels : 0;
  return {how.input_size,
          how.resize_size,
          how.interpolation,
          how.divisor,
          how.bgr,
          {how.mean.begin(), how.mean.begin() + numbers},
          {how.std.begin(), how.std.begin() + numbers}};
}

void set_part(PreprocessingParts& parts, std::string_view part, std::string_view text, const Place& place) {
  if (part == "input_size") {
    parts.input_size = parse_size(text, place);
  } else if (part == "resize_size") {
    parts.resize_size = parse_size(text, place);
  } else if (part == "mean") {
    parts.mean = parse_numbers(text, false, place);
  } else if (part == "std") {
    parts.std = parse_numbers(text, true, place);
  } else if (part == "divisor") {
    if (text != "1" && text != "255")
      refuse(place, text, "255 (samples of 0 to 1) or 1 (samples of 0 to 255)");
    parts.divisor = text == "1" ? kSamplesTo255 : kSamplesTo1;
  } else if (part == "channel_order") {
    if (text != "RGB" && text != "BGR") refuse(place, text, "RGB or BGR");
    parts.bgr = text == "BGR";
  } else if (part == "interpolation") {
    constexpr std::array kFilters{Filter::bilinear, Filter::bicubic, Filter::lanczos};
    const auto* const filter = std::ranges::find(kFilters, text, [](Filter each) { return name_of(each); });
    if (filter == kFilters.end()) refuse(place, text, "bilinear, bicubic or lanczos");
    parts.interpolation = *filter;
  } else {
    throw Error(place.kind, place.where, ": '", part, "' is no part of a preprocessing");
  }
}

std::map<std::string, std::string> parts_text(const PreprocessingParts& parts) {
  std::map<std::string, std::string> out;
  if (parts.input_size) out["input_size"] = std::to_string(*parts.input_size);
  if (parts.resize_size) out["resize_size"] = std::to_string(*parts.resize_size);
  if (parts.interpolation) out["interpolation"] = name_of(*parts.interpolation);
  if (!parts.mean.empty()) out["mean"] = list_text(parts.mean);
  if (!parts.std.empty()) out["std"] = list_text(parts.std);
  if (parts.divisor) out["divisor"] = *parts.divisor == kSamplesTo255 ? "1" : "255";
  if (parts.bgr) out["channel_order"] = *parts.bgr ? "BGR" : "RGB";
  return out;
}

void apply(const PreprocessingParts& parts, Origin origin, const Place& place, Preprocessing& how,
           PreprocessingOrigins& origins) {
  require_channels(parts.mean, how.channels, "mean", place);
  require_channels(parts.std, how.channels, "std", place);
  if (!parts.mean.empty() || !parts.std.empty() || parts.divisor) {
    const float divisor = parts.divisor.value_or(implied_divisor(parts));
    require_same_samples(parts, divisor, how, place);
    how.divisor = divisor;
    origins.divisor = parts.divisor ? origin : Origin::derived;
  }
  if (!parts.mean.empty()) {
    put(parts.mean, how.channels, 0, how.mean);
    origins.mean = origin_of(parts.mean, how.channels, origin);
  }
  if (!parts.std.empty()) {
    put(parts.std, how.channels, 255 / how.divisor, how.std);
    origins.std = origin_of(parts.std, how.channels, origin);
  }
  if (parts.bgr) {
    how.bgr = *parts.bgr;
    origins.channel_order = origin;
  }
  if (parts.interpolation) {
    how.interpolation = *parts.interpolation;
    origins.interpolation = origin;
  }
  if (parts.input_size && !parts.resize_size) {
    how.resize_size = static_cast<int>(
        std::lround(static_cast<double>(how.resize_size) * *parts.input_size / how.input_size));
    origins.resize_size = Origin::derived;
  }
  if (parts.input_size) {
    how.input_size = *parts.input_size;
    origins.input_size = origin;
  }
  if (parts.resize_size) {
    how.resize_size = *parts.resize_size;
    origins.resize_size = origin;
  }
}

}  // namespace backlight
