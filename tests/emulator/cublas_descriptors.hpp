// What cuBLASLt answers before there is a handle, and so without a device: one set of checks for the real
// library and the emulated one.
#pragma once

#include <cublasLt.h>
#include <doctest/doctest.h>

#include <cstdint>

namespace backlight::test {

inline void check_descriptor_answers() {
  cublasLtMatmulDesc_t operation = nullptr, other = nullptr;
  for (const auto compute : {CUBLAS_COMPUTE_32F, CUBLAS_COMPUTE_32F_FAST_TF32, CUBLAS_COMPUTE_32F_FAST_16F}) {
    REQUIRE(cublasLtMatmulDescCreate(&operation, compute, CUDA_R_32F) == CUBLAS_STATUS_SUCCESS);
    CHECK(cublasLtMatmulDescDestroy(operation) == CUBLAS_STATUS_SUCCESS);
  }
  // What does not go together is found out later, by the search for an algorithm.
  REQUIRE(cublasLtMatmulDescCreate(&other, CUBLAS_COMPUTE_32F, CUDA_R_64F) == CUBLAS_STATUS_SUCCESS);
  CHECK(cublasLtMatmulDescDestroy(other) == CUBLAS_STATUS_SUCCESS);

  REQUIRE(cublasLtMatmulDescCreate(&operation, CUBLAS_COMPUTE_32F, CUDA_R_32F) == CUBLAS_STATUS_SUCCESS);
  const auto set = [&](cublasLtMatmulDescAttributes_t attribute, const auto& value) {
    return cublasLtMatmulDescSetAttribute(operation, attribute, &value, sizeof value);
  };
  CHECK(set(CUBLASLT_MATMUL_DESC_TRANSA, std::int32_t{CUBLAS_OP_T}) == CUBLAS_STATUS_SUCCESS);
  CHECK(set(CUBLASLT_MATMUL_DESC_TRANSB, std::int32_t{CUBLAS_OP_N}) == CUBLAS_STATUS_SUCCESS);
  CHECK(set(CUBLASLT_MATMUL_DESC_TRANSB, std::int64_t{CUBLAS_OP_N}) == CUBLAS_STATUS_INVALID_VALUE);
  CHECK(set(CUBLASLT_MATMUL_DESC_EPILOGUE, std::uint32_t{CUBLASLT_EPILOGUE_BIAS}) == CUBLAS_STATUS_SUCCESS);
  CHECK(set(CUBLASLT_MATMUL_DESC_EPILOGUE, std::uint64_t{CUBLASLT_EPILOGUE_BIAS}) ==
        CUBLAS_STATUS_INVALID_VALUE);
  CHECK(set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, static_cast<const void*>(&operation)) ==
        CUBLAS_STATUS_SUCCESS);
  CHECK(set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, std::uint32_t{0}) == CUBLAS_STATUS_INVALID_VALUE);
  CHECK(cublasLtMatmulDescSetAttribute(operation, CUBLASLT_MATMUL_DESC_TRANSA, nullptr, 4) ==
        CUBLAS_STATUS_INVALID_VALUE);

  cublasLtMatmulPreference_t preference = nullptr;
  REQUIRE(cublasLtMatmulPreferenceCreate(&preference) == CUBLAS_STATUS_SUCCESS);
  const auto prefer = [&](cublasLtMatmulPreferenceAttributes_t attribute, const auto& value) {
    return cublasLtMatmulPreferenceSetAttribute(preference, attribute, &value, sizeof value);
  };
  CHECK(prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, std::uint64_t{1 << 25}) == CUBLAS_STATUS_SUCCESS);
  CHECK(prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, std::uint32_t{1 << 25}) ==
        CUBLAS_STATUS_INVALID_VALUE);
  for (const auto matrix :
       {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES}) {
    CHECK(prefer(matrix, std::uint32_t{4}) == CUBLAS_STATUS_SUCCESS);
    CHECK(prefer(matrix, std::uint64_t{4}) == CUBLAS_STATUS_INVALID_VALUE);
  }

  // So is a layout that contradicts itself.
  cublasLtMatrixLayout_t layout = nullptr;
  REQUIRE(cublasLtMatrixLayoutCreate(&layout, CUDA_R_32F, 4, 2, 2) == CUBLAS_STATUS_SUCCESS);

  int found = 0;
  cublasLtMatmulHeuristicResult_t result{};
  CHECK(cublasLtMatmulAlgoGetHeuristic(nullptr, operation, layout, layout, layout, layout, preference, 1,
                                       &result, &found) == CUBLAS_STATUS_NOT_INITIALIZED);
  CHECK(found == 0);
  CHECK(cublasLtMatrixLayoutDestroy(layout) == CUBLAS_STATUS_SUCCESS);
  CHECK(cublasLtMatmulPreferenceDestroy(preference) == CUBLAS_STATUS_SUCCESS);
  CHECK(cublasLtMatmulDescDestroy(operation) == CUBLAS_STATUS_SUCCESS);
}

}  // namespace backlight::test
