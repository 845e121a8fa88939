// Idea: Winograd's F(2×2, 3×3) as it stands in the paper: 16 multiplications
// for four outputs of a channel instead of 36. All inputs are transformed into
// 16 matrices, in × tiles; the library multiplies each; all products are
// transformed back.
//
//   Y = Aᵀ [ (G g Gᵀ) ⊙ (Bᵀ d B) ] A    Bᵀ = 1  0 −1  0    G = 1   0   0    Aᵀ
//   = 1 1  1  0
//                                            0  1  1  0        ½   ½   ½ 0 1 −1
//                                            −1 0 −1  1  0        ½  −½   ½ 0
//                                            1  0 −1        0   0   1
//
// Hypothesis: 2.25 times fewer multiplications; but four times the picture, and
// four times the result, are written to
//   memory and read again, at a few operations each. At 64 channels these ways
//   cost about what the products save.
// Predicted limit: memory, and transforms that read single numbers.
// Next bottleneck: the ways through memory. The library keeps a block of tiles
// in the cache from input to output,
//   transforms a vector of tiles at once, and takes 4×4 outputs: 36
//   multiplications for 144.
// Source: Lavin and Gray, arXiv:1509.09308.
#include <array>
#include <memory>
#include <vector>

#include "kernels/matmul/matmul.hpp"
#include "kernels/study/cpu_convolution/ladder.hpp"

namespace backlight::study::cpu_convolution::v6_winograd {
namespace {

constexpr std::int64_t kPlaces = 16;
using Four = std::array<float, 4>;

Four input_line(float a, float b, float c, float d) { return {a - c, b + c, c - b, b - d}; }
Four filter_line(float a, float b, float c) { return {a, (a + b + c) / 2, (a - b + c) / 2, c}; }

/// u[place][o][c] = (G g Gᵀ)[place]
void transform_filters(const Params& a, const float* w, float* u) {
  for (std::int64_t f = 0; f < a.out * a.in; ++f) {
    const float* g = w + f * 9;
    Four columns[3];
    for (std::size_t s = 0; s < 3; ++s) columns[s] = filter_line(g[s], g[3 + s], g[6 + s]);
    for (std::size_t i = 0; i < 4; ++i) {
      const Four row = filter_line(columns[0][i], columns[1][i], columns[2][i]);
      for (std::size_t j = 0; j < 4; ++j) u[static_cast<std::int64_t>(4 * i + j) * a.out * a.in + f] = row[j];
    }
  }
}

/// v[place][c][tile] = (Bᵀ d B)[place]
void transform_input(const Params& a, std::int64_t across, std::int64_t tiles, const float* x, float* v) {
  for (std::int64_t c = 0; c < a.in; ++c)
    for (std::int64_t t = 0; t < tiles; ++t) {
      Four columns[4];
      for (std::int64_t j = 0; j < 4; ++j) {
        Four d{};
        for (std::int64_t i = 0; i < 4; ++i) {
          const std::int64_t row = t / across * 2 + i - 1, column = t % across * 2 + j - 1;
          if (row >= 0 && row < a.height && column >= 0 && column < a.width)
            d[static_cast<std::size_t>(i)] = x[(c * a.height + row) * a.width + column];
        }
        columns[j] = input_line(d[0], d[1], d[2], d[3]);
      }
      for (std::size_t i = 0; i < 4; ++i) {
        const Four row = input_line(columns[0][i], columns[1][i], columns[2][i], columns[3][i]);
        for (std::size_t j = 0; j < 4; ++j)
          v[(static_cast<std::int64_t>(4 * i + j) * a.in + c) * tiles + t] = row[j];
      }
    }
}

/// y from m[place][o][tile]
void transform_output(const Params& a, std::int64_t across, std::int64_t tiles, const float* m, float* y) {
  for (std::int64_t o = 0; o < a.out; ++o)
    for (std::int64_t t = 0; t < tiles; ++t) {
      float half[2][4];
      for (std::int64_t j = 0; j < 4; ++j) {
        float column[4];
        for (std::int64_t i = 0; i < 4; ++i) column[i] = m[((4 * i + j) * a.out + o) * tiles + t];
        half[0][j] = column[0] + column[1] + column[2];
        half[1][j] = column[1] - column[2] - column[3];
      }
      for (std::int64_t i = 0; i < 2; ++i) {
        const float pair[2] = {half[i][0] + half[i][1] + half[i][2], half[i][1] - half[i][2] - half[i][3]};
        for (std::int64_t j = 0; j < 2; ++j) {
          const std::int64_t row = t / across * 2 + i, column = t % across * 2 + j;
          if (row < a.height && column < a.width) y[(o * a.height + row) * a.width + column] = pair[j];
        }
      }
    }
}

}  // namespace

Convolution prepare(Context& context, const Params& a, const float* w) {
  const std::int64_t across = (a.width + 1) / 2, tiles = (a.height + 1) / 2 * across;
  auto u = std::make_shared<std::vector<float>>(kPlaces * a.out * a.in);
  auto v = std::make_shared<std::vector<float>>(kPlaces * a.in * tiles);
  auto m = std::make_shared<std::vector<float>>(kPlaces * a.out * tiles);
  transform_filters(a, w, u->data());
  return [=, &context](const float* x, float* y) {
    transform_input(a, across, tiles, x, v->data());
    cpu::matmul<float>(context, {.batch = kPlaces, .m = a.out, .n = tiles, .k = a.in}, u->data(), v->data(),
                       m->data());
    transform_output(a, across, tiles, m->data(), y);
  };
}

}  // namespace backlight::study::cpu_convolution::v6_winograd
