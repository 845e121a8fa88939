#include "engine/runtime/cuda/cublas.hpp"

#include "engine/runtime/cuda/library.hpp"
#include "engine/runtime/cuda/stream.hpp"
#include "engine/runtime/cuda/workspace.hpp"

namespace backlight::cuda {
namespace {

/// What NVIDIA advises for Hopper; older devices are content with 4 MiB.
constexpr std::uint64_t kMostWorkspace = 32 << 20;

/// A descriptor that goes with its owner.
template <class Handle, auto destroy>
class Descriptor {
 public:
  Descriptor() = default;
  ~Descriptor() {
    if (handle_) (cublas().*destroy)(handle_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  Handle* out() { return &handle_; }
  operator Handle() const { return handle_; }

 private:
  Handle handle_ = nullptr;
};
using Layout = Descriptor<cublasLtMatrixLayout_t, &CublasFunctions::cublasLtMatrixLayoutDestroy>;
using Operation = Descriptor<cublasLtMatmulDesc_t, &CublasFunctions::cublasLtMatmulDescDestroy>;
using Preference = Descriptor<cublasLtMatmulPreference_t, &CublasFunctions::cublasLtMatmulPreferenceDestroy>;

template <class T>
void set(const Operation& operation, cublasLtMatmulDescAttributes_t attribute, const T& value) {
  CUBLAS_CALL(cublasLtMatmulDescSetAttribute(operation, attribute, &value, sizeof value));
}
template <class T>
void set(const Preference& preference, cublasLtMatmulPreferenceAttributes_t attribute, const T& value) {
  CUBLAS_CALL(cublasLtMatmulPreferenceSetAttribute(preference, attribute, &value, sizeof value));
}

void create(Layout& layout, std::int64_t rows, std::int64_t columns) {
  CUBLAS_CALL(cublasLtMatrixLayoutCreate(layout.out(), CUDA_R_32F, static_cast<std::uint64_t>(rows),
                                         static_cast<std::uint64_t>(columns), rows));
}

cublasComputeType_t compute_type(Precision precision) {
  switch (precision) {
    case Precision::tf32:
      return CUBLAS_COMPUTE_32F_FAST_TF32;
    case Precision::f16:
      return CUBLAS_COMPUTE_32F_FAST_16F;
    case Precision::strict:
      break;
  }
  return CUBLAS_COMPUTE_32F;
}

CublasFunctions load_cublas() {
#ifdef BACKLIGHT_CUDA_EMULATED
#define BACKLIGHT_FIND(name) &::name,
#else
  const Library library("cuBLASLt", text("libcublasLt.so.", CUBLAS_VER_MAJOR), BACKLIGHT_CUDA_FOLDER);
#define BACKLIGHT_FIND(name) library.function<decltype(&::name)>(#name),
#endif
  const CublasFunctions functions{BACKLIGHT_CUBLAS_FUNCTIONS(BACKLIGHT_FIND)};
#undef BACKLIGHT_FIND
  require_version("cuBLASLt", functions.cublasLtGetVersion(), CUBLAS_VER_MAJOR, CUBLAS_VER_MAJOR * 10000);
  return functions;
}

}  // namespace

const CublasFunctions& cublas() {
  static const CublasFunctions functions = load_cublas();
  return functions;
}

void check(cublasStatus_t status, const char* call, const char* file, int line) {
  if (status == CUBLAS_STATUS_SUCCESS) return;
  const ErrorKind kind = status == CUBLAS_STATUS_NOT_SUPPORTED   ? ErrorKind::unsupported
                         : status == CUBLAS_STATUS_INVALID_VALUE ? ErrorKind::internal
                                                                 : ErrorKind::resources;
  throw Error(kind, "[cublasLt ", cublas().cublasLtGetVersion(), "] ", call,
              " failed: ", cublas().cublasLtGetStatusName(status), " at ", file, ":", line);
}

struct Cublas::Plan {
  Operation operation;
  Layout a, b, d;
  cublasLtMatmulHeuristicResult_t result{};
};

Cublas::Cublas(Stream& stream) : stream_(stream) {
  stream.get();  // makes its device the current one
  CUBLAS_CALL(cublasLtCreate(&handle_));
}

Cublas::~Cublas() { cublas().cublasLtDestroy(handle_); }

Cublas::Plan& Cublas::plan_for(const MatmulProblem& p) {
  if (const auto found = plans_.find(p); found != plans_.end()) return *found->second;
  auto plan = std::make_unique<Plan>();
  CUBLAS_CALL(cublasLtMatmulDescCreate(plan->operation.out(), compute_type(p.precision), CUDA_R_32F));
  set(plan->operation, CUBLASLT_MATMUL_DESC_TRANSA,
      static_cast<std::int32_t>(p.transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N));
  set(plan->operation, CUBLASLT_MATMUL_DESC_TRANSB,
      static_cast<std::int32_t>(p.transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N));
  set(plan->operation, CUBLASLT_MATMUL_DESC_EPILOGUE,
      static_cast<std::uint32_t>(p.bias ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_DEFAULT));
  create(plan->a, p.transpose_a ? p.k : p.m, p.transpose_a ? p.m : p.k);
  create(plan->b, p.transpose_b ? p.n : p.k, p.transpose_b ? p.k : p.n);
  create(plan->d, p.m, p.n);

  Preference preference;
  CUBLAS_CALL(cublasLtMatmulPreferenceCreate(preference.out()));
  set(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, kMostWorkspace);
  for (const auto matrix :
       {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES})
    set(preference, matrix, p.alignment);
  int found = 0;
  CUBLAS_CALL(cublasLtMatmulAlgoGetHeuristic(handle_, plan->operation, plan->a, plan->b, plan->d, plan->d,
                                             preference, 1, &plan->result, &found));
  if (found == 0)
    throw Error(ErrorKind::unsupported, "cuBLASLt has no algorithm for a product of ", p.m, "×", p.k, " and ",
                p.k, "×", p.n, " matrices");
  return *(plans_[p] = std::move(plan));
}

void Cublas::multiply(const MatmulProblem& problem, const float* a, const float* b, const float* bias,
                      float beta, float* d) {
  const cudaStream_t stream = stream_.get();
  Plan& plan = plan_for(problem);
  if (problem.bias) set(plan.operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, static_cast<const void*>(bias));
  const std::size_t bytes = plan.result.workspaceSize;
  void* workspace = stream_.part<Workspace>().reserve(bytes);
  const float alpha = 1;
  CUBLAS_CALL(cublasLtMatmul(handle_, plan.operation, &alpha, a, plan.a, b, plan.b, &beta, d, plan.d, d,
                             plan.d, &plan.result.algo, workspace, bytes, stream));
}

}  // namespace backlight::cuda
