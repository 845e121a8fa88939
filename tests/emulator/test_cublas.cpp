// The emulated cuBLASLt refuses what the real one refuses, and computes in the order of the stream.
#include <cublasLt.h>
#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <utility>

#include "cublas_descriptors.hpp"
#include "modes.hpp"
#include "on_device.hpp"
#include "support/contains.hpp"

using namespace backlight::emulator;
using namespace backlight::test;

namespace {

/// D = A·B for a 2×3 and a 3×2 matrix by columns, each part of which a test may spoil.
struct Product {
  Product() {
    REQUIRE(cublasLtCreate(&handle) == CUBLAS_STATUS_SUCCESS);
    REQUIRE(cublasLtMatmulDescCreate(&operation, CUBLAS_COMPUTE_32F, CUDA_R_32F) == CUBLAS_STATUS_SUCCESS);
    REQUIRE(cublasLtMatmulPreferenceCreate(&preference) == CUBLAS_STATUS_SUCCESS);
    layout(&la, 2, 3, 2);
    layout(&lb, 3, 2, 3);
    layout(&ld, 2, 2, 2);
  }
  ~Product() {
    for (const auto l : {la, lb, ld}) cublasLtMatrixLayoutDestroy(l);
    cublasLtMatmulPreferenceDestroy(preference);
    cublasLtMatmulDescDestroy(operation);
    cublasLtDestroy(handle);
  }
  Product(const Product&) = delete;
  Product& operator=(const Product&) = delete;

  static void layout(cublasLtMatrixLayout_t* l, uint64_t rows, uint64_t columns, int64_t ld) {
    if (*l) cublasLtMatrixLayoutDestroy(*l);
    REQUIRE(cublasLtMatrixLayoutCreate(l, CUDA_R_32F, rows, columns, ld) == CUBLAS_STATUS_SUCCESS);
  }
  cublasStatus_t plan() {
    int found = 0;
    return cublasLtMatmulAlgoGetHeuristic(handle, operation, la, lb, ld, ld, preference, 1, &result, &found);
  }
  cublasStatus_t run() {
    const float one = 1, zero = 0;
    return cublasLtMatmul(handle, operation, &one, a_pointer, la, b.data(), lb, &zero, d.data(), ld, d.data(),
                          ld, &result.algo, nullptr, 0, nullptr);
  }

  cublasLtHandle_t handle = nullptr;
  cublasLtMatmulDesc_t operation = nullptr;
  cublasLtMatmulPreference_t preference = nullptr;
  cublasLtMatrixLayout_t la = nullptr, lb = nullptr, ld = nullptr;
  cublasLtMatmulHeuristicResult_t result{};
  OnDevice<float> a{std::vector<float>{1, 2, 3, 4, 5, 6}}, b{std::vector<float>{1, 0, 1, 0, 1, 0}}, d{4};
  const float* a_pointer = a.data();
};

}  // namespace

TEST_CASE("cuBLASLt: a product runs when its stream does") {
  for (const Streams streams : {Streams::eager, Streams::deferred}) {
    const FreshDevice fresh({.streams = streams});
    Product p;
    REQUIRE(p.plan() == CUBLAS_STATUS_SUCCESS);
    REQUIRE(p.run() == CUBLAS_STATUS_SUCCESS);
    CHECK(std::isnan(p.d.data()[0]) == (streams == Streams::deferred));
    CHECK(p.d.values() == std::vector<float>{6, 8, 3, 4});
  }
}

TEST_CASE("cuBLASLt: contradictory layouts are refused") {
  const FreshDevice fresh;
  Product p;
  Product::layout(&p.lb, 4, 2, 4);
  CHECK(p.plan() == CUBLAS_STATUS_INVALID_VALUE);
  CHECK(take_report() == "[cublasLt] the inner extents of A and B differ");
  Product::layout(&p.lb, 3, 3, 3);
  CHECK(p.plan() == CUBLAS_STATUS_INVALID_VALUE);
  CHECK(take_report() == "[cublasLt] C or D is not of A·B's extents");
  Product::layout(&p.lb, 3, 2, 2);
  CHECK(p.plan() == CUBLAS_STATUS_INVALID_VALUE);
  CHECK(take_report() == "[cublasLt] a leading dimension is below the rows");
  Product::layout(&p.lb, 3, 2, 3);
  CHECK(p.plan() == CUBLAS_STATUS_SUCCESS);
  Product::layout(&p.ld, 2, 2, 3);
  CHECK(p.run() == CUBLAS_STATUS_INVALID_VALUE);
  CHECK(take_report() == "[cublasLt] the algorithm was found for another problem");
}

TEST_CASE("cuBLASLt: an element type that the emulator lacks has no algorithm") {
  const FreshDevice fresh;
  Product p;
  cublasLtMatrixLayoutDestroy(p.la);
  REQUIRE(cublasLtMatrixLayoutCreate(&p.la, CUDA_R_16F, 2, 3, 2) == CUBLAS_STATUS_SUCCESS);
  CHECK(p.plan() == CUBLAS_STATUS_NOT_SUPPORTED);
  Product wide;
  cublasLtMatmulDescDestroy(wide.operation);
  REQUIRE(cublasLtMatmulDescCreate(&wide.operation, CUBLAS_COMPUTE_32F, CUDA_R_64F) == CUBLAS_STATUS_SUCCESS);
  CHECK(wide.plan() == CUBLAS_STATUS_NOT_SUPPORTED);
}

TEST_CASE("cuBLASLt: matrices are as aligned as was promised") {
  const FreshDevice fresh;
  Product p;
  REQUIRE(p.plan() == CUBLAS_STATUS_SUCCESS);
  const OnDevice<float> more(std::vector<float>(8, 1.0f));
  p.a_pointer = more.data() + 1;
  CHECK(p.run() == CUBLAS_STATUS_INVALID_VALUE);
  CHECK(take_report() == "[cublasLt] matrix A is not aligned to the 256 bytes that were promised");
  const uint32_t alignment = 4;
  REQUIRE(cublasLtMatmulPreferenceSetAttribute(p.preference, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES,
                                               &alignment, sizeof alignment) == CUBLAS_STATUS_SUCCESS);
  REQUIRE(p.plan() == CUBLAS_STATUS_SUCCESS);
  CHECK(p.run() == CUBLAS_STATUS_SUCCESS);
}

TEST_CASE("cuBLASLt: matrices lie on the device and within their block") {
  {
    const FreshDevice fresh;
    Product p;
    alignas(256) const float host[6] = {};
    REQUIRE(p.plan() == CUBLAS_STATUS_SUCCESS);
    p.a_pointer = host;
    CHECK(p.run() == CUBLAS_STATUS_EXECUTION_FAILED);
    CHECK(take_report() == "cublasLtMatmul was given a host pointer, or a block that was freed");
  }
  const FreshDevice fresh;
  Product p;
  REQUIRE(p.plan() == CUBLAS_STATUS_SUCCESS);
  p.a_pointer = p.d.data();
  CHECK(p.run() == CUBLAS_STATUS_EXECUTION_FAILED);
  CHECK(take_report() == "cublasLtMatmul was given a matrix that reaches past the end of its block");
}

TEST_CASE("cuBLASLt: a handle serves the device that was the current one when it was made") {
  const FreshDevice fresh({.devices = 2});
  Product p;
  REQUIRE(p.plan() == CUBLAS_STATUS_SUCCESS);
  REQUIRE(cudaSetDevice(1) == cudaSuccess);
  CHECK(p.run() == CUBLAS_STATUS_INVALID_VALUE);
  CHECK(
      take_report() ==
      "[cublasLt] a handle of device 0 was used with a stream of device 1 while device 1 is the current one");
  const OnDevice<float> there(std::vector<float>(6, 1.0f));
  REQUIRE(cudaSetDevice(0) == cudaSuccess);
  CHECK(p.run() == CUBLAS_STATUS_SUCCESS);
  p.a_pointer = there.data();
  CHECK(p.run() == CUBLAS_STATUS_EXECUTION_FAILED);
  CHECK(
      contains(take_report(), "a matrix that lies in the memory of device 1, which device 0 does not reach"));
}

TEST_CASE("cuBLASLt: descriptors answer as the real ones do") {
  const FreshDevice fresh;
  check_descriptor_answers();
}

TEST_CASE("cuBLASLt: an attribute of the wrong size and a missing bias are refused") {
  const FreshDevice fresh;
  Product p;
  const uint64_t wide = CUBLASLT_EPILOGUE_BIAS;
  const uint32_t bias = CUBLASLT_EPILOGUE_BIAS;
  CHECK(cublasLtMatmulDescSetAttribute(p.operation, CUBLASLT_MATMUL_DESC_EPILOGUE, &wide, sizeof wide) ==
        CUBLAS_STATUS_INVALID_VALUE);
  CHECK(cublasLtMatmulPreferenceSetAttribute(p.preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &bias,
                                             sizeof bias) == CUBLAS_STATUS_INVALID_VALUE);
  REQUIRE(cublasLtMatmulDescSetAttribute(p.operation, CUBLASLT_MATMUL_DESC_EPILOGUE, &bias, sizeof bias) ==
          CUBLAS_STATUS_SUCCESS);
  REQUIRE(p.plan() == CUBLAS_STATUS_SUCCESS);
  take_report();
  CHECK(p.run() == CUBLAS_STATUS_INVALID_VALUE);
  CHECK(take_report() == "[cublasLt] no bias");
}

TEST_CASE("cuBLASLt: a handle is not made during capture") {
  const FreshDevice fresh;
  cudaStream_t stream = nullptr;
  cudaGraph_t graph = nullptr;
  cublasLtHandle_t handle = nullptr;
  REQUIRE(cudaStreamCreate(&stream) == cudaSuccess);
  REQUIRE(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal) == cudaSuccess);
  CHECK(cublasLtCreate(&handle) == CUBLAS_STATUS_NOT_INITIALIZED);
  CHECK(cudaStreamEndCapture(stream, &graph) == cudaErrorStreamCaptureInvalidated);
  CHECK(take_report() == "cublasLtCreate while a stream is being captured");
  CHECK(cublasLtDestroy(nullptr) == CUBLAS_STATUS_NOT_INITIALIZED);
}

TEST_CASE("cuBLASLt: statuses have their names") {
  for (const auto& [status, name] : {std::pair{CUBLAS_STATUS_SUCCESS, "SUCCESS"},
                                     {CUBLAS_STATUS_NOT_INITIALIZED, "NOT_INITIALIZED"},
                                     {CUBLAS_STATUS_ALLOC_FAILED, "ALLOC_FAILED"},
                                     {CUBLAS_STATUS_INVALID_VALUE, "INVALID_VALUE"},
                                     {CUBLAS_STATUS_ARCH_MISMATCH, "ARCH_MISMATCH"},
                                     {CUBLAS_STATUS_MAPPING_ERROR, "MAPPING_ERROR"},
                                     {CUBLAS_STATUS_EXECUTION_FAILED, "EXECUTION_FAILED"},
                                     {CUBLAS_STATUS_INTERNAL_ERROR, "INTERNAL_ERROR"},
                                     {CUBLAS_STATUS_NOT_SUPPORTED, "NOT_SUPPORTED"}})
    CHECK(cublasLtGetStatusName(status) == std::string("CUBLAS_STATUS_") + name);
}
