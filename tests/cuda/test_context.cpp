// A context on a CUDA device: streams, memory, copies, errors, and which kernels run.
#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <string>

#include "cuda_device.hpp"
#include "engine/run/run.hpp"
#include "engine/runtime/cuda/backend.hpp"
#include "engine/runtime/cuda/check.hpp"
#include "engine/runtime/cuda/library.hpp"
#include "engine/runtime/cuda/stream.hpp"
#include "errors.hpp"
#include "kernels/conv2d/conv2d_layer.hpp"
#include "kernels/dispatch.hpp"
#include "modes.hpp"
#include "support/compare.hpp"
#include "support/random.hpp"

using namespace backlight;
using namespace backlight::test;

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

TEST_CASE("context: a tensor of every type is zero, goes to the device and within it and comes back") {
  in_every_mode([] {
    for (const Device device : {Device{}, kCudaDevice}) {
      const Context context(device, 1);
      for (const DType dtype :
           {DType::f32, DType::f64, DType::f16, DType::bf16, DType::i32, DType::i64, DType::u8}) {
        CAPTURE(dtype);
        Tensor host({3, 37}, dtype);
        const std::span bytes(static_cast<std::uint8_t*>(host.raw()), host.bytes());
        for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i);
        const auto has = [&](const Tensor& tensor, std::span<const std::uint8_t> expected) {
          const Tensor found = context.to_host(tensor);
          CHECK(found.dtype() == dtype);
          CHECK(std::ranges::equal(std::span(static_cast<const std::uint8_t*>(found.raw()), found.bytes()),
                                   expected));
        };
        Tensor copied = context.zeros(host.shape(), dtype);
        CHECK(context.holds(copied));
        has(copied, std::vector<std::uint8_t>(bytes.size()));
        context.copy(context.copy(host), copied);
        has(copied, bytes);
        has(context.share(copied), bytes);
      }
    }
  });
}

TEST_CASE("context: a copy into a tensor of another type or size is refused") {
  in_every_mode([] {
    const Context context(kCudaDevice, 1);
    Tensor to = context.zeros({4}, DType::i32);
    CHECK(contains(error_of(ErrorKind::internal, [&] { context.copy(Tensor::zeros({4}), to); }),
                   "a tensor of float32 4 was to be copied into one of int32 4 in the memory of cuda:0"));
    const std::vector<std::int32_t> values{1, 2, 3};
    error_of(ErrorKind::internal, [&] { context.copy(std::span<const std::int32_t>(values), to); });
    error_of(ErrorKind::internal, [&] { context.copy(std::span<const std::int64_t>(), to); });
    error_of(ErrorKind::internal, [&] { context.copy(Tensor(), to); });
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

TEST_CASE("context: the device's own pool stays as the host program has it") {
  in_every_mode([] {
    cudaMemPool_t pool = nullptr;
    REQUIRE(cudaDeviceGetDefaultMemPool(&pool, 0) == cudaSuccess);
    std::uint64_t threshold = 12345, found = 0, used = 0, used_before = 0;
    REQUIRE(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &threshold) == cudaSuccess);
    REQUIRE(cudaMemPoolGetAttribute(pool, cudaMemPoolAttrUsedMemCurrent, &used_before) == cudaSuccess);
    {
      const Context context(kCudaDevice, 1);
      const Tensor tensor = context.zeros({1000});
      context.synchronize();
      REQUIRE(cudaMemPoolGetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &found) == cudaSuccess);
      REQUIRE(cudaMemPoolGetAttribute(pool, cudaMemPoolAttrUsedMemCurrent, &used) == cudaSuccess);
    }
    CHECK(found == threshold);
    CHECK(used == used_before);
    threshold = 0;
    REQUIRE(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &threshold) == cudaSuccess);
  });
}

TEST_CASE("context: memory that was not there before is refused while a graph is captured") {
  const FreshDevice device;
  Context context(kCudaDevice, 1);
  const MemoryPool* const own = &context.memory();
  const auto known = [&] { (void)context.zeros({100}); };
  CHECK(context.record(known, known) != nullptr);
  CHECK(&context.memory() == own);
  const std::string what = error_of(
      ErrorKind::internal, [&] { (void)context.record(known, [&] { (void)context.zeros({101}); }); });
  CHECK(contains(what, "404 bytes is needed while a graph is captured"));
  CHECK(&context.memory() == own);
  CHECK(context.zeros({101}).defined());
}

TEST_CASE("context: shared memory is freed when no stream of the device reads it any more") {
  in_every_mode([] {
    const Context one(kCudaDevice, 1), other(kCudaDevice, 1);
    const Tensor host = random_tensor({1000}, "cuda.shared");
    Tensor shared = one.share(host);
    one.synchronize();
    const Tensor copy = other.copy(shared);  // which a stream may do later
    shared = Tensor();
    one.synchronize();
    CHECK(same_bits(other.to_host(copy), host));
  });
}

TEST_CASE("network: parameters go to the device and back again to other contexts") {
  in_every_mode([] {
    Network network(3);
    network.add("conv", conv2d(3, 4, {.kernel = 3}));
    for (NamedParameter& p : network.parameters()) fill(*p.tensor, p.name);
    const auto unchanged = [&] {
      return std::ranges::all_of(network.parameters(), [](const NamedParameter& p) {
        Tensor expected(p.tensor->shape());
        fill(expected, p.name);
        return p.tensor->on_host() && same_bits(*p.tensor, expected);
      });
    };
    const Context cpu({}, 1);
    {
      const Context device(kCudaDevice, 1);
      network.to(device);
      CHECK(!network.parameters().front().tensor->on_host());
      network.to(cpu);
      CHECK(unchanged());
      network.to(device);
    }
    network.to(cpu);  // the context that brought them there is gone
    CHECK(unchanged());
  });
}

TEST_CASE("network: parameters may move while another context reads them") {
  in_every_mode([] {
    Network network(3);
    network.add("conv", conv2d(3, 4, {.kernel = 3}));
    for (NamedParameter& p : network.parameters()) fill(*p.tensor, p.name);
    const Context one(kCudaDevice, 1), cpu({}, 1);
    Context other(kCudaDevice, 1), host({}, 1);
    const Tensor x = random_tensor({1, 3, 7, 6}, "cuda.moved");
    const Tensor expected = Run(network, host, x.clone()).output().clone();
    network.to(one);
    const Run pass(network, other, x.clone());  // its kernels may run later
    network.to(cpu);
    one.synchronize();
    CHECK(relative_error(other.to_host(pass.output()), expected) <= 1e-5);
  });
}

TEST_CASE("network: parameters are read after the context that wrote them last") {
  in_every_mode([] {
    const Context one(kCudaDevice, 1), other(kCudaDevice, 1);
    const Tensor before = random_tensor({1000}, "cuda.before"), after = random_tensor({1000}, "cuda.after");
    Tensor shared = one.share(before);
    one.synchronize();
    other.copy(other.copy(after), shared);  // which its stream may do later
    CHECK(same_bits(shared.to_host(), after));
  });
}

TEST_CASE("library: one that is missing, older or without a function is named with what to do") {
  const std::string missing =
      error_of(ErrorKind::resources, [] { cuda::Library("cuNothing", "libcunothing.so.9", "/nowhere"); });
  CHECK(contains(missing, "cuNothing cannot be loaded (libcunothing.so.9: cannot open shared object file"));
  CHECK(contains(missing, "; /nowhere/libcunothing.so.9: cannot open shared object file"));
  CHECK(contains(missing, "LD_LIBRARY_PATH, or use the device cpu"));
  const cuda::Library mathematics("libm", "libm.so.6", "");
  CHECK(mathematics.function<double (*)(double)>("sqrt")(9) == 3);
  CHECK(contains(error_of(ErrorKind::resources, [&] { mathematics.function<void (*)()>("cudnnCreate"); }),
                 "the installed libm has no function cudnnCreate"));
  cuda::require_version("cuDNN", 90800, 9, 90800);
  cuda::require_version("cuDNN", 92000, 9, 90800);
  CHECK(contains(error_of(ErrorKind::resources, [] { cuda::require_version("cuDNN", 90701, 9, 90800); }),
                 "the installed cuDNN is 9.7.1, expected 9.8.0 or a later one of 9.x"));
  CHECK(contains(error_of(ErrorKind::resources, [] { cuda::require_version("cuDNN", 100000, 9, 90800); }),
                 "is 10.0.0"));
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
  CHECK(contains(error_of(ErrorKind::unsupported, [] { kLacking(1); }),
                 "the kernel some_kernel is not supported on this device"));
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
