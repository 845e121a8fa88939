// No header of its own: v3_register_tile.cpp includes it once for each
// instruction set, inside a namespace that says how long a register is.

using Vector = float __attribute__((vector_size(kBytes)));
constexpr std::int64_t kLanes = kBytes / sizeof(float);

/// to[i][q] = Σ_{c,r,s} w[c][r][s][i] · x[c·plane + r·pitch + q + s], of
/// kChannels × kLanes
void tile(std::int64_t in, std::int64_t plane, std::int64_t pitch, const float* w, const float* x,
          float* to) {
  Vector sum[kChannels] = {};
  for (std::int64_t c = 0; c < in; ++c)
    for (std::int64_t r = 0; r < 3; ++r)
      for (std::int64_t s = 0; s < 3; ++s, w += kChannels) {
        Vector pixels;
        std::memcpy(&pixels, x + c * plane + r * pitch + s, sizeof pixels);
        for (int i = 0; i < kChannels; ++i) sum[i] += w[i] * pixels;
      }
  std::memcpy(to, sum, sizeof sum);
}
