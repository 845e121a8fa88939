// No header of its own: v5_register_tile.cpp includes it once for each
// instruction set, inside a namespace that says how long a register is.

using Vector = float __attribute__((vector_size(kBytes)));
constexpr std::int64_t kLanes = kBytes / sizeof(float), kWidth = 2 * kLanes;

/// sum[i][j] = Σ_k a[k·kRows + i] · b[k·kWidth + j]
void tile(std::int64_t depth, const float* a, const float* b, float* to) {
  Vector sum[kRows][2] = {};
  for (std::int64_t k = 0; k < depth; ++k, a += kRows, b += kWidth) {
    Vector left, right;
    std::memcpy(&left, b, sizeof left);
    std::memcpy(&right, b + kLanes, sizeof right);
    for (int i = 0; i < kRows; ++i) {
      sum[i][0] += a[i] * left;
      sum[i][1] += a[i] * right;
    }
  }
  std::memcpy(to, sum, sizeof sum);
}
