#include <algorithm>

#include "engine/runtime/device.hpp"
#include "kernels/grain.hpp"
#include "kernels/lstm/cell.hpp"

namespace backlight::cpu {
namespace {

constexpr std::int64_t kLstmGrain = kExponentialGrain / 4;

/// Computes every element of batch×hidden.
template <class Item, class Arrays>
void compute_all(Context& context, const LstmStepParams& p, const Arrays& arrays) {
  context.parallel_ranges(p.batch * p.hidden, kLstmGrain, [&](std::int64_t begin, std::int64_t end) {
    while (begin < end) {
      const std::int64_t n = begin / p.hidden, last = std::min(end, (n + 1) * p.hidden);
      Item(p, arrays, n).compute(begin - n * p.hidden, last - n * p.hidden);
      begin = last;
    }
  });
}

}  // namespace

template <class T>
void lstm_step_forward(Context& context, const LstmStepParams& p, const LstmForward<T>& arrays) {
  compute_all<LstmForwardItem<T>>(context, p, arrays);
}

template <class T>
void lstm_step_backward(Context& context, const LstmStepParams& p, const LstmBackward<T>& arrays) {
  compute_all<LstmBackwardItem<T>>(context, p, arrays);
}

template void lstm_step_forward(Context&, const LstmStepParams&, const LstmForward<float>&);
template void lstm_step_forward(Context&, const LstmStepParams&, const LstmForward<double>&);
template void lstm_step_backward(Context&, const LstmStepParams&, const LstmBackward<float>&);
template void lstm_step_backward(Context&, const LstmStepParams&, const LstmBackward<double>&);

}  // namespace backlight::cpu
