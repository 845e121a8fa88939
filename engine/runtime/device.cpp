#include "engine/runtime/device.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <ostream>
#include <system_error>
#include <utility>

#include "engine/runtime/cuda/backend.hpp"

namespace backlight {

Device Device::parse(std::string_view name) {
  if (name == "cpu") return {};
  if (name == "cuda") return {Kind::cuda, 0};
  if (name.starts_with("cuda:")) {
    int index = -1;
    const char* end = name.data() + name.size();
    const auto [stop, code] = std::from_chars(name.data() + 5, end, index);
    if (code == std::errc{} && stop == end && index >= 0) return {Kind::cuda, index};
  }
  throw Error(ErrorKind::usage, "unknown device '", name, "': expected cpu, cuda or cuda:N");
}

std::ostream& operator<<(std::ostream& out, const Device& device) {
  if (device.kind == Device::Kind::cpu) return out << "cpu";
  return out << "cuda:" << device.index;
}

Context::Context(Device device, int threads, Precision precision, cpu::Isa isa)
    : device_(device), precision_(precision), isa_(isa), vectors_(make_host_pool()) {
  cpu::require_available(isa);
  if (device.kind == Device::Kind::cpu && precision != Precision::strict)
    throw Error(ErrorKind::unsupported, "the CPU computes in float32 only: use the precision strict");
  if (device.kind == Device::Kind::cuda) {
    stream_ = cuda::open_stream(device.index);
    memory_ = cuda::make_pool(stream_);
  } else {
    memory_ = make_host_pool();
  }
  threads_ = std::make_unique<ThreadPool>(threads);
}

std::shared_ptr<cuda::Graph> Context::record(FunctionRef<void()> rehearsal, FunctionRef<void()> work) {
  stream();  // throws on the CPU
  const std::shared_ptr<MemoryPool> own = std::exchange(memory_, cuda::make_recycling_pool(stream_));
  try {
    rehearsal();
    std::shared_ptr<cuda::Graph> graph = cuda::capture(*stream_, memory_, work);
    memory_ = own;
    return graph;
  } catch (...) {
    memory_ = own;
    throw;
  }
}

Tensor Context::zeros(const Shape& shape, DType dtype) const {
  if (!stream_) return Tensor::zeros(shape, dtype, memory_);
  Tensor result = empty(shape, dtype);
  cuda::clear(*stream_, result.raw(), result.bytes());
  return result;
}

Tensor Context::copy(const Tensor& tensor) const {
  Tensor result = empty(tensor.shape(), tensor.dtype());
  copy(tensor, result);
  return result;
}

Tensor Context::share(const Tensor& tensor) const {
  if (!stream_) return tensor.to_host();
  Tensor result(tensor.shape(), tensor.dtype(), cuda::make_shared_pool(stream_));
  copy(tensor, result);
  return result;
}

void Context::require_fit(const Tensor& to, const Shape& shape, DType dtype) const {
  if (shape != to.shape() || dtype != to.dtype() || !to.defined() || !holds(to))
    throw Error(ErrorKind::internal, "a tensor of ", dtype, " ", shape, " was to be copied into one of ",
                to.dtype(), " ", to.shape(), " in the memory of ", device_);
}

void Context::copy(const Tensor& from, Tensor& to) const {
  require_fit(to, from.shape(), from.dtype());
  if (from.on_host())
    from_host(to.raw(), from.raw(), from.bytes());
  else if (!stream_)
    from_host(to.raw(), from.to_host().raw(), from.bytes());
  else if (!holds(from))
    cuda::copy_between(*stream_, to.raw(), from.raw(), from.device(), from.bytes());
  else
    cuda::copy(*stream_, to.raw(), from.raw(), from.bytes());
}

Tensor Context::to_host(const Tensor& tensor) const {
  if (tensor.on_host() || !holds(tensor)) return tensor.to_host();
  Tensor result(tensor.shape(), tensor.dtype());
  cuda::download(*stream_, result.raw(), tensor.raw(), tensor.bytes());
  return result;
}

void Context::from_host(void* to, const void* from, std::size_t bytes) const {
  if (stream_)
    cuda::upload(*stream_, to, from, bytes);
  else if (bytes > 0)
    std::memcpy(to, from, bytes);
}

void Context::synchronize() const {
  if (stream_) cuda::synchronize(*stream_);
}

void Context::tune(bool on) const {
  if (stream_) cuda::tune(*stream_, on);
}

cuda::Stream& Context::stream() const {
  if (!stream_) throw Error(ErrorKind::internal, "a CUDA stream was asked of a context on ", device_);
  return *stream_;
}

void Context::parallel_ranges(std::int64_t count, std::int64_t grain,
                              FunctionRef<void(std::int64_t, std::int64_t)> fn) const {
  grain = std::max<std::int64_t>(grain, 1);
  const std::int64_t ranges = (count + grain - 1) / grain;
  parallel_for(ranges,
               [&](std::int64_t range, int) { fn(range * grain, std::min(count, (range + 1) * grain)); });
}

}  // namespace backlight
