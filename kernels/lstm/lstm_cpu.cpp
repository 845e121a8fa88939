#include "engine/runtime/device.hpp"
#include "kernels/grain.hpp"
#include "kernels/lstm/cell.hpp"

namespace backlight::cpu {
namespace {

constexpr std::int64_t kLstmGrain = kExponentialGrain / 4;

}  // namespace

template <class T>
void lstm_step_forward(Context& context, const LstmStepParams& p, const LstmForward<T>& a) {
  context.parallel_ranges(p.batch * p.hidden, kLstmGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t index = begin; index < end; ++index) lstm_forward_element(p, a, index);
  });
}

template <class T>
void lstm_step_backward(Context& context, const LstmStepParams& p, const LstmBackward<T>& a) {
  context.parallel_ranges(p.batch * p.hidden, kLstmGrain, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t index = begin; index < end; ++index) lstm_backward_element(p, a, index);
  });
}

template void lstm_step_forward(Context&, const LstmStepParams&, const LstmForward<float>&);
template void lstm_step_forward(Context&, const LstmStepParams&, const LstmForward<double>&);
template void lstm_step_backward(Context&, const LstmStepParams&, const LstmBackward<float>&);
template void lstm_step_backward(Context&, const LstmStepParams&, const LstmBackward<double>&);

}  // namespace backlight::cpu
