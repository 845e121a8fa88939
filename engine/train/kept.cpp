#include "engine/train/kept.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>

#include "engine/run/programs.hpp"
#include "engine/run/run.hpp"

namespace backlight {
namespace {

constexpr std::int64_t kChunk = 100;

std::size_t row_bytes(const Tensor& rows) { return rows.bytes() / static_cast<std::size_t>(rows.shape()[0]); }

std::byte* row(Tensor& rows, std::int64_t n) {
  return static_cast<std::byte*>(rows.raw()) + static_cast<std::size_t>(n) * row_bytes(rows);
}
const std::byte* row(const Tensor& rows, std::int64_t n) {
  return static_cast<const std::byte*>(rows.raw()) + static_cast<std::size_t>(n) * row_bytes(rows);
}

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
    std::memcpy(row(kept_, first), outputs.raw(), outputs.bytes());
  }
}

Tensor KeptOutputs::rows(std::span<const std::int64_t> items) const {
  Tensor chosen(kept_.shape().with(0, static_cast<std::int64_t>(items.size())), DType::f16);
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (items[i] < 0 || items[i] >= count())
      throw Error(ErrorKind::usage, "item ", items[i], " was asked for, but ", count(), " are kept");
    std::memcpy(row(chosen, static_cast<std::int64_t>(i)), row(kept_, items[i]), row_bytes(kept_));
  }
  return chosen.to(DType::f32);
}

}  // namespace backlight
