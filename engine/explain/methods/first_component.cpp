// The first singular pair, by powers of the smaller of the two Gram matrices TᵀT and TTᵀ: at a layer's end one of
// its sides is 49 or 196, where a decomposition would be of thousands.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <span>

#include "engine/core/random.hpp"
#include "engine/explain/methods/layer_map.hpp"

namespace backlight {
namespace {

using Vector = std::vector<double>;

double dot(const double* a, const double* b, std::int64_t size) {
  return std::inner_product(a, a + size, b, 0.0);
}

/// Of channels: n×n, entry (j, k) = Σ_i T_j,i T_k,i.
Vector gram_of_channels(const Vector& terms, std::int64_t channels, std::int64_t plane) {
  Vector gram(static_cast<std::size_t>(channels * channels));
  for (std::int64_t k = 0; k < channels; ++k)
    for (std::int64_t j = 0; j <= k; ++j)
      gram[static_cast<std::size_t>(k * channels + j)] = gram[static_cast<std::size_t>(j * channels + k)] =
          dot(&terms[static_cast<std::size_t>(j * plane)], &terms[static_cast<std::size_t>(k * plane)],
              plane);
  return gram;
}

/// Of positions: entry (i, j) = Σ_k T_k,i T_k,j.
Vector gram_of_positions(const Vector& terms, std::int64_t channels, std::int64_t plane) {
  Vector gram(static_cast<std::size_t>(plane * plane), 0.0);
  for (std::int64_t k = 0; k < channels; ++k) {
    const double* row = &terms[static_cast<std::size_t>(k * plane)];
    for (std::int64_t i = 0; i < plane; ++i) {
      double* const to = &gram[static_cast<std::size_t>(i * plane)];
      for (std::int64_t j = i; j < plane; ++j) to[j] += row[i] * row[j];
    }
  }
  for (std::int64_t i = 0; i < plane; ++i)
    for (std::int64_t j = 0; j < i; ++j)
      gram[static_cast<std::size_t>(i * plane + j)] = gram[static_cast<std::size_t>(j * plane + i)];
  return gram;
}

/// The unit eigenvector of a symmetric matrix without negative eigenvalues that has the greatest one; empty for the
/// zero matrix. Where the two greatest are alike, some vector of theirs.
Vector first_eigenvector(const Vector& matrix, std::int64_t n) {
  constexpr int kMostSteps = 10'000;
  constexpr double kStill = 1e-13;
  Vector v(static_cast<std::size_t>(n)), next(v.size());
  // A start without any structure that the matrix could be blind to.
  for (std::size_t i = 0; i < v.size(); ++i) v[i] = random_uniform(hash_of("eigenvector"), i) + 0.5;
  for (int step = 0; step < kMostSteps; ++step) {
    // Row by row of a symmetric matrix, so that all of the product's sums grow together.
    std::ranges::fill(next, 0.0);
    for (std::int64_t j = 0; j < n; ++j) {
      const double* const row = &matrix[static_cast<std::size_t>(j * n)];
      const double factor = v[static_cast<std::size_t>(j)];
      for (std::int64_t i = 0; i < n; ++i) next[static_cast<std::size_t>(i)] += row[i] * factor;
    }
    const double length = std::sqrt(dot(next.data(), next.data(), n));
    if (!(length > 0)) return {};
    double moved = 0;
    for (std::size_t i = 0; i < v.size(); ++i) {
      next[i] /= length;
      moved = std::max(moved, std::abs(next[i] - v[i]));
    }
    std::swap(v, next);
    if (moved <= kStill) break;
  }
  return v;
}

void take_means_off(Vector& terms, std::int64_t channels, std::int64_t plane) {
  for (std::int64_t k = 0; k < channels; ++k) {
    const std::span row(&terms[static_cast<std::size_t>(k * plane)], static_cast<std::size_t>(plane));
    const double mean = std::accumulate(row.begin(), row.end(), 0.0) / static_cast<double>(plane);
    for (double& v : row) v -= mean;
  }
}

}  // namespace

std::vector<double> first_component(std::vector<double> terms, std::int64_t channels, std::int64_t plane,
                                    bool centred) {
  if (centred) take_means_off(terms, channels, plane);
  Vector right(static_cast<std::size_t>(channels), 0.0);  // v₁, of whatever length
  if (channels <= plane) {
    if (Vector v = first_eigenvector(gram_of_channels(terms, channels, plane), channels); !v.empty())
      right = std::move(v);
  } else if (const Vector u = first_eigenvector(gram_of_positions(terms, channels, plane), plane);
             !u.empty()) {
    for (std::int64_t k = 0; k < channels; ++k)
      right[static_cast<std::size_t>(k)] = dot(&terms[static_cast<std::size_t>(k * plane)], u.data(), plane);
  }
  if (const double length = std::sqrt(dot(right.data(), right.data(), channels)); length > 0)
    for (double& v : right) v /= length;

  Vector component(static_cast<std::size_t>(plane), 0.0), sum(component.size(), 0.0);
  for (std::int64_t k = 0; k < channels; ++k)
    for (std::size_t i = 0; i < component.size(); ++i) {
      const double term = terms[static_cast<std::size_t>(k * plane) + i];
      component[i] += right[static_cast<std::size_t>(k)] * term;
      sum[i] += term;
    }
  if (dot(component.data(), sum.data(), plane) < 0)
    for (double& v : component) v = -v;
  return component;
}

}  // namespace backlight
