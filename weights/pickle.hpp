// A machine for Python's pickle that builds data only: globals are names, calls are recorded and never made.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "weights/byte_reader.hpp"
#include "weights/limits.hpp"

namespace backlight::weights {

/// Index into Pickle::nodes. Values that the pickle shares are shared here, never copied.
using PickleId = std::uint32_t;

enum class PickleKind : std::uint8_t {
  none,
  boolean,      ///< integer
  integer,      ///< integer
  big_integer,  ///< text: little-endian two's complement, or decimal digits in protocol 0 and 1
  real,         ///< real
  string,       ///< text
  bytes,        ///< text
  tuple,        ///< items
  list,         ///< items
  set,          ///< items
  dict,         ///< items: key, value, key, value …; an OrderedDict or defaultdict too
  global,       ///< text: `module.name`
  call,         ///< items: what would be called, its arguments, and the state given to the result, if any
  persistent,   ///< items: the persistent id
};

struct PickleNode {
  PickleKind kind = PickleKind::none;
  std::uint16_t depth = 0;
  union {
    std::int64_t integer = 0;
    double real;
  };
  /// Points into the input or, for a global, into Pickle::global_names.
  std::string_view text;
  std::vector<PickleId> items;
};

/// Its nodes view its names, so that it moves and is never copied.
struct Pickle {
  Pickle() = default;
  Pickle(Pickle&&) = default;
  Pickle& operator=(Pickle&&) = default;

  std::vector<PickleNode> nodes;
  PickleId root = 0;
  std::unordered_set<std::string> global_names;

  const PickleNode& operator[](PickleId id) const { return nodes[id]; }
};

/// Runs one pickle, protocols 0 to 5, and leaves `in` behind its STOP. The input must outlive the result.
/// Throws Error(bad_input) for malformed input, input beyond the limits, and input that would have Python run
/// programs or code (`os.system`, `builtins.eval` …); Error(unsupported) for extension registries and
/// out-of-band buffers.
Pickle unpickle(ByteReader& in, const CheckpointLimits& limits);

/// Text from a file made fit for a message: at most 80 bytes, unprintable ones as `?`.
std::string printable(std::string_view text);

}  // namespace backlight::weights
