#include "engine/image/map.hpp"

#include <algorithm>
#include <cmath>

namespace backlight {

MapSize require_map(const Tensor& map, const char* who) {
  const Shape& shape = map.shape();
  bool is_map = map.defined() && shape.rank() >= 2 && shape.numel() > 0;
  for (int i = 0; i < shape.rank() - 2; ++i) is_map = is_map && shape[i] == 1;
  if (!is_map)
    throw Error(ErrorKind::bad_input, "[", who, "] the map is ", shape,
                ", expected H×W with positive extents");
  const auto values = map.values();
  const auto bad = std::find_if_not(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
  if (bad != values.end())
    throw Error(ErrorKind::bad_input, "[", who, "] the map ", shape, " holds ", *bad, " at element ",
                bad - values.begin(), ", expected finite values");
  return {shape[-2], shape[-1]};
}

}  // namespace backlight
