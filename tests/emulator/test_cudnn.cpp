// The emulated cuDNN refuses what the real one refuses; and float16 in software.
#include <cuda_fp16.h>

#include <bit>
#include <cmath>
#include <limits>
#include <string>

#include "cudnn_misuse.hpp"
#include "modes.hpp"

using namespace backlight::emulator;
using namespace backlight::test;

TEST_CASE("cudnn: misuse is answered as by the real library") {
  const FreshDevice device;
  check_tensor_misuse();
  check_operation_misuse();
  check_plan_misuse();
}

TEST_CASE("cudnn: what was made and not destroyed is reported") {
  const FreshDevice device;
  cudnnHandle_t handle = nullptr;
  cudnnBackendDescriptor_t a = nullptr, b = nullptr;
  REQUIRE(cudnnCreate(&handle) == CUDNN_STATUS_SUCCESS);
  REQUIRE(cudnnBackendCreateDescriptor(CUDNN_BACKEND_TENSOR_DESCRIPTOR, &a) == CUDNN_STATUS_SUCCESS);
  REQUIRE(cudnnBackendCreateDescriptor(CUDNN_BACKEND_TENSOR_DESCRIPTOR, &b) == CUDNN_STATUS_SUCCESS);
  CHECK(leak_report() == "2 cuDNN descriptors, 1 cuDNN handles");
  CHECK(cudnnBackendDestroyDescriptor(a) == CUDNN_STATUS_SUCCESS);
  CHECK(cudnnBackendDestroyDescriptor(b) == CUDNN_STATUS_SUCCESS);
  CHECK(cudnnDestroy(handle) == CUDNN_STATUS_SUCCESS);
  CHECK(leak_report() == "");
  CHECK(cudnnBackendDestroyDescriptor(a) == CUDNN_STATUS_BAD_PARAM);
  CHECK(cudnnBackendFinalize(a) == CUDNN_STATUS_BAD_PARAM);
}

TEST_CASE("cudnn: null pointers and unknown things are refused") {
  const FreshDevice device;
  cudnnBackendDescriptor_t descriptor = nullptr;
  CHECK(cudnnCreate(nullptr) == CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
  CHECK(cudnnDestroy(nullptr) == CUDNN_STATUS_BAD_PARAM);
  CHECK(cudnnSetStream(nullptr, nullptr) == CUDNN_STATUS_BAD_PARAM);
  CHECK(cudnnBackendCreateDescriptor(CUDNN_BACKEND_TENSOR_DESCRIPTOR, nullptr) ==
        CUDNN_STATUS_BAD_PARAM_NULL_POINTER);
  const auto matmul = static_cast<cudnnBackendDescriptorType_t>(18);
  CHECK(cudnnBackendCreateDescriptor(matmul, &descriptor) == CUDNN_STATUS_NOT_SUPPORTED);
  std::int64_t count = 0;
  CHECK(cudnnBackendSetAttribute(nullptr, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, 1, &count) ==
        CUDNN_STATUS_BAD_PARAM);
  CHECK(cudnnBackendGetAttribute(nullptr, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, 1, &count, &count) ==
        CUDNN_STATUS_BAD_PARAM);
}

TEST_CASE("cudnn: descriptors of another type are refused where one is needed") {
  const FreshDevice device;
  BareDescriptor x(CUDNN_BACKEND_TENSOR_DESCRIPTOR), small(CUDNN_BACKEND_TENSOR_DESCRIPTOR),
      add(CUDNN_BACKEND_POINTWISE_DESCRIPTOR);
  describe(x, 'x', {1, 4, 8, 8});
  describe(small, 's', {1, 3, 1, 1});
  const cudnnPointwiseMode_t mode = CUDNN_POINTWISE_ADD;
  REQUIRE(add.set(CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, &mode) == CUDNN_STATUS_SUCCESS);
  REQUIRE(add.set(CUDNN_ATTR_POINTWISE_MATH_PREC, CUDNN_TYPE_DATA_TYPE, &kFloat) == CUDNN_STATUS_SUCCESS);
  for (BareDescriptor* descriptor : {&x, &small, &add})
    REQUIRE(descriptor->finalize() == CUDNN_STATUS_SUCCESS);

  const auto pointwise = [&](const BareDescriptor& how, const BareDescriptor* b, const BareDescriptor& y) {
    BareDescriptor op(CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR);
    REQUIRE(op.set(CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, how) == CUDNN_STATUS_SUCCESS);
    REQUIRE(op.set(CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x) == CUDNN_STATUS_SUCCESS);
    if (b) REQUIRE(op.set(CUDNN_ATTR_OPERATION_POINTWISE_BDESC, *b) == CUDNN_STATUS_SUCCESS);
    REQUIRE(op.set(CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y) == CUDNN_STATUS_SUCCESS);
    return op.finalize();
  };
  CHECK(pointwise(add, &x, x) == CUDNN_STATUS_SUCCESS);
  CHECK(pointwise(x, &x, x) == CUDNN_STATUS_BAD_PARAM);
  CHECK(pointwise(add, nullptr, x) == CUDNN_STATUS_BAD_PARAM);
  CHECK(pointwise(add, &x, small) == CUDNN_STATUS_BAD_PARAM);
  CHECK(pointwise(add, &small, x) == CUDNN_STATUS_BAD_PARAM);

  BareDescriptor graph(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR), conv(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  CHECK(graph.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, x) == CUDNN_STATUS_SUCCESS);
  CHECK(graph.finalize() == CUDNN_STATUS_BAD_PARAM);
  describe_convolution(conv);
  CHECK(conv.set(CUDNN_ATTR_CONVOLUTION_DILATIONS, {0, 1}) == CUDNN_STATUS_SUCCESS);
  CHECK(conv.finalize() == CUDNN_STATUS_BAD_PARAM);
  const cudnnBackendDescriptor_t none = nullptr;
  CHECK(graph.set(CUDNN_ATTR_OPERATIONGRAPH_OPS, CUDNN_TYPE_BACKEND_DESCRIPTOR, &none) ==
        CUDNN_STATUS_BAD_PARAM);
  std::int64_t value = 0;
  CHECK(x.get(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, &value) == CUDNN_STATUS_BAD_PARAM);
}

TEST_CASE("cudnn: the last error is told once and fits where it is put") {
  const FreshDevice device;
  CHECK(cudnnBackendFinalize(nullptr) == CUDNN_STATUS_BAD_PARAM);
  char message[6] = "";
  cudnnGetLastErrorString(message, sizeof message);
  CHECK(std::string(message) == "no de");
  cudnnGetLastErrorString(message, sizeof message);
  CHECK(std::string(message).empty());
  CHECK(std::string(cudnnGetErrorString(CUDNN_STATUS_NOT_SUPPORTED)) == "CUDNN_STATUS_NOT_SUPPORTED");
}

TEST_CASE("float16: conversion rounds to the nearest and ties to even") {
  const auto bits = [](float value) { return static_cast<int>(__float2half_rn(value).bits); };
  CHECK(bits(0.0f) == 0);
  CHECK(bits(-0.0f) == 0x8000);
  CHECK(bits(1.0f) == 0x3c00);
  CHECK(bits(-2.5f) == 0xc100);
  CHECK(bits(65504.0f) == 0x7bff);
  CHECK(bits(65519.9f) == 0x7bff);
  CHECK(bits(65520.0f) == 0x7c00);
  CHECK(bits(std::numeric_limits<float>::infinity()) == 0x7c00);
  CHECK(bits(std::numeric_limits<float>::quiet_NaN()) == 0x7fff);
  CHECK(bits(1.0f + 0x1p-11f) == 0x3c00);  // half way: to the even one
  CHECK(bits(1.0f + 0x3p-11f) == 0x3c02);
  CHECK(bits(1.0f + 0x1.01p-11f) == 0x3c01);
  CHECK(bits(0x1p-14f) == 0x0400);
  CHECK(bits(0x1p-24f) == 1);
  CHECK(bits(0x1p-25f) == 0);
  CHECK(bits(0x1.8p-24f) == 2);
  CHECK(bits(0x1.ff8p-15f) == 0x03ff);
  CHECK(bits(0x1.ffcp-15f) == 0x0400);
}

TEST_CASE("float16: every value survives the way to float32 and back") {
  for (int i = 0; i < 0x10000; ++i) {
    const __half half{static_cast<std::uint16_t>(i)};
    const float value = __half2float(half);
    if ((i & 0x7fff) > 0x7c00)
      CHECK(std::isnan(value));
    else
      CHECK(__float2half_rn(value).bits == half.bits);
  }
  CHECK(__half2float({0x3555}) == 0x1.554p-2f);
}
