#include "kernels/conv2d/plans_cuda.hpp"

#include <algorithm>
#include <exception>
#include <limits>
#include <utility>

#include "engine/runtime/cuda/check.hpp"
#include "engine/runtime/cuda/stream.hpp"
#include "engine/runtime/cuda/workspace.hpp"

namespace backlight::cuda {
namespace {

constexpr std::size_t kWorkspaceLimit = std::size_t{1} << 30;
constexpr std::size_t kCandidates = 8;  ///< plans that are measured
constexpr int kRuns = 3;                ///< of each, the best counts

class Event {
 public:
  Event() { CUDA_CHECK(cudaEventCreate(&event_)); }
  ~Event() { cudaEventDestroy(event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  cudaEvent_t get() const { return event_; }

 private:
  cudaEvent_t event_ = nullptr;
};

}  // namespace

const ConvPlan* ConvPlans::find(Context& context, const ConvProblem& problem) {
  auto known = plans_.find(problem);
  if (known == plans_.end()) {
    if (stream_.capturing())
      throw Error(ErrorKind::internal, "[conv2d] ", problem,
                  " comes first while a graph is captured: run the same work once before it is captured");
    std::vector<ConvPlan> plans = conv_plans(problem, stream_.part<Cudnn>().device(), kWorkspaceLimit,
                                             stream_.tunes() ? kCandidates : 1);
    std::optional<ConvPlan> best;
    if (!plans.empty()) best = std::move(plans[plans.size() > 1 ? fastest(context, problem, plans) : 0]);
    known = plans_.emplace(problem, std::move(best)).first;
  }
  return known->second ? &*known->second : nullptr;
}

const ConvPlan& ConvPlans::get(Context& context, const ConvProblem& problem) {
  if (const ConvPlan* plan = find(context, problem)) return *plan;
  throw Error(ErrorKind::unsupported, "[conv2d] cuDNN ", cudnn().cudnnGetVersion(), " has no plan within ",
              kWorkspaceLimit >> 20, " MiB of workspace for ", problem, ": use the device cpu");
}

/// Measures on arrays of its own: a plan may add to what it writes. A plan that fails is passed over; where
/// all do, the first failure is thrown.
std::size_t ConvPlans::fastest(Context& context, const ConvProblem& problem,
                               const std::vector<ConvPlan>& plans) {
  const Conv2dParams& p = problem.params;
  const Tensor x = context.zeros({p.batch, p.in_channels, p.in_height, p.in_width});
  const Tensor w = context.zeros({p.out_channels, p.in_channels / p.groups, p.kernel_height, p.kernel_width});
  const Tensor y = context.zeros({p.batch, p.out_channels, p.out_height, p.out_width});
  const Tensor bias = context.zeros({p.out_channels}), residual = context.zeros(y.shape());
  const Event start, stop;
  const cudnnHandle_t handle = stream_.part<Cudnn>().handle();
  const cudaStream_t stream = stream_.get();
  const auto milliseconds_of = [&](const ConvPlan& plan) {
    void* workspace = stream_.part<Workspace>().reserve(plan.workspace_bytes);
    const auto once = [&] {
      execute(plan, handle,
              {{ConvTensor::x, x.data<float>()},
               {ConvTensor::w, w.data<float>()},
               {ConvTensor::y, y.data<float>()},
               {ConvTensor::bias, problem.bias ? bias.data<float>() : nullptr},
               {ConvTensor::residual, problem.residual ? residual.data<float>() : nullptr}},
              workspace);
    };
    once();  // loads the kernels
    float least = std::numeric_limits<float>::infinity();
    for (int run = 0; run < kRuns; ++run) {
      CUDA_CHECK(cudaEventRecord(start.get(), stream));
      once();
      CUDA_CHECK(cudaEventRecord(stop.get(), stream));
      CUDA_CHECK(cudaEventSynchronize(stop.get()));
      float milliseconds = 0;
      CUDA_CHECK(cudaEventElapsedTime(&milliseconds, start.get(), stop.get()));
      least = std::min(least, milliseconds);
    }
    return least;
  };
  std::optional<std::size_t> best;
  float least = 0;
  std::exception_ptr failure;
  for (std::size_t i = 0; i < plans.size(); ++i) {
    try {
      const float milliseconds = milliseconds_of(plans[i]);
      if (best && milliseconds >= least) continue;
      best = i;
      least = milliseconds;
    } catch (const Error&) {  // others may do what this one cannot
      if (!failure) failure = std::current_exception();
    }
  }
  if (!best) std::rethrow_exception(failure);
  return *best;
}

}  // namespace backlight::cuda
