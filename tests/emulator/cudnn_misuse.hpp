// What cuDNN answers to misuse that needs no device. The emulated library and the real one run the same
// checks.
#pragma once

#include <cudnn.h>
#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

namespace backlight::test {

/// A descriptor whose calls return their status.
class BareDescriptor {
 public:
  explicit BareDescriptor(cudnnBackendDescriptorType_t type) {
    REQUIRE(cudnnBackendCreateDescriptor(type, &handle_) == CUDNN_STATUS_SUCCESS);
  }
  ~BareDescriptor() { cudnnBackendDestroyDescriptor(handle_); }
  BareDescriptor(const BareDescriptor&) = delete;
  BareDescriptor& operator=(const BareDescriptor&) = delete;

  cudnnStatus_t set(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, const void* values,
                    std::int64_t count = 1) {
    return cudnnBackendSetAttribute(handle_, name, type, count, values);
  }
  cudnnStatus_t set(cudnnBackendAttributeName_t name, const BareDescriptor& value) {
    return set(name, CUDNN_TYPE_BACKEND_DESCRIPTOR, &value.handle_);
  }
  cudnnStatus_t set(cudnnBackendAttributeName_t name, const std::vector<std::int64_t>& values) {
    return set(name, CUDNN_TYPE_INT64, values.data(), static_cast<std::int64_t>(values.size()));
  }
  cudnnStatus_t get(cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, void* value) {
    std::int64_t count = 0;
    return cudnnBackendGetAttribute(handle_, name, type, 1, &count, value);
  }
  cudnnStatus_t finalize() { return cudnnBackendFinalize(handle_); }
  cudnnBackendDescriptor_t get() const { return handle_; }

 private:
  cudnnBackendDescriptor_t handle_ = nullptr;
};

inline constexpr cudnnDataType_t kFloat = CUDNN_DATA_FLOAT;

/// Sets all that a tensor of float32 in NCHW needs; to be finalised.
inline void describe(BareDescriptor& tensor, std::int64_t id, const std::array<std::int64_t, 4>& e) {
  const std::int64_t alignment = 4;
  REQUIRE(tensor.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, std::vector{id}) == CUDNN_STATUS_SUCCESS);
  REQUIRE(tensor.set(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, &kFloat) == CUDNN_STATUS_SUCCESS);
  REQUIRE(tensor.set(CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, std::vector{alignment}) == CUDNN_STATUS_SUCCESS);
  REQUIRE(tensor.set(CUDNN_ATTR_TENSOR_DIMENSIONS, {e[0], e[1], e[2], e[3]}) == CUDNN_STATUS_SUCCESS);
  REQUIRE(tensor.set(CUDNN_ATTR_TENSOR_STRIDES, {e[1] * e[2] * e[3], e[2] * e[3], e[3], 1}) ==
          CUDNN_STATUS_SUCCESS);
}

/// A 3×3 convolution without padding; to be finalised.
inline void describe_convolution(BareDescriptor& conv) {
  const cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
  REQUIRE(conv.set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, &kFloat) == CUDNN_STATUS_SUCCESS);
  REQUIRE(conv.set(CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, &mode) ==
          CUDNN_STATUS_SUCCESS);
  REQUIRE(conv.set(CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, {2}) == CUDNN_STATUS_SUCCESS);
  REQUIRE(conv.set(CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, {0, 0}) == CUDNN_STATUS_SUCCESS);
  REQUIRE(conv.set(CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, {0, 0}) == CUDNN_STATUS_SUCCESS);
  REQUIRE(conv.set(CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, {1, 1}) == CUDNN_STATUS_SUCCESS);
  REQUIRE(conv.set(CUDNN_ATTR_CONVOLUTION_DILATIONS, {1, 1}) == CUDNN_STATUS_SUCCESS);
}

inline void check_tensor_misuse() {
  BareDescriptor tensor(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  std::int64_t value = 7;
  float wrong = 0;
  CHECK(tensor.finalize() == CUDNN_STATUS_BAD_PARAM);
  CHECK(tensor.set(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_INT64, &value) ==
        CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE);
  CHECK(tensor.set(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, &kFloat, 2) == CUDNN_STATUS_BAD_PARAM);
  CHECK(tensor.set(CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, nullptr) == CUDNN_STATUS_BAD_PARAM);
  CHECK(tensor.set(CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, &kFloat) ==
        CUDNN_STATUS_BAD_PARAM);
  describe(tensor, 7, {1, 2, 3, 4});
  CHECK(tensor.set(CUDNN_ATTR_TENSOR_STRIDES, {12, 4, 1}) == CUDNN_STATUS_SUCCESS);
  CHECK(tensor.finalize() == CUDNN_STATUS_BAD_PARAM);
  CHECK(tensor.set(CUDNN_ATTR_TENSOR_STRIDES, {24, 12, 4, 1}) == CUDNN_STATUS_SUCCESS);
  CHECK(tensor.get(CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, &value) == CUDNN_STATUS_NOT_INITIALIZED);
  CHECK(tensor.finalize() == CUDNN_STATUS_SUCCESS);
  CHECK(tensor.finalize() == CUDNN_STATUS_BAD_PARAM);
  CHECK(tensor.set(CUDNN_ATTR_TENSOR_UNIQUE_ID, {8}) == CUDNN_STATUS_BAD_PARAM);
  CHECK(tensor.get(CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_FLOAT, &wrong) ==
        CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE);
  value = 0;
  CHECK(tensor.get(CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, &value) == CUDNN_STATUS_SUCCESS);
  CHECK(value == 7);
}

inline void check_operation_misuse() {
  BareDescriptor conv(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR), early(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  CHECK(early.finalize() == CUDNN_STATUS_BAD_PARAM);
  describe_convolution(conv);
  REQUIRE(conv.finalize() == CUDNN_STATUS_SUCCESS);

  using Extents = std::array<std::int64_t, 4>;
  struct Case {
    Extents w, y;
    cudnnStatus_t expected;
  };
  for (const Case& c : {Case{{6, 4, 3, 3}, {1, 6, 6, 6}, CUDNN_STATUS_SUCCESS},
                        Case{{6, 2, 3, 3}, {1, 6, 6, 6}, CUDNN_STATUS_SUCCESS},    // two groups
                        Case{{6, 4, 3, 3}, {1, 6, 7, 6}, CUDNN_STATUS_BAD_PARAM},  // a row too many
                        Case{{6, 3, 3, 3}, {1, 6, 6, 6}, CUDNN_STATUS_BAD_PARAM},  // 3 does not divide 4
                        Case{{6, 4, 3, 3}, {2, 6, 6, 6}, CUDNN_STATUS_BAD_PARAM},
                        Case{{6, 4, 3, 3}, {1, 5, 6, 6}, CUDNN_STATUS_BAD_PARAM},
                        Case{{6, 4, 3, 3}, {0, 6, 6, 6}, CUDNN_STATUS_BAD_PARAM}}) {
    CAPTURE(c.w[1]);
    CAPTURE(c.y[2]);
    BareDescriptor x(CUDNN_BACKEND_TENSOR_DESCRIPTOR), w(CUDNN_BACKEND_TENSOR_DESCRIPTOR),
        y(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
    BareDescriptor op(CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR);
    const float one = 1, zero = 0;
    describe(x, 'x', {std::min<std::int64_t>(c.y[0], 1), 4, 8, 8});
    describe(w, 'w', c.w);
    describe(y, 'y', c.y);
    CHECK(op.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, x) == CUDNN_STATUS_SUCCESS);
    CHECK(op.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, w) == CUDNN_STATUS_SUCCESS);
    CHECK(op.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, y) == CUDNN_STATUS_SUCCESS);
    CHECK(op.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA, CUDNN_TYPE_FLOAT, &one) ==
          CUDNN_STATUS_SUCCESS);
    CHECK(op.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA, CUDNN_TYPE_FLOAT, &zero) ==
          CUDNN_STATUS_SUCCESS);
    CHECK(op.finalize() == CUDNN_STATUS_BAD_PARAM);  // no convolution, and the tensors are not finalised
    CHECK(op.set(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, conv) == CUDNN_STATUS_SUCCESS);
    CHECK(op.finalize() == CUDNN_STATUS_BAD_PARAM);
    for (BareDescriptor* tensor : {&x, &w, &y}) CHECK(tensor->finalize() == CUDNN_STATUS_SUCCESS);
    const auto again = [&](cudnnBackendAttributeName_t name, const BareDescriptor& tensor) {
      CHECK(op.set(name, tensor) == CUDNN_STATUS_SUCCESS);
    };
    again(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X, x);
    again(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, w);
    again(CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, y);
    CHECK(op.finalize() == c.expected);
  }
}

inline void check_plan_misuse() {
  for (const auto type : {CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR, CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR,
                          CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR, CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR}) {
    CAPTURE(static_cast<int>(type));
    BareDescriptor empty(type);
    CHECK(empty.finalize() != CUDNN_STATUS_SUCCESS);
  }
  BareDescriptor pack(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
  void* const pointer = &pack;
  CHECK(pack.set(CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, &pointer) ==
        CUDNN_STATUS_SUCCESS);
  CHECK(pack.set(CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, {1, 2}) == CUDNN_STATUS_SUCCESS);
  CHECK(pack.finalize() == CUDNN_STATUS_BAD_PARAM);
  cudnnHandle_t no_handle = nullptr;
  CHECK(cudnnBackendExecute(no_handle, pack.get(), pack.get()) != CUDNN_STATUS_SUCCESS);
}

}  // namespace backlight::test
