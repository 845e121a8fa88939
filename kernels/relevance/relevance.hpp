// Steps of the backward rules that read a layer's values (engine/graph/rule.hpp), element by element:
//
//   difference_part   y = dy · (Δ > 0 ? above·Δ : below·Δ),  Δ = x − x′
//   over_difference   dx = given/Δ, and the gradient where |Δ| < 1e-10,  Δ = x − x′
//   share             s = scale · z · dy/(d + ε·sign d) where z has the sign asked for, else 0; sign 0 = 1
//   slopes            y = x > 0 ? above·x : below·x
//   by_sign           y = positive where x > 0, negative where x < 0, 0 where x = 0
#pragma once

#include <cstdint>

#include "kernels/cost.hpp"

namespace backlight {

class Context;

/// What becomes of values above 0 and of those below.
struct Slopes {
  double above = 1, below = 1;
};

struct ShareParams {
  std::int64_t count = 0;
  double scale = 1, epsilon = 1e-6;
  bool above = true, below = true;  ///< of z above 0 and of z below; 0 has no share in either
};

/// DeepLIFT's least difference: captum's.
inline constexpr double kLeastDifference = 1e-10;

namespace cpu {

template <class T>
void difference_part(Context& context, std::int64_t count, const Slopes& slopes, const T* x,
                     const T* reference, const T* dy, T* y);
/// dx may be the gradient.
template <class T>
void over_difference(Context& context, std::int64_t count, const T* x, const T* reference, const T* given,
                     const T* gradient, T* dx);
template <class T>
void share(Context& context, const ShareParams& params, const T* z, const T* dy, const T* denominator, T* s);
template <class T>
void slopes(Context& context, std::int64_t count, const Slopes& slopes, const T* x, T* y);
template <class T>
void by_sign(Context& context, std::int64_t count, const T* x, const T* positive, const T* negative, T* y);

}  // namespace cpu

/// As cpu:: does, bit for bit, in the context's stream.
namespace cuda {

void difference_part(Context& context, std::int64_t count, const Slopes& slopes, const float* x,
                     const float* reference, const float* dy, float* y);
void over_difference(Context& context, std::int64_t count, const float* x, const float* reference,
                     const float* given, const float* gradient, float* dx);
void share(Context& context, const ShareParams& params, const float* z, const float* dy,
           const float* denominator, float* s);
void slopes(Context& context, std::int64_t count, const Slopes& slopes, const float* x, float* y);
void by_sign(Context& context, std::int64_t count, const float* x, const float* positive,
             const float* negative, float* y);

/// A comparison and each operation of the equations above count as one.
constexpr Cost difference_part_cost(std::int64_t count) { return {16 * count, 4 * count}; }
constexpr Cost over_difference_cost(std::int64_t count) { return {20 * count, 3 * count}; }
constexpr Cost share_cost(std::int64_t count) { return {16 * count, 7 * count}; }
constexpr Cost slopes_cost(std::int64_t count) { return {8 * count, 2 * count}; }
constexpr Cost by_sign_cost(std::int64_t count) { return {16 * count, 2 * count}; }

}  // namespace cuda
}  // namespace backlight
