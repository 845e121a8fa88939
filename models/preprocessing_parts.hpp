// Single parts of a network's preprocessing, said by a user or by a file of weights.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/core/error.hpp"
#include "kernels/preprocess/preprocess.hpp"

namespace backlight {

/// Who said how a picture is prepared.
enum class Origin : std::uint8_t {
  network,    ///< the architecture's own default
  published,  ///< known of the published file that has this content
  metadata,   ///< the file of weights says so
  option,     ///< the caller says so
  derived,    ///< follows from another part that was given
};
/// "network", "published", "metadata", "option", "derived".
std::string_view name_of(Origin origin);

/// What is not given stays as the network has it.
struct PreprocessingParts {
  std::optional<int> input_size, resize_size;
  std::optional<Filter> interpolation;
  /// Without it, mean and std decide: any of their numbers above 1 means samples of 0…255, otherwise 0…1.
  std::optional<float> divisor;
  std::optional<bool> bgr;
  /// One per channel in the network's order, or empty; also three for the colours of a network that takes alpha,
  /// too, or for the grey of one channel.
  std::vector<float> mean, std;

  /// All of them; without mean and std where the channels are not 1, 3 or 4.
  static PreprocessingParts of(const Preprocessing& how);
  friend bool operator==(const PreprocessingParts&, const PreprocessingParts&) = default;
};

/// Where the parts of a Preprocessing are from.
struct PreprocessingOrigins {
  Origin input_size = Origin::network, resize_size = Origin::network, interpolation = Origin::network,
         divisor = Origin::network, mean = Origin::network, std = Origin::network,
         channel_order = Origin::network;

  friend bool operator==(const PreprocessingOrigins&, const PreprocessingOrigins&) = default;
};

/// Where a value was said, which is what an error about it begins with, and the error's kind.
struct Place {
  ErrorKind kind;
  std::string where;
};

/// Reads one part from text. `part` is `mean` and `std` (`0.485,0.456,0.406`, also in brackets or with
/// spaces), `input_size`, `resize_size`, `interpolation`, `divisor` or `channel_order`. Throws an Error of
/// the place for what is not finite, a std that is not positive, a size that is not between 1 and 16384, and
/// text of another form.
void set_part(PreprocessingParts& parts, std::string_view part, std::string_view text, const Place& place);

/// The parts that are given, as text that set_part reads back.
std::map<std::string, std::string> parts_text(const PreprocessingParts& parts);

/// Puts the parts in their places. A new input size without a resize size scales the resize with it. Three means
/// or stds are averaged for one channel; for four they are the colours', and alpha is taken from 0 to 1. Throws an
/// Error of the place for other numbers that are not as many as channels, where the channels are not 1, 3 or 4
/// and numbers are given, and where not both mean and std are given and what
/// is given is of another range of samples than the rest.
void apply(const PreprocessingParts& parts, Origin origin, const Place& place, Preprocessing& how,
           PreprocessingOrigins& origins);

}  // namespace backlight
