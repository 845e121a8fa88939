// Pinned staging: whatever goes to the device and comes back is what was sent, however long the device waits.
#include <doctest/doctest.h>

#include <array>
#include <numeric>
#include <string>
#include <vector>

#include "cuda_device.hpp"
#include "engine/runtime/cuda/check.hpp"
#include "engine/runtime/cuda/stream.hpp"
#include "engine/runtime/device.hpp"
#include "modes.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

std::vector<std::int32_t> counting_from(std::size_t first, std::size_t count) {
  std::vector<std::int32_t> values(count);
  std::iota(values.begin(), values.end(), static_cast<std::int32_t>(first));
  return values;
}

std::span<const std::int32_t> view(const std::vector<std::int32_t>& values) { return values; }

}  // namespace

TEST_CASE("staging: pieces of a large copy arrive in their places") {
  constexpr std::size_t kSlot = cuda::Staging::kLargestSlot / 4;
  in_every_mode([] {
    const Context context(kCudaDevice, 1);
    for (const std::size_t count : {std::size_t{1}, kSlot, kSlot + 1, 4 * kSlot + 3}) {
      CAPTURE(count);
      const std::vector<std::int32_t> values = counting_from(7, count);
      const Tensor device = context.copy(view(values));
      CHECK(values_of<std::int32_t>(context, device) == values);
    }
  });
}

TEST_CASE("staging: more uploads than slots may be under way and the source may change at once") {
  in_every_mode([] {
    const Context context(kCudaDevice, 1);
    std::vector<Tensor> sent;
    std::vector<std::int32_t> values;
    for (std::size_t i = 0; i < 3 * cuda::Staging::kSlots; ++i) {
      values = counting_from(1000 * i, 50 + i);
      sent.push_back(context.copy(view(values)));
      std::ranges::fill(values, 0);
    }
    for (std::size_t i = 0; i < sent.size(); ++i)
      CHECK(values_of<std::int32_t>(context, sent[i]) == counting_from(1000 * i, 50 + i));
  });
}

TEST_CASE("staging: a slot that has to grow waits for the copy that still uses it") {
  in_every_mode([] {
    const Context context(kCudaDevice, 1);
    const std::vector<std::int32_t> small = counting_from(1, 10), large = counting_from(2, 100'000);
    std::vector<Tensor> sent;
    for (std::size_t i = 0; i < cuda::Staging::kSlots; ++i) sent.push_back(context.copy(view(small)));
    for (std::size_t i = 0; i < cuda::Staging::kSlots; ++i) sent.push_back(context.copy(view(large)));
    for (std::size_t i = 0; i < sent.size(); ++i)
      CHECK(values_of<std::int32_t>(context, sent[i]) == (i < cuda::Staging::kSlots ? small : large));
  });
}

TEST_CASE("staging: copies go through pinned memory") {
  const FreshDevice device = deferred_device();
  const cuda::PinnedBlock block(100);
  cudaPointerAttributes attributes{};
  CUDA_CHECK(cudaPointerGetAttributes(&attributes, block.data()));
  CHECK(attributes.type == cudaMemoryTypeHost);
  CHECK(block.bytes() == 100);

  const Context context(kCudaDevice, 1);
  const std::vector<std::int32_t> values = counting_from(3, 10);
  const Tensor sent = context.copy(view(values));
  CHECK((!kEmulated || device_leaks().find("2 blocks of pinned memory") != std::string::npos));
  CHECK(values_of<std::int32_t>(context, sent) == values);
}

TEST_CASE("staging: a pinned block moves and is freed once") {
  const FreshDevice device;
  {
    cuda::PinnedBlock first(64), second(std::move(first));
    CHECK(first.data() == nullptr);
    CHECK(first.bytes() == 0);
    CHECK(second.bytes() == 64);
    first = std::move(second);
    CHECK(first.data() != nullptr);
  }
  CHECK(device_leaks() == "");
  CHECK(device_report() == "");
}

TEST_CASE("staging: an empty array is no copy") {
  const FreshDevice device;
  const Context context(kCudaDevice, 1);
  const Tensor empty = context.copy(view({}));
  CHECK(values_of<std::int32_t>(context, empty).empty());
  CHECK(device_report() == "");
}

TEST_CASE("staging: the CPU's context copies arrays too") {
  const Context context({}, 1);
  const std::vector<std::int32_t> values = counting_from(5, 100);
  CHECK(values_of<std::int32_t>(context, context.copy(view(values))) == values);
}

TEST_CASE("staging: a copy while the stream is captured is refused") {
  const FreshDevice device;
  const Context context(kCudaDevice, 1);
  const std::vector<std::int32_t> values = counting_from(0, 10);
  Tensor sent = context.copy(view(values));
  const cudaStream_t stream = context.stream().get();
  CUDA_CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  std::string what;
  try {
    cuda::upload(context.stream(), sent.raw(), values.data(), 4);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::internal);
    what = error.what();
  }
  CHECK(what.find("captured") != std::string::npos);
  CHECK_THROWS_AS((void)context.to_host(sent), Error);
  cudaGraph_t graph = nullptr;
  CUDA_CHECK(cudaStreamEndCapture(stream, &graph));
  CUDA_CHECK(cudaGraphDestroy(graph));
  CHECK(values_of<std::int32_t>(context, sent) == values);
}
