// Contexts on two devices, which are of one kind where they are GPUs: whose memory, streams and current
// device is whose, in one thread and in two.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <future>
#include <optional>
#include <string>

#include "cuda_device.hpp"
#include "engine/runtime/cuda/cublas.hpp"
#include "engine/runtime/cuda/stream.hpp"
#include "engine/runtime/cuda/workspace.hpp"
#include "kernels/relu/relu.hpp"
#include "modes.hpp"
#include "support/compare.hpp"
#include "support/random.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

int current_device() {
  int device = -1;
  REQUIRE(cudaGetDevice(&device) == cudaSuccess);
  return device;
}

int device_of(const void* block) {
  cudaPointerAttributes attributes{};
  REQUIRE(cudaPointerGetAttributes(&attributes, block) == cudaSuccess);
  return attributes.device;
}

/// ReLU of a tensor of the host's.
Tensor relu_on(Context& context, const Tensor& x) {
  const Tensor there = context.copy(x);
  Tensor y = context.empty(x.shape());
  cuda::relu_forward(context, {x.numel(), 6}, there.data<float>(), y.data<float>());
  return context.to_host(y);
}

/// A 3×2 product of ones, by cuBLASLt and a workspace; every element is 64.
Tensor product_on(Context& context) {
  const Tensor a = context.copy(Tensor::from({3 * 64}, std::vector<float>(3 * 64, 1.0f)));
  const Tensor b = context.copy(Tensor::from({64 * 2}, std::vector<float>(64 * 2, 1.0f)));
  Tensor d = context.empty({6});
  context.stream().part<cuda::Cublas>().multiply({.m = 3, .n = 2, .k = 64}, a.data<float>(), b.data<float>(),
                                                 nullptr, 0, d.data<float>());
  return context.to_host(d);
}

}  // namespace

TEST_CASE("devices: what a context allocates lies on its device whatever was used in between") {
  in_every_mode(
      [] {
        Context zero(cuda_device(0), 1), one(cuda_device(1), 1);
        const Tensor a = zero.empty({10}), b = one.empty({10}), c = zero.zeros({10});
        CHECK(device_of(a.data<float>()) == 0);
        CHECK(device_of(b.data<float>()) == 1);
        CHECK(device_of(c.data<float>()) == 0);
        CHECK(a.device() == 0);
        CHECK(b.device() == 1);
        CHECK(device_of(one.stream().part<cuda::Workspace>().reserve(100)) == 1);
        zero.synchronize();
        CHECK(device_of(one.stream().part<cuda::Workspace>().reserve(1000)) == 1);
        CHECK(zero.memory().bytes_in_use() == 80);
        CHECK(one.memory().bytes_in_use() == 40);
      },
      2);
}

TEST_CASE("devices: two contexts take turns and compute the same") {
  in_every_mode(
      [] {
        const Tensor x = random_tensor({1000}, "devices.turns");
        std::array<std::optional<Context>, 2> contexts{Context(cuda_device(0), 1),
                                                       Context(cuda_device(1), 1)};
        Context cpu({}, 1);
        Tensor expected(x.shape());
        for (std::int64_t i = 0; i < x.numel(); ++i)
          expected.data<float>()[i] = std::clamp(x.data<float>()[i], 0.0f, 6.0f);
        for (const int device : {0, 1, 1, 0}) {
          Context& context = *contexts[static_cast<std::size_t>(device)];
          CHECK(same_bits(relu_on(context, x), expected));
          CHECK(same_bits(product_on(context), Tensor::from({6}, std::vector<float>(6, 64.0f))));
        }
      },
      2);
}

TEST_CASE("devices: work goes in both at once before either is waited for") {
  in_every_mode(
      [] {
        const Tensor x = random_tensor({3, 50}, "devices.both");
        Context zero(cuda_device(0), 1), one(cuda_device(1), 1);
        const Tensor x0 = zero.copy(x), x1 = one.copy(x);
        Tensor y0 = zero.empty(x.shape()), y1 = one.empty(x.shape());
        cuda::relu_forward(zero, {x.numel(), 6}, x0.data<float>(), y0.data<float>());
        cuda::relu_forward(one, {x.numel(), 6}, x1.data<float>(), y1.data<float>());
        cuda::relu_forward(zero, {x.numel(), 0.5}, y0.data<float>(), y0.data<float>());
        cuda::relu_forward(one, {x.numel(), 0.5}, y1.data<float>(), y1.data<float>());
        CHECK(same_bits(one.to_host(y1), zero.to_host(y0)));
      },
      2);
}

TEST_CASE("devices: two threads with a device each compute the same") {
  in_every_mode(
      [] {
        const Tensor x = random_tensor({2000}, "devices.threads");
        const auto work = [&x](int device) {
          Context context(cuda_device(device), 1);
          Tensor y = relu_on(context, x);
          for (int i = 0; i < 5; ++i) y = relu_on(context, y);
          return y;
        };
        std::future<Tensor> zero = std::async(std::launch::async, work, 0);
        std::future<Tensor> one = std::async(std::launch::async, work, 1);
        const Tensor a = zero.get(), b = one.get();
        CHECK(same_bits(a, b));
        Context context(cuda_device(0), 1);
        CHECK(same_bits(a, relu_on(context, x)));
      },
      2);
}

TEST_CASE("devices: a tensor is copied from one device to another") {
  in_every_mode(
      [] {
        const Tensor x = random_tensor({2, 7}, "devices.peer");
        const Context zero(cuda_device(0), 1), one(cuda_device(1), 1);
        Tensor there;
        {
          const Tensor here = zero.copy(x);
          zero.synchronize();
          there = one.copy(here);
        }
        CHECK(there.device() == 1);
        CHECK(device_of(there.data<float>()) == 1);
        CHECK(same_bits(one.to_host(there), x));
        one.synchronize();
        Tensor back = zero.zeros(x.shape());
        zero.copy(there, back);
        CHECK(same_bits(zero.to_host(back), x));
      },
      2);
}

TEST_CASE("devices: tensors and streams end on their device while another is the current one") {
  in_every_mode(
      [] {
        auto one = std::make_unique<Context>(cuda_device(1), 1);
        (void)product_on(*one);  // with a handle, a workspace and pinned memory
        Tensor left = one->zeros({100});
        const Context zero(cuda_device(0), 1);
        Tensor other = zero.zeros({5});
        left = Tensor();
        CHECK(current_device() == 0);
        one.reset();
        CHECK(same_bits(zero.to_host(other), Tensor::zeros({5})));
      },
      2);
}

TEST_CASE("devices: a tensor may be freed by a thread that never used its device") {
  in_every_mode(
      [] {
        Context one(cuda_device(1), 1);
        Tensor tensor = one.zeros({100});
        std::async(std::launch::async, [gone = std::move(tensor)]() mutable { gone = Tensor(); }).get();
        one.synchronize();
        CHECK(one.memory().bytes_in_use() == 0);
      },
      2);
}

TEST_CASE("devices: the host reads a tensor of another device and no context writes there") {
  in_every_mode(
      [] {
        const Context zero(cuda_device(0), 1), one(cuda_device(1), 1), cpu({}, 1);
        const Tensor host = random_tensor({2, 3}, "devices.read"), x = zero.copy(host);
        CHECK_FALSE(one.holds(x));
        CHECK(same_bits(one.to_host(x), host));
        CHECK(same_bits(cpu.to_host(x), host));
        CHECK(same_bits(cpu.copy(x), host));
        Tensor y = zero.zeros({2, 3});
        CHECK_THROWS_WITH_AS(one.copy(x, y), doctest::Contains("in the memory of cuda:1"), Error);
      },
      2);
}
