#include <algorithm>
#include <array>

#include "engine/image/codec.hpp"

namespace backlight {

template <class Sample>
void take_samples(const Sample* samples, int channels, std::size_t first_pixel, std::size_t count,
                  Pixels& out) {
  constexpr int kShift = 8 * (sizeof(Sample) - 1);
  constexpr int kOpaque = (1 << 8 * sizeof(Sample)) - 1;
  std::uint8_t* to = &out.rgb[first_pixel * 3];
  const bool colour = channels >= 3, alpha = channels % 2 == 0;
  if (sizeof(Sample) > 1)
    for (std::size_t i = 0; i < count * channels; ++i)
      if (!alpha || i % channels != static_cast<std::size_t>(channels) - 1)
        out.largest = std::max(out.largest, int{samples[i]});
  for (std::size_t i = 0; i < count; ++i, samples += channels, to += 3) {
    for (int c = 0; c < 3; ++c) to[c] = static_cast<std::uint8_t>(samples[colour ? c : 0] >> kShift);
    const int opacity = alpha ? samples[channels - 1] : kOpaque;
    if (opacity != kOpaque && out.wanted == Alpha::keep && out.alpha.empty())
      out.alpha.assign(static_cast<std::size_t>(out.width) * out.height, 255);
    if (!out.alpha.empty()) out.alpha[first_pixel + i] = static_cast<std::uint8_t>(opacity >> kShift);
    if (opacity == kOpaque) continue;
    Transparency& seen = out.transparency;
    ++seen.pixels;
    if (opacity != 0) continue;
    if (seen.fully++ == 0) std::copy_n(to, 3, seen.colour.begin());
    seen.hidden_colours = seen.hidden_colours || !std::equal(to, to + 3, seen.colour.begin());
  }
}

template void take_samples(const std::uint8_t*, int, std::size_t, std::size_t, Pixels&);
template void take_samples(const std::uint16_t*, int, std::size_t, std::size_t, Pixels&);

}  // namespace backlight
