// Missing pixels of a picture as what lies around them says (Rong et al. 2022, ROAD, arXiv:2202.00449).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace backlight {

/// Solves, for every missing pixel i of one plane,
///
///   Σ_{j ∈ N8(i), inside} w_ij (x_j − x_i) = 0,   w = 1/6 for the four neighbours at an edge, 1/12 at a corner,
///
/// where known x_j stay. At the picture's rim the weights that exist are used as they are. So the solution does not
/// depend on the units of the pixels. −A is symmetric and positive definite while one pixel is known: conjugate
/// gradients, without a matrix, in double, under a W-cycle in float: aggregates of 2×2 pixels with a missing one among
/// them, piecewise constant prolongation, Galerkin operators of nine points on every level, one Jacobi sweep (damped
/// by 0.8) before and after. Some ten iterations, whatever is missing. Made once for a mask, it serves all channels.
class Imputer {
 public:
  /// `missing`: height×width, row by row. Throws Error(usage) for another size, and Error(bad_input) where no pixel is
  /// known and one is missing, for which there is no solution.
  Imputer(std::int64_t height, std::int64_t width, std::vector<bool> missing);

  /// Overwrites the missing values of a plane; the residual of the system falls below `tolerance` times its right side.
  /// Returns the iterations. Throws Error(bad_input) where a known value is not finite.
  int fill(std::span<double> plane, double tolerance = 1e-6) const;

 private:
  /// −A of one level, on a grid with a rim of one cell. Cells that are no unknowns have weights of zero, so that what
  /// stands in them does not matter.
  struct Level {
    std::int64_t height = 0, width = 0, pitch = 0;
    std::vector<float> diagonal, inverse;                      ///< inverse: 0.8/diagonal, or 0
    std::vector<float> right, below, below_right, below_left;  ///< w to that neighbour
    std::vector<std::int64_t> begin, end;                      ///< of each row's unknowns, even

    Level(std::int64_t height, std::int64_t width);
    std::size_t at(std::int64_t y, std::int64_t x) const {
      return static_cast<std::size_t>((y + 1) * pitch + x + 1);
    }
    std::size_t size() const { return static_cast<std::size_t>((height + 2) * pitch); }
    void finish();
    Level coarser() const;
    /// r − A x.
    void residual(std::span<const float> r, std::span<const float> x, std::span<float> out) const;
    /// fn(first, end): places of each row's unknowns, known ones among them.
    template <class Fn>
    void for_each_row(Fn&& fn) const {
      for (std::int64_t y = 0; y < height; ++y)
        fn(at(y, begin[static_cast<std::size_t>(y)]), at(y, end[static_cast<std::size_t>(y)]));
    }
  };
  struct Scratch;

  /// x ← about A⁻¹ r, of the level.
  void cycle(std::size_t level, std::vector<Scratch>& scratch) const;
  /// y = A p of the finest level, in double.
  void apply(std::span<const double> p, std::span<double> y) const;

  std::int64_t height_, width_;
  std::vector<bool> missing_;
  std::vector<double> diagonal_;  ///< of the finest level, with its rim; 0 where a pixel is known
  std::vector<Level> levels_;
};

}  // namespace backlight
