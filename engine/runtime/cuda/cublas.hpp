// Matrix products by cuBLASLt, with ownership and checks.
#pragma once

#include <cublasLt.h>

#include <compare>
#include <cstdint>
#include <map>
#include <memory>

#include "engine/core/error.hpp"
#include "engine/runtime/device.hpp"

namespace backlight::cuda {

/// Throws an Error that names the call, the status and the place, unless `status` is CUBLAS_STATUS_SUCCESS:
/// unsupported where cuBLAS does not support what was asked, internal for a bad parameter, else resources.
void check(cublasStatus_t status, const char* call, const char* file, int line);

#define BACKLIGHT_CUBLAS_FUNCTIONS(X)     \
  X(cublasLtCreate)                       \
  X(cublasLtDestroy)                      \
  X(cublasLtGetStatusName)                \
  X(cublasLtGetVersion)                   \
  X(cublasLtMatmul)                       \
  X(cublasLtMatmulAlgoGetHeuristic)       \
  X(cublasLtMatmulDescCreate)             \
  X(cublasLtMatmulDescDestroy)            \
  X(cublasLtMatmulDescSetAttribute)       \
  X(cublasLtMatmulPreferenceCreate)       \
  X(cublasLtMatmulPreferenceDestroy)      \
  X(cublasLtMatmulPreferenceSetAttribute) \
  X(cublasLtMatrixLayoutCreate)           \
  X(cublasLtMatrixLayoutDestroy)

/// What is used of cuBLASLt: NVIDIA's functions under their own names.
struct CublasFunctions {
#define BACKLIGHT_MEMBER(name) decltype(&::name) name;
  BACKLIGHT_CUBLAS_FUNCTIONS(BACKLIGHT_MEMBER)
#undef BACKLIGHT_MEMBER
};
/// Loads the library when it is first called. Throws Error(resources) where it is missing or of another
/// release.
const CublasFunctions& cublas();

/// Calls one of them, and checks its status.
#define CUBLAS_CALL(call) \
  ::backlight::cuda::check(::backlight::cuda::cublas().call, #call, __FILE__, __LINE__)

/// D (+)= A·B for packed float32 matrices by columns: D is m×n, A is m×k, or k×m and transposed, B is k×n, or
/// n×k and transposed.
struct MatmulProblem {
  std::int64_t m = 0, n = 0, k = 0;
  bool transpose_a = false, transpose_b = false;
  bool bias = false;  ///< one value for each row of D is added
  Precision precision = Precision::strict;
  std::uint32_t alignment = 4;  ///< bytes: that of the least aligned matrix

  friend auto operator<=>(const MatmulProblem&, const MatmulProblem&) = default;
};

/// cuBLASLt for one stream: `stream.part<Cublas>()`. What a problem needs, an algorithm and workspace, is
/// sought when it first comes, which must not be while a graph is captured.
class Cublas {
 public:
  explicit Cublas(Stream& stream);
  ~Cublas();
  Cublas(const Cublas&) = delete;
  Cublas& operator=(const Cublas&) = delete;

  /// D = A·B + beta·D + bias. `bias` has m elements, or is null where the problem has none. Throws
  /// Error(unsupported) where cuBLASLt has no algorithm.
  void multiply(const MatmulProblem& problem, const float* a, const float* b, const float* bias, float beta,
                float* d);
  /// Problems that were met so far.
  std::size_t size() const { return plans_.size(); }

 private:
  struct Plan;
  Plan& plan_for(const MatmulProblem& problem);

  Stream& stream_;
  cublasLtHandle_t handle_ = nullptr;
  std::map<MatmulProblem, std::unique_ptr<Plan>> plans_;
};

}  // namespace backlight::cuda
