// Cross-entropy of scores against labels, with label smoothing (Szegedy et al. 2016, §7).
//
//   t_k = (1 − smoothing)·(share of the row's labels that are k) + smoothing/K
//   loss_n = −Σ_k t_k · log softmax(x_n)_k
//   backward of the mean over the batch:  dx_nk = (softmax(x_n)_k − t_k) / N
#pragma once

#include <cstdint>

#include "kernels/cost.hpp"

namespace backlight {

class Context;

/// x is batch×classes.
struct CrossEntropyParams {
  std::int64_t batch = 0;
  std::int64_t classes = 0;
  double smoothing = 0;
  std::int64_t labels_per_row = 1;
};

namespace cpu {

/// One loss per row. `labels` is batch×labels_per_row, every one in [0, classes); a row's may repeat.
template <class T>
void cross_entropy_forward(Context& context, const CrossEntropyParams& params, const T* x,
                           const std::int64_t* labels, double* losses);
/// The gradient of the mean of the losses. Overwrites dx.
template <class T>
void cross_entropy_backward(Context& context, const CrossEntropyParams& params, const T* x,
                            const std::int64_t* labels, T* dx);

}  // namespace cpu

/// As cpu:: does, in the context's stream; labels and losses lie on the device, too.
namespace cuda {

void cross_entropy_forward(Context& context, const CrossEntropyParams& params, const float* x,
                           const std::int64_t* labels, double* losses);
void cross_entropy_backward(Context& context, const CrossEntropyParams& params, const float* x,
                            const std::int64_t* labels, float* dx);

/// Without smoothing, one label a row; an exponential counts as one operation.
constexpr Cost cross_entropy_forward_cost(const CrossEntropyParams& params) {
  return {4 * params.batch * params.classes + 8 * params.batch * (params.labels_per_row + 1),
          4 * params.batch * params.classes};
}
constexpr Cost cross_entropy_backward_cost(const CrossEntropyParams& params) {
  return {8 * params.batch * params.classes + 8 * params.batch * params.labels_per_row,
          8 * params.batch * params.classes};
}

}  // namespace cuda
}  // namespace backlight
