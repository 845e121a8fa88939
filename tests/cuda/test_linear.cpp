// The linear layer by cuBLASLt against plain loops, as test_linear.cpp of tests/kernels holds the CPU's to
// them.
#include <cmath>

#include "arrays.hpp"
#include "engine/runtime/cuda/cublas.hpp"
#include "engine/runtime/cuda/stream.hpp"
#include "kernels/linear/linear.hpp"
#include "modes.hpp"
#include "sentinel.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

/// One element; primes; sums short and long enough that the algorithm splits them; a batch above the outputs.
constexpr LinearParams kLinearShapes[] = {{1, 1, 1},   {1, 5, 3},     {2, 7, 11},
                                          {3, 64, 10}, {1, 131, 257}, {9, 70, 2}};

struct LinearCase {
  explicit LinearCase(const LinearParams& params)
      : p(params),
        x(uniform(p.batch * p.in, "cuda.linear.x")),
        w(uniform(p.out * p.in, "cuda.linear.w")),
        bias(uniform(p.out, "cuda.linear.bias")),
        dy(uniform(p.batch * p.out, "cuda.linear.dy")),
        dw(uniform(p.out * p.in, "cuda.linear.dw")) {}

  float at(const std::vector<float>& a, std::int64_t row, std::int64_t columns, std::int64_t column) const {
    return a[static_cast<std::size_t>(row * columns + column)];
  }
  /// x·wᵀ + bias, in double.
  std::vector<float> forward(bool with_bias) const {
    std::vector<float> y;
    for (std::int64_t n = 0; n < p.batch; ++n)
      for (std::int64_t o = 0; o < p.out; ++o) {
        double sum = with_bias ? bias[static_cast<std::size_t>(o)] : 0;
        for (std::int64_t i = 0; i < p.in; ++i) sum += double{at(w, o, p.in, i)} * double{at(x, n, p.in, i)};
        y.push_back(static_cast<float>(sum));
      }
    return y;
  }
  std::vector<float> backward_data() const {
    std::vector<float> dx;
    for (std::int64_t n = 0; n < p.batch; ++n)
      for (std::int64_t i = 0; i < p.in; ++i) {
        double sum = 0;
        for (std::int64_t o = 0; o < p.out; ++o)
          sum += double{at(w, o, p.in, i)} * double{at(dy, n, p.out, o)};
        dx.push_back(static_cast<float>(sum));
      }
    return dx;
  }
  /// What is added to dw.
  std::vector<float> backward_filter() const {
    std::vector<float> sums;
    for (std::int64_t o = 0; o < p.out; ++o)
      for (std::int64_t i = 0; i < p.in; ++i) {
        double sum = at(dw, o, p.in, i);
        for (std::int64_t n = 0; n < p.batch; ++n)
          sum += double{at(dy, n, p.out, o)} * double{at(x, n, p.in, i)};
        sums.push_back(static_cast<float>(sum));
      }
    return sums;
  }

  LinearParams p;
  std::vector<float> x, w, bias, dy, dw;
};

}  // namespace

TEST_CASE("linear: CUDA computes the layer and its gradients") {
  in_every_mode([] {
    Context device({Device::Kind::cuda}, 1);
    for (const LinearParams& shape : kLinearShapes)
      for (int shifted = 0; shifted < 5; ++shifted) {  // at most one operand of each product
        CAPTURE(shape.in);
        CAPTURE(shifted);
        const LinearCase c(shape);
        Guarded x(device, c.x, shifted == 1), w(device, c.w, shifted == 2);
        Guarded bias(device, c.bias, shifted == 3), dy(device, c.dy, shifted == 3);
        Guarded y(device, unwritten(shape.batch * shape.out), shifted == 4);
        Guarded dx(device, unwritten(shape.batch * shape.in), shifted == 4), dw(device, c.dw, shifted == 4);
        cuda::linear_forward(device, shape, x.data(), w.data(), bias.data(), y.data());
        CHECK(relative_difference(y.values(), c.forward(true)) <= 1e-5);
        cuda::linear_forward(device, shape, x.data(), w.data(), nullptr, y.data());
        CHECK(relative_difference(y.values(), c.forward(false)) <= 1e-5);
        cuda::linear_backward_data(device, shape, dy.data(), w.data(), dx.data());
        CHECK(relative_difference(dx.values(), c.backward_data()) <= 1e-5);
        cuda::linear_backward_filter(device, shape, x.data(), dy.data(), dw.data());
        CHECK(relative_difference(dw.values(), c.backward_filter()) <= 1e-5);
      }
  });
}

TEST_CASE("linear: CUDA adds the bias's gradient in the order of the images") {
  in_every_mode([] {
    Context device({Device::Kind::cuda}, 1);
    for (const LinearParams& shape : kLinearShapes) {
      const LinearCase c(shape);
      std::vector<float> expected = c.bias;
      for (std::size_t i = 0; i < c.dy.size(); ++i) expected[i % expected.size()] += c.dy[i];
      Guarded dy(device, c.dy), db(device, c.bias);
      cuda::linear_backward_bias(device, shape, dy.data(), db.data());
      CHECK(same_bits(db.values(), expected));
    }
  });
}

TEST_CASE("linear: a lower precision rounds what is multiplied and not what is added") {
  const FreshDevice fresh;
  const LinearCase c({2, 300, 5});
  const std::vector<float> expected = c.forward(true);
  const auto error_of = [&](Precision precision) {
    Context device({Device::Kind::cuda}, 1, precision);
    Guarded x(device, c.x), w(device, c.w), bias(device, c.bias), y(device, unwritten(10));
    cuda::linear_forward(device, c.p, x.data(), w.data(), bias.data(), y.data());
    return relative_difference(y.values(), expected);
  };
  CHECK(error_of(Precision::strict) <= (kEmulated ? 1e-6 : 1e-5));
  // Both have 10 bits of mantissa: each product is off by up to 2^-10 of itself. TF32 is a permission: on a
  // GPU an algorithm may do without it.
  for (const Precision precision : {Precision::tf32, Precision::f16}) {
    CHECK(error_of(precision) >= (kEmulated || precision == Precision::f16 ? 1e-6 : 0));
    CHECK(error_of(precision) <= 2e-3);
  }
}

TEST_CASE("linear: what float16 cannot hold is infinite in f16 and finite in tf32") {
  const FreshDevice fresh;
  const auto product_of = [&](Precision precision) {
    Context device({Device::Kind::cuda}, 1, precision);
    Guarded x(device, {1e5f}), w(device, {2.0f}), y(device, unwritten(1));
    cuda::linear_forward(device, {1, 1, 1}, x.data(), w.data(), nullptr, y.data());
    return y.values()[0];
  };
  CHECK(std::isinf(product_of(Precision::f16)));
  CHECK(std::abs(product_of(Precision::tf32) - 2e5f) <= 200);
  CHECK(product_of(Precision::strict) == 2e5f);
}

TEST_CASE("linear: a shape is planned once and a captured pass replays") {
  in_every_mode([] {
    Context device({Device::Kind::cuda}, 1);
    const LinearCase c({3, 70, 10});
    Guarded x(device, c.x), w(device, c.w), bias(device, c.bias), y(device, unwritten(30));
    const auto forward = [&] {
      cuda::linear_forward(device, c.p, x.data(), w.data(), bias.data(), y.data());
    };
    forward();
    const auto& cublas = device.stream().part<cuda::Cublas>();
    CHECK(cublas.size() == 1);
    const std::vector<float> expected = y.values();

    const cudaStream_t stream = device.stream().get();
    cudaGraph_t graph = nullptr;
    cudaGraphExec_t executable = nullptr;
    REQUIRE(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal) == cudaSuccess);
    forward();
    REQUIRE(cudaStreamEndCapture(stream, &graph) == cudaSuccess);
    CHECK(cublas.size() == 1);
    REQUIRE(cudaGraphInstantiate(&executable, graph) == cudaSuccess);
    REQUIRE(cudaMemsetAsync(y.data(), 0, 30 * sizeof(float), stream) == cudaSuccess);
    REQUIRE(cudaGraphLaunch(executable, stream) == cudaSuccess);
    CHECK(same_bits(y.values(), expected));
    CHECK(cudaGraphExecDestroy(executable) == cudaSuccess);
    CHECK(cudaGraphDestroy(graph) == cudaSuccess);
  });
}

TEST_CASE("linear: an empty batch is no product and a refusal of cuBLAS names the call") {
  const FreshDevice fresh;
  Context device({Device::Kind::cuda}, 1);
  cuda::linear_forward(device, {0, 4, 2}, nullptr, nullptr, nullptr, nullptr);
  cuda::linear_backward_data(device, {0, 4, 2}, nullptr, nullptr, nullptr);
  cuda::linear_backward_filter(device, {0, 4, 2}, nullptr, nullptr, nullptr);
  CHECK(device_report() == "");
  CHECK_THROWS_WITH_AS(cuda::linear_forward(device, {1, 0, 2}, nullptr, nullptr, nullptr, nullptr),
                       doctest::Contains("CUBLAS_STATUS_INVALID_VALUE at "), Error);
  CHECK(device_report() == (kEmulated ? "[cublasLt] a matrix is empty" : ""));
}

TEST_CASE("linear: bytes and operations follow from the equations") {
  CHECK(cuda::linear_cost({2, 3, 5}, false) == Cost{4 * (6 + 10 + 15), 60});
  CHECK(cuda::linear_cost({2, 3, 5}, true) == Cost{4 * (6 + 10 + 30), 60});
  CHECK(cuda::linear_backward_bias_cost({2, 3, 5}) == Cost{80, 10});
}
