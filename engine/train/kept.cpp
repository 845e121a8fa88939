#include "engine/train/kept.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>

#include "engine/core/rows.hpp"
#include "engine/run/programs.hpp"
#include "engine/run/run.hpp"

namespace backlight {
namespace {

constexpr std::int64_t kChunk = 100;

/// In float16, whose largest finite number is 65504.
Tensor halved(const Tensor& values) {
  for (const float value : values.values())
    if (!(std::abs(value) < 65520))
      throw Error(ErrorKind::bad_input, "a value to keep is ", value, ", expected one that float16 holds");
  return values.to(DType::f16);
}

}  // namespace

KeptOutputs::KeptOutputs(const Network& network, Context& context, std::int64_t count,
                         const std::function<Tensor(std::int64_t, std::int64_t)>& inputs) {
  if (count < 1) throw Error(ErrorKind::usage, "the outputs of ", count, " items were to be kept");
  Programs programs(network);
  for (std::int64_t first = 0; first < count; first += kChunk) {
    Tensor x = inputs(first, std::min(kChunk, count - first));
    const TensorType type{x.dtype(), x.shape()};
    const Run run(programs.get(context, {&type, 1}, {}), context, tensors(std::move(x)));
    const Tensor outputs = halved(context.to_host(run.output()));
    if (first == 0) kept_ = Tensor(outputs.shape().with(0, count), DType::f16);
    const std::size_t row = outputs.bytes() / static_cast<std::size_t>(outputs.shape()[0]);
    std::memcpy(static_cast<std::byte*>(kept_.raw()) + static_cast<std::size_t>(first) * row, outputs.raw(),
                outputs.bytes());
  }
}

Tensor KeptOutputs::rows(std::span<const std::int64_t> items) const {
  return rows_of(kept_, items).to(DType::f32);
}

}  // namespace backlight
