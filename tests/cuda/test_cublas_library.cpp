// The installed cuBLASLt itself, as far as it answers without a GPU.
#include <string>

#include "emulator/cublas_descriptors.hpp"
#include "support/skip.hpp"

using namespace backlight::test;

TEST_CASE("the real cuBLASLt answers descriptors as the emulated one does") { check_descriptor_answers(); }

TEST_CASE("the real cuBLASLt has an algorithm for VGG-16's first linear layer") {
  cublasLtHandle_t handle = nullptr;
  if (const cublasStatus_t status = cublasLtCreate(&handle); status != CUBLAS_STATUS_SUCCESS) {
    CHECK(status == CUBLAS_STATUS_NOT_INITIALIZED);
    return skip("cublasLtCreate answers " + std::string(cublasLtGetStatusName(status)) +
                ": cuBLASLt searches for algorithms only where there is a device");
  }
  cublasLtMatmulDesc_t operation = nullptr;
  cublasLtMatmulPreference_t preference = nullptr;
  cublasLtMatrixLayout_t w = nullptr, x = nullptr, y = nullptr;
  const std::int32_t transposed = CUBLAS_OP_T;
  REQUIRE(cublasLtMatmulDescCreate(&operation, CUBLAS_COMPUTE_32F, CUDA_R_32F) == CUBLAS_STATUS_SUCCESS);
  REQUIRE(cublasLtMatmulDescSetAttribute(operation, CUBLASLT_MATMUL_DESC_TRANSA, &transposed,
                                         sizeof transposed) == CUBLAS_STATUS_SUCCESS);
  REQUIRE(cublasLtMatmulPreferenceCreate(&preference) == CUBLAS_STATUS_SUCCESS);
  REQUIRE(cublasLtMatrixLayoutCreate(&w, CUDA_R_32F, 25088, 4096, 25088) == CUBLAS_STATUS_SUCCESS);
  REQUIRE(cublasLtMatrixLayoutCreate(&x, CUDA_R_32F, 25088, 8, 25088) == CUBLAS_STATUS_SUCCESS);
  REQUIRE(cublasLtMatrixLayoutCreate(&y, CUDA_R_32F, 4096, 8, 4096) == CUBLAS_STATUS_SUCCESS);
  int found = 0;
  cublasLtMatmulHeuristicResult_t result{};
  CHECK(cublasLtMatmulAlgoGetHeuristic(handle, operation, w, x, y, y, preference, 1, &result, &found) ==
        CUBLAS_STATUS_SUCCESS);
  CHECK(found == 1);
  for (const auto layout : {w, x, y}) cublasLtMatrixLayoutDestroy(layout);
  cublasLtMatmulPreferenceDestroy(preference);
  cublasLtMatmulDescDestroy(operation);
  cublasLtDestroy(handle);
}
