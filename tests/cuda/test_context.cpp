// A context on a CUDA device: streams, memory, copies, errors, and which kernels run.
#include <array>
#include <bit>
#include <string>

#include "engine/cuda/backend.hpp"
#include "engine/cuda/check.hpp"
#include "engine/cuda/stream.hpp"
#include "errors.hpp"
#include "kernels/dispatch.hpp"
#include "modes.hpp"
#include "support/compare.hpp"
#include "support/random.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

const Device kCudaDevice = Device::parse("cuda");

}  // namespace

TEST_CASE("context: a tensor survives the way to the device and back") {
  in_every_mode([] {
    const Context context(kCudaDevice, 1);
    const Tensor host = random_tensor({2, 3, 5}, "cuda.copy");
    const Tensor device = context.copy(host), again = context.copy(device);
    CHECK(!device.on_host());
    CHECK(same_bits(context.to_host(device), host));
    CHECK(same_bits(context.to_host(again), host));
    CHECK(same_bits(context.to_host(host), host));
  });
}

TEST_CASE("context: zeros are zero on the device") {
  in_every_mode([] {
    const Context context(kCudaDevice, 1);
    CHECK(same_bits(context.to_host(context.zeros({7})), Tensor::zeros({7})));
  });
}

TEST_CASE("context: a source may change as soon as it was copied") {
  in_every_mode([] {
    const Context context(kCudaDevice, 1);
    Tensor host = random_tensor({100}, "cuda.staged");
    const Tensor original = host.clone(), device = context.copy(host);
    host.fill(0);
    CHECK(same_bits(context.to_host(device), original));
  });
}

TEST_CASE("context: the pool counts what is handed out and the most there was") {
  in_every_mode([] {
    const Context context(kCudaDevice, 1);
    {
      const Tensor a = context.empty({100}), b = context.empty({50});
      CHECK(context.memory().bytes_in_use() == 600);
    }
    CHECK(context.memory().bytes_in_use() == 0);
    CHECK(context.memory().peak_bytes() == 600);
  });
}

TEST_CASE("context: a recycling pool hands a freed block to the next that asks for its size") {
  in_every_mode([] {
    const auto pool = cuda::make_recycling_pool(cuda::open_stream(0));
    void* const first = pool->allocate(400);
    void* const other = pool->allocate(200);
    CHECK(pool->bytes_in_use() == 600);
    pool->deallocate(first, 400);
    CHECK(pool->bytes_in_use() == 200);
    void* const again = pool->allocate(400);
    CHECK(again == first);
    pool->deallocate(again, 400);
    pool->deallocate(other, 200);
    CHECK(pool->bytes_in_use() == 0);
    CHECK(pool->peak_bytes() == 600);
  });
}

TEST_CASE("context: a recycling pool does not count what could not be had") {
  const FreshDevice device;
  const auto pool = cuda::make_recycling_pool(cuda::open_stream(0));
  CHECK_THROWS_AS(pool->allocate(std::size_t{1} << 50), Error);
  CHECK(pool->bytes_in_use() == 0);
  CHECK(pool->peak_bytes() == 0);
}

TEST_CASE("context: a tensor may outlive its context") {
  in_every_mode([] {
    Tensor tensor;
    {
      const Context context(kCudaDevice, 1);
      tensor = context.zeros({10});
    }
    CHECK(tensor.defined());
  });
}

TEST_CASE("context: the host may not read or write a tensor on the device") {
  const FreshDevice device;
  const Context context(kCudaDevice, 1);
  Tensor tensor = context.zeros({2, 3});
  CHECK(contains(error_of(ErrorKind::internal, [&] { (void)tensor.values(); }),
                 "2×3 lies in a device's memory"));
  error_of(ErrorKind::internal, [&] { (void)tensor.clone(); });
  error_of(ErrorKind::internal, [&] { (void)tensor.to(DType::f64); });
  error_of(ErrorKind::internal, [&] { tensor.fill(1); });
}

TEST_CASE("context: only a CUDA context has a stream") {
  const Context context({}, 1);
  CHECK(contains(error_of(ErrorKind::internal, [&] { (void)context.stream(); }), "cpu"));
}

TEST_CASE("dispatch: a kernel that a device lacks throws and names itself") {
  constexpr void (*kLacking)(int) = missing<"some_kernel">;
  CHECK(
      contains(error_of(ErrorKind::unsupported, [] { kLacking(1); }), "the kernel some_kernel is not there"));
}

TEST_CASE("dispatch: float64 on CUDA is refused") {
  const FreshDevice device;
  const Context context(kCudaDevice, 1);
  CHECK(contains(error_of(ErrorKind::unsupported,
                          [&] { dispatch(context, DType::f64, [&]<class T>(const Kernels<T>&) {}); }),
                 "float64"));
}

TEST_CASE("dispatch: no entry of a table is null") {
  using Entries = std::array<std::uintptr_t, sizeof(Kernels<float>) / sizeof(void*)>;
  for (const Device& device : {Device{}, kCudaDevice})
    for (const std::uintptr_t entry : std::bit_cast<Entries>(kernels<float>(device))) CHECK(entry != 0);
}

TEST_CASE("errors: a failed call is named with file and line") {
  const FreshDevice device;
  const std::string what =
      error_of(ErrorKind::resources, [] { CUDA_CHECK(cudaFree(reinterpret_cast<void*>(64))); });
  CHECK(contains(what, "cudaFree(reinterpret_cast<void*>(64)) failed: cudaErrorInvalidValue"));
  CHECK(contains(what, "test_context.cpp:"));
}
