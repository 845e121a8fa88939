// cuBLASLt's descriptors, heuristics and checks. A product is checked when it is enqueued, and runs in the
// order of its stream. Float32 matrices by columns only; anything else is refused, not approximated.
#include <cublasLt.h>

#include <bit>
#include <cstring>

#include "../runtime/runtime.hpp"
#include "matmul.hpp"

struct cublasLtContext {
  int device = 0;  ///< that was the current one when the handle was made
};

namespace backlight::emulator {
namespace {

// What lies in the opaque structures. The mark finds descriptors that were never created or are destroyed.
struct Layout {
  std::uint64_t mark, type, rows, columns;
  std::int64_t ld;
};
struct MatmulOperation {
  std::uint64_t mark, compute_type, scale_type;
  std::int32_t transpose_a, transpose_b;
  std::uint32_t epilogue;
  const float* bias;
};
struct Preference {
  std::uint64_t mark, workspace_bytes;
  std::uint32_t alignment[4];  ///< of A, B, C, D
};
/// An algorithm serves the problem for which it was found.
struct Algorithm {
  std::uint64_t mark, problem, workspace_bytes;
  std::uint32_t alignment[4];
};
constexpr std::uint64_t kLayout = 0x4c61796f7574, kOperation = 0x4f7065726174, kPreference = 0x507265666572,
                        kAlgorithm = 0x416c676f7269;

template <class T, class Opaque>
T& inside(Opaque* opaque) {
  static_assert(sizeof(T) <= sizeof(Opaque));
  return *reinterpret_cast<T*>(opaque->data);
}

template <class... Parts>
cublasStatus_t refuse(cublasStatus_t status, const Parts&... parts) {
  std::ostringstream out;
  ((out << "[cublasLt] ") << ... << parts);
  runtime().note(out.str());
  return status;
}

template <class T>
bool store(T& to, const void* from, std::size_t bytes) {
  if (!from || bytes != sizeof(T)) return false;
  std::memcpy(&to, from, bytes);
  return true;
}

/// Null where operation and layouts describe a product, else what is wrong.
const char* contradiction(const MatmulOperation& o, const Layout& a, const Layout& b, const Layout& c,
                          const Layout& d) {
  if (o.mark != kOperation) return "the operation is not a descriptor";
  for (const Layout* l : {&a, &b, &c, &d}) {
    if (l->mark != kLayout) return "a layout is not a descriptor";
    if (l->rows == 0 || l->columns == 0) return "a matrix is empty";
    if (l->ld < 0 || static_cast<std::uint64_t>(l->ld) < l->rows)
      return "a leading dimension is below the rows";
  }
  const std::uint64_t m = o.transpose_a ? a.columns : a.rows, ka = o.transpose_a ? a.rows : a.columns;
  const std::uint64_t n = o.transpose_b ? b.rows : b.columns, kb = o.transpose_b ? b.columns : b.rows;
  if (ka != kb) return "the inner extents of A and B differ";
  if (d.rows != m || d.columns != n || c.rows != m || c.columns != n) return "C or D is not of A·B's extents";
  return nullptr;
}

bool supported(const MatmulOperation& o, const Layout& a, const Layout& b, const Layout& c, const Layout& d) {
  const bool floats = a.type == CUDA_R_32F && b.type == CUDA_R_32F && c.type == CUDA_R_32F &&
                      d.type == CUDA_R_32F && o.scale_type == CUDA_R_32F;
  const bool compute = o.compute_type == CUBLAS_COMPUTE_32F ||
                       o.compute_type == CUBLAS_COMPUTE_32F_FAST_16F ||
                       o.compute_type == CUBLAS_COMPUTE_32F_FAST_TF32;
  return floats && compute &&
         (o.epilogue == CUBLASLT_EPILOGUE_DEFAULT || o.epilogue == CUBLASLT_EPILOGUE_BIAS);
}

/// A fingerprint of everything that an algorithm may depend on.
std::uint64_t problem_of(const MatmulOperation& o, std::initializer_list<const Layout*> layouts) {
  std::uint64_t hash =
      o.compute_type * 31 + static_cast<std::uint64_t>(o.transpose_a * 2 + o.transpose_b) + o.epilogue * 7;
  for (const Layout* l : layouts)
    for (const std::uint64_t part : {l->type, l->rows, l->columns, static_cast<std::uint64_t>(l->ld)})
      hash = (hash ^ part) * 0x100000001b3u;
  return hash;
}

std::size_t bytes_of(const Layout& l) {
  return (static_cast<std::size_t>(l.ld) * (l.columns - 1) + l.rows) * sizeof(float);
}

/// Empty where a matrix lies in one block of the device's memory, else what is wrong.
std::string misplaced(const void* matrix, std::size_t bytes, int device) {
  Runtime& r = runtime();
  if (!matrix) return "a null pointer";
  if (!r.on_device(matrix)) return "a host pointer, or a block that was freed";
  if (const std::string where = r.elsewhere(matrix, device); !where.empty()) return "a matrix that " + where;
  return r.whole(matrix, bytes) ? "" : "a matrix that reaches past the end of its block";
}

}  // namespace
}  // namespace backlight::emulator

using namespace backlight::emulator;

extern "C" {

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  Runtime& r = runtime();
  const std::lock_guard lock(r.mutex);
  if (!handle) return CUBLAS_STATUS_INVALID_VALUE;
  if (r.sticky != cudaSuccess || r.refuse_in_capture("cublasLtCreate")) return CUBLAS_STATUS_NOT_INITIALIZED;
  *handle = new cublasLtContext{current_device()};
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
  if (!handle) return CUBLAS_STATUS_NOT_INITIALIZED;
  delete handle;
  return CUBLAS_STATUS_SUCCESS;
}
size_t cublasLtGetVersion() { return 130100; }

const char* cublasLtGetStatusName(cublasStatus_t status) {
  switch (status) {
    case CUBLAS_STATUS_SUCCESS:
      return "CUBLAS_STATUS_SUCCESS";
    case CUBLAS_STATUS_NOT_INITIALIZED:
      return "CUBLAS_STATUS_NOT_INITIALIZED";
    case CUBLAS_STATUS_ALLOC_FAILED:
      return "CUBLAS_STATUS_ALLOC_FAILED";
    case CUBLAS_STATUS_INVALID_VALUE:
      return "CUBLAS_STATUS_INVALID_VALUE";
    case CUBLAS_STATUS_ARCH_MISMATCH:
      return "CUBLAS_STATUS_ARCH_MISMATCH";
    case CUBLAS_STATUS_MAPPING_ERROR:
      return "CUBLAS_STATUS_MAPPING_ERROR";
    case CUBLAS_STATUS_EXECUTION_FAILED:
      return "CUBLAS_STATUS_EXECUTION_FAILED";
    case CUBLAS_STATUS_INTERNAL_ERROR:
      return "CUBLAS_STATUS_INTERNAL_ERROR";
    case CUBLAS_STATUS_NOT_SUPPORTED:
      return "CUBLAS_STATUS_NOT_SUPPORTED";
  }
  return "CUBLAS_STATUS_UNKNOWN";
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* layout, cudaDataType type, uint64_t rows,
                                          uint64_t columns, int64_t ld) {
  *layout = new cublasLtMatrixLayoutOpaque_t{};
  inside<Layout>(*layout) = {kLayout, type, rows, columns, ld};
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) {
  delete layout;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* operation, cublasComputeType_t compute_type,
                                        cudaDataType_t scale_type) {
  *operation = new cublasLtMatmulDescOpaque_t{};
  inside<MatmulOperation>(*operation) = {kOperation,
                                         static_cast<std::uint64_t>(compute_type),
                                         static_cast<std::uint64_t>(scale_type),
                                         CUBLAS_OP_N,
                                         CUBLAS_OP_N,
                                         CUBLASLT_EPILOGUE_DEFAULT,
                                         nullptr};
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t operation) {
  delete operation;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t operation,
                                              cublasLtMatmulDescAttributes_t attribute, const void* value,
                                              size_t bytes) {
  MatmulOperation& o = inside<MatmulOperation>(operation);
  const bool done = attribute == CUBLASLT_MATMUL_DESC_TRANSA   ? store(o.transpose_a, value, bytes)
                    : attribute == CUBLASLT_MATMUL_DESC_TRANSB ? store(o.transpose_b, value, bytes)
                    : attribute == CUBLASLT_MATMUL_DESC_EPILOGUE
                        ? store(o.epilogue, value, bytes)
                        : attribute == CUBLASLT_MATMUL_DESC_BIAS_POINTER && store(o.bias, value, bytes);
  return done ? CUBLAS_STATUS_SUCCESS : refuse(CUBLAS_STATUS_INVALID_VALUE, "matmul attribute ", attribute);
}

cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* preference) {
  *preference = new cublasLtMatmulPreferenceOpaque_t{};
  inside<Preference>(*preference) = {kPreference, 0, {256, 256, 256, 256}};
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
  delete preference;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t preference,
                                                    cublasLtMatmulPreferenceAttributes_t attribute,
                                                    const void* value, size_t bytes) {
  Preference& p = inside<Preference>(preference);
  const int matrix = attribute - CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES;
  const bool done = attribute == CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES
                        ? store(p.workspace_bytes, value, bytes)
                        : matrix >= 0 && matrix < 4 && store(p.alignment[matrix], value, bytes);
  return done ? CUBLAS_STATUS_SUCCESS : refuse(CUBLAS_STATUS_INVALID_VALUE, "preference ", attribute);
}

/// One algorithm. It asks for a workspace where the inner extent is long, as one that splits the sum would.
cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t handle, cublasLtMatmulDesc_t operation,
                                              cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                                              cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                                              cublasLtMatmulPreference_t preference, int requested,
                                              cublasLtMatmulHeuristicResult_t results[], int* found) {
  if (!handle) return CUBLAS_STATUS_NOT_INITIALIZED;
  if (!operation || !a || !b || !c || !d || !preference || !results || !found || requested < 1)
    return refuse(CUBLAS_STATUS_INVALID_VALUE, "a null pointer in cublasLtMatmulAlgoGetHeuristic");
  const MatmulOperation& o = inside<MatmulOperation>(operation);
  const Layout &la = inside<Layout>(a), &lb = inside<Layout>(b), &lc = inside<Layout>(c),
               &ld = inside<Layout>(d);
  if (const char* what = contradiction(o, la, lb, lc, ld)) return refuse(CUBLAS_STATUS_INVALID_VALUE, what);
  *found = 0;
  if (!supported(o, la, lb, lc, ld)) return CUBLAS_STATUS_NOT_SUPPORTED;
  if (runtime().options.plans == Plans::none) return CUBLAS_STATUS_SUCCESS;
  const Preference& p = inside<Preference>(preference);
  const std::uint64_t inner = o.transpose_a ? la.rows : la.columns;
  const std::uint64_t split = 2 * ld.rows * ld.columns * sizeof(float);
  results[0] = {};
  Algorithm& algorithm = inside<Algorithm>(&results[0].algo);
  algorithm = {kAlgorithm,
               problem_of(o, {&la, &lb, &lc, &ld}),
               inner >= 64 && split <= p.workspace_bytes ? split : 0,
               {}};
  std::memcpy(algorithm.alignment, p.alignment, sizeof p.alignment);
  results[0].workspaceSize = algorithm.workspace_bytes;
  results[0].state = CUBLAS_STATUS_SUCCESS;
  results[0].wavesCount = 1;
  *found = 1;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t operation, const void* alpha,
                              const void* a, cublasLtMatrixLayout_t a_layout, const void* b,
                              cublasLtMatrixLayout_t b_layout, const void* beta, const void* c,
                              cublasLtMatrixLayout_t c_layout, void* d, cublasLtMatrixLayout_t d_layout,
                              const cublasLtMatmulAlgo_t* algo, void* workspace, size_t workspace_bytes,
                              cudaStream_t stream) {
  Runtime& r = runtime();
  const std::lock_guard lock(r.mutex);
  if (!handle) return CUBLAS_STATUS_NOT_INITIALIZED;
  if (!operation || !a_layout || !b_layout || !c_layout || !d_layout || !algo || !alpha || !beta)
    return refuse(CUBLAS_STATUS_INVALID_VALUE, "a null pointer in cublasLtMatmul");
  const CUstream_st* s = r.stream(stream);
  if (!s) return refuse(CUBLAS_STATUS_INVALID_VALUE, "no stream");
  if (const int current = current_device(); current != handle->device || s->device != handle->device)
    return refuse(CUBLAS_STATUS_INVALID_VALUE, "a handle of device ", handle->device,
                  " was used with a stream of device ", s->device, " while device ", current,
                  " is the current one");
  const MatmulOperation o = inside<MatmulOperation>(operation);
  const Layout la = inside<Layout>(a_layout), lb = inside<Layout>(b_layout), lc = inside<Layout>(c_layout),
               ld = inside<Layout>(d_layout);
  if (const char* what = contradiction(o, la, lb, lc, ld)) return refuse(CUBLAS_STATUS_INVALID_VALUE, what);
  const auto& algorithm = *reinterpret_cast<const Algorithm*>(algo->data);
  if (algorithm.mark != kAlgorithm || algorithm.problem != problem_of(o, {&la, &lb, &lc, &ld}))
    return refuse(CUBLAS_STATUS_INVALID_VALUE, "the algorithm was found for another problem");
  if (workspace_bytes < algorithm.workspace_bytes)
    return refuse(CUBLAS_STATUS_INVALID_VALUE, "the workspace has ", workspace_bytes,
                  " bytes, the algorithm needs ", algorithm.workspace_bytes);
  const void* const matrices[] = {a, b, c, d};
  for (int i = 0; i < 4; ++i)
    if (reinterpret_cast<std::uintptr_t>(matrices[i]) % algorithm.alignment[i] != 0)
      return refuse(CUBLAS_STATUS_INVALID_VALUE, "matrix ", "ABCD"[i], " is not aligned to the ",
                    algorithm.alignment[i], " bytes that were promised");
  if (reinterpret_cast<std::uintptr_t>(workspace) % 256 != 0)
    return refuse(CUBLAS_STATUS_INVALID_VALUE, "the workspace is not aligned to 256 bytes");
  if (o.epilogue == CUBLASLT_EPILOGUE_BIAS && !o.bias) return refuse(CUBLAS_STATUS_INVALID_VALUE, "no bias");

  const Rounding rounding = o.compute_type == CUBLAS_COMPUTE_32F_FAST_TF32  ? Rounding::tf32
                            : o.compute_type == CUBLAS_COMPUTE_32F_FAST_16F ? Rounding::half
                                                                            : Rounding::none;
  const Matmul matmul{.m = static_cast<std::int64_t>(ld.rows),
                      .n = static_cast<std::int64_t>(ld.columns),
                      .k = static_cast<std::int64_t>(o.transpose_a ? la.rows : la.columns),
                      .transpose_a = o.transpose_a == CUBLAS_OP_T,
                      .transpose_b = o.transpose_b == CUBLAS_OP_T,
                      .lda = la.ld,
                      .ldb = lb.ld,
                      .ldc = lc.ld,
                      .ldd = ld.ld,
                      .rounding = rounding,
                      .alpha = *static_cast<const float*>(alpha),
                      .beta = *static_cast<const float*>(beta),
                      .a = static_cast<const float*>(a),
                      .b = static_cast<const float*>(b),
                      .c = static_cast<const float*>(c),
                      .bias = o.epilogue == CUBLASLT_EPILOGUE_BIAS ? o.bias : nullptr,
                      .d = static_cast<float*>(d)};
  const std::size_t scratch = algorithm.workspace_bytes;
  const auto work = [=, device = handle->device]() -> cudaError_t {
    struct Span {
      const void* begin;
      std::size_t bytes;
    };
    for (const Span span : {Span{matmul.a, bytes_of(la)},
                            {matmul.b, bytes_of(lb)},
                            {matmul.d, bytes_of(ld)},
                            {matmul.c, matmul.beta != 0 ? bytes_of(lc) : 0},
                            {matmul.bias, matmul.bias ? ld.rows * sizeof(float) : 0},
                            {workspace, scratch}})
      if (const std::string what = span.bytes ? misplaced(span.begin, span.bytes, device) : ""; !what.empty())
        return runtime().error(cudaErrorIllegalAddress, "cublasLtMatmul was given ", what);
    if (scratch) std::memset(workspace, 0xff, scratch);  // what was there is lost, and what is there is NaN
    run(matmul);
    return cudaSuccess;
  };
  return r.enqueue(stream, {work}) == cudaSuccess ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
}

}  // extern "C"
