// Predicted limit: a launch; a step of a batch of questions is some 10^4 elements.
#include "engine/runtime/cuda/enqueue.hpp"
#include "kernels/lstm/cell.hpp"
#include "kernels/reduce.cuh"

namespace backlight::cuda {
namespace {

/// A thread per element of the state.
__global__ void __launch_bounds__(kRowThreads) forward_kernel(LstmStepParams p, LstmForward<float> a) {
  const std::int64_t index = std::int64_t{blockIdx.x} * kRowThreads + threadIdx.x;
  if (index >= p.batch * p.hidden) return;
  const std::int64_t n = index / p.hidden, j = index - n * p.hidden;
  LstmForwardItem<float>(p, a, n).compute(j, j + 1);
}

__global__ void __launch_bounds__(kRowThreads) backward_kernel(LstmStepParams p, LstmBackward<float> a) {
  const std::int64_t index = std::int64_t{blockIdx.x} * kRowThreads + threadIdx.x;
  if (index >= p.batch * p.hidden) return;
  const std::int64_t n = index / p.hidden, j = index - n * p.hidden;
  LstmBackwardItem<float>(p, a, n).compute(j, j + 1);
}

}  // namespace

void lstm_step_forward(Context& context, const LstmStepParams& p, const LstmForward<float>& arrays) {
  if (p.batch == 0) return;
  CUDA_CHECK(launch(forward_kernel, blocks_for(p.batch * p.hidden, kRowThreads, "lstm"), kRowThreads, 0,
                    stream_of(context), p, arrays));
}

void lstm_step_backward(Context& context, const LstmStepParams& p, const LstmBackward<float>& arrays) {
  if (p.batch == 0) return;
  CUDA_CHECK(launch(backward_kernel, blocks_for(p.batch * p.hidden, kRowThreads, "lstm"), kRowThreads, 0,
                    stream_of(context), p, arrays));
}

}  // namespace backlight::cuda
