// RISE (Petsiuk et al. 2018, arXiv:1806.07421): masks that let a pixel through, weighed by what the network says of the
// picture x behind them:
//
//   L = 1/(N p) Σ_n y(x ∘ M_n) M_n
//
// M_n is a grid of s×s cells, each 1 with probability p and else 0, enlarged bilinearly to (s + 1)·⌈H/s⌉ by
// (s + 1)·⌈W/s⌉, of which an H×W part is taken, at ⌊u ⌈H/s⌉⌋ and ⌊u ⌈W/s⌉⌋. All of M_n is a pure function of the
// seed, n, s, p and the size: of random_uniform(random_bits(seed, n), i) the first is the row's u, the second the
// column's, and cell i is 1 where number i + 2 is below p.
//
//   paper-code  the enlarged grid is mirrored at its outermost cells' centres, as scikit-image does it; else repeated
//
// y is the target; the authors take the class's probability, which is another one (Aim::probability). The map has the
// input's size, and where the network says the same behind every mask it is that, but for N.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

#include "engine/core/random.hpp"
#include "engine/explain/methods/list.hpp"
#include "engine/explain/sampling.hpp"

namespace backlight {
namespace {

constexpr std::array kRisePresets{Preset::paper, Preset::pytorch_grad_cam, Preset::captum, Preset::torch_cam,
                                  Preset::paper_code};

/// M_n, one after another into the same memory: each thread has its own.
class GridMask {
 public:
  GridMask(const RandomMasks& masks, std::uint64_t seed, bool mirrored, std::int64_t height,
           std::int64_t width)
      : masks_(masks),
        seed_(seed),
        mirrored_(mirrored),
        width_(static_cast<std::size_t>(width)),
        values_(static_cast<std::size_t>(height) * width_),
        cells_(static_cast<std::size_t>(masks.grid) * static_cast<std::size_t>(masks.grid)),
        wide_(width_ * static_cast<std::size_t>(masks.grid)),
        rows_(static_cast<std::size_t>(height)),
        columns_(width_) {}

  const std::vector<double>& of(std::int64_t n) {
    const std::uint64_t stream = random_bits(seed_, static_cast<std::uint64_t>(n));
    for (std::size_t i = 0; i < cells_.size(); ++i)
      cells_[i] = random_uniform(stream, i + 2) < masks_.keep ? 1 : 0;
    place(rows_, random_uniform(stream, 0));
    place(columns_, random_uniform(stream, 1));
    const auto grid = static_cast<std::size_t>(masks_.grid);
    for (std::size_t y = 0; y < grid; ++y)
      for (std::size_t x = 0; x < width_; ++x) {
        const Between& at = columns_[x];
        wide_[y * width_ + x] = (1 - at.t) * cells_[y * grid + at.lower] + at.t * cells_[y * grid + at.upper];
      }
    for (std::size_t y = 0; y < rows_.size(); ++y) {
      const Between& at = rows_[y];
      const double *const lower = &wide_[at.lower * width_], *const upper = &wide_[at.upper * width_];
      for (std::size_t x = 0; x < width_; ++x)
        values_[y * width_ + x] = (1 - at.t) * lower[x] + at.t * upper[x];
    }
    return values_;
  }

 private:
  struct Between {
    std::size_t lower, upper;
    double t;
  };

  std::size_t inside(std::int64_t cell) const {
    const std::int64_t last = masks_.grid - 1;
    if (mirrored_ && last > 0) cell = cell < 0 ? -cell : cell > last ? 2 * last - cell : cell;
    return static_cast<std::size_t>(std::clamp<std::int64_t>(cell, 0, last));
  }

  void place(std::vector<Between>& along, double u) const {
    const std::int64_t grid = masks_.grid, cell = (std::ssize(along) + grid - 1) / grid,
                       shift = static_cast<std::int64_t>(u * static_cast<double>(cell));
    for (std::int64_t i = 0; i < std::ssize(along); ++i) {
      const double at = (static_cast<double>(i + shift) + 0.5) * static_cast<double>(grid) /
                            static_cast<double>((grid + 1) * cell) -
                        0.5;
      const auto lower = static_cast<std::int64_t>(std::floor(at));
      along[static_cast<std::size_t>(i)] = {inside(lower), inside(lower + 1),
                                            at - static_cast<double>(lower)};
    }
  }

  const RandomMasks& masks_;
  std::uint64_t seed_;
  bool mirrored_;
  std::size_t width_;
  std::vector<double> values_, cells_, wide_;  ///< wide: the cells' rows, enlarged along x
  std::vector<Between> rows_, columns_;
};

std::vector<Result> answer_rise(Probe& probe, const Question& question, BackwardRule) {
  const Shape& shape = probe.input().shape();
  const RandomMasks& masks = question.masks;
  const bool mirrored = question.preset == Preset::paper_code;
  GridMask mask(masks, question.seed, mirrored, shape[2], shape[3]);
  const std::string name =
      text("rise ", masks.count, " ", masks.grid, " ", std::bit_cast<std::uint64_t>(masks.keep), " ",
           question.seed, mirrored ? " mirrored" : "");
  std::vector<Result> results;
  for (std::int64_t n = 0; n < shape[0]; ++n) {
    const std::vector<double> values =
        values_of_variants(probe, question, n, name, masks.count, [&](std::int64_t m, std::span<double> x) {
          GridMask own = mask;
          const std::vector<double>& through = own.of(m);
          for (double* plane = x.data(); plane != x.data() + x.size(); plane += through.size())
            std::ranges::transform(through, std::span(plane, through.size()), plane,
                                   std::multiplies<double>());
        });
    Tensor map = Tensor::zeros({shape[2], shape[3]}, DType::f64);
    for (std::int64_t m = 0; m < masks.count; ++m) {
      const double share = values[static_cast<std::size_t>(m)] / (masks.count * masks.keep);
      std::ranges::transform(map.values<double>(), mask.of(m), map.data<double>(),
                             [&](double sum, double through) { return sum + share * through; });
    }
    results.emplace_back().map = ClassMap{{}, map.to(probe.input().dtype())};
  }
  return results;
}

}  // namespace

Method method::rise() {
  return {.name = "rise",
          .summary = "what the network says of the picture behind random masks, without a gradient",
          .paper = "arXiv:1806.07421",
          .forwards = 1 + RandomMasks().count,
          .counterfactual = true,
          .presets = kRisePresets,
          .answer = answer_rise};
}

}  // namespace backlight
