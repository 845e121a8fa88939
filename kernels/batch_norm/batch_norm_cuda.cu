// Predicted limit: memory; the costs of batch_norm.hpp over the card's bandwidth are the least times.
// Statistics and gradient sums are one pass and a small second kernel over the blocks' partial results.
#include <algorithm>
#include <type_traits>

#include "engine/runtime/cuda/enqueue.hpp"
#include "engine/runtime/device.hpp"
#include "kernels/batch_norm/batch_norm.hpp"
#include "kernels/grid.hpp"
#include "kernels/launch.hpp"

namespace backlight::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kLoads = 4;  // in flight per thread and array

/// How a block walks planes of `size` vectors: 2^log2_lanes threads side by side in one plane, as many planes
/// at a time as that leaves room for.
struct Walk {
  unsigned planes, channels, size;
  int log2_lanes;

  __host__ __device__ unsigned lanes() const { return 1u << log2_lanes; }
  __host__ __device__ unsigned planes_at_a_time() const { return kThreads >> log2_lanes; }
  __device__ unsigned lane() const { return threadIdx.x & (lanes() - 1); }
  __device__ unsigned row() const { return threadIdx.x >> log2_lanes; }
};

template <class Vector, class Fn, class... X>
__device__ Vector apply(const Fn& fn, const X&... x) {
  if constexpr (std::is_same_v<Vector, float>)
    return fn(x...);
  else
    return make_float4(fn(x.x...), fn(x.y...), fn(x.z...), fn(x.w...));
}

/// y = op.of(channel)(x…) element by element; y may be any of x. A plane takes `tiles` blocks.
template <class Vector, class Op, class... X>
__global__ void __launch_bounds__(kThreads)
    channel_map_kernel(Op op, Walk walk, unsigned tiles, Vector* y, const X*... x) {
  const unsigned plane = blockIdx.x / tiles * walk.planes_at_a_time() + walk.row();
  if (plane >= walk.planes) return;
  const auto fn = op.of(plane % walk.channels);
  const unsigned first = blockIdx.x % tiles * (walk.lanes() * kLoads) + walk.lane();
  const std::int64_t base = std::int64_t{plane} * walk.size;
  Vector value[kLoads];
#pragma unroll
  for (int v = 0; v < kLoads; ++v) {
    const unsigned i = first + v * walk.lanes();
    if (i < walk.size) value[v] = apply<Vector>(fn, x[base + i]...);
  }
#pragma unroll
  for (int v = 0; v < kLoads; ++v) {
    const unsigned i = first + v * walk.lanes();
    if (i < walk.size) y[base + i] = value[v];
  }
}

__device__ float inverse_deviation(float variance, float eps) { return 1.0f / sqrtf(variance + eps); }

struct Normalise {
  const float *weight, *bias, *mean, *variance;
  float eps;
  bool relu;
  float upper;

  struct Channel {
    float scale, shift;
    bool relu;
    float upper;
    __device__ float clamp(float y) const {
      const float positive = relu && y < 0.0f ? 0.0f : y;
      return relu && positive > upper ? upper : positive;
    }
    __device__ float operator()(float x) const { return clamp(x * scale + shift); }
    __device__ float operator()(float x, float residual) const {
      return clamp((x * scale + shift) + residual);
    }
  };
  __device__ Channel of(unsigned c) const {
    const float scale = __ldg(weight + c) * inverse_deviation(__ldg(variance + c), eps);
    return {scale, __ldg(bias + c) - __ldg(mean + c) * scale, relu, upper};
  }
};

struct InferenceBackward {
  const float *weight, *variance;
  float eps;

  struct Channel {
    float scale;
    __device__ float operator()(float dy) const { return scale * dy; }
  };
  __device__ Channel of(unsigned c) const {
    return {__ldg(weight + c) * inverse_deviation(__ldg(variance + c), eps)};
  }
};

/// The direct term, the term through the mean and the term through the variance, for each x − mean of it.
struct TrainingBackward {
  const float *weight, *mean, *variance, *through_mean, *through_variance;
  float eps;

  struct Channel {
    float scale, mean, through_mean, through_variance;
    __device__ float operator()(float dy, float x) const {
      return scale * (dy - through_mean - (x - mean) * through_variance);
    }
  };
  __device__ Channel of(unsigned c) const {
    return {__ldg(weight + c) * inverse_deviation(__ldg(variance + c), eps), __ldg(mean + c),
            __ldg(through_mean + c), __ldg(through_variance + c)};
  }
};

/// Count, mean and Σ(x − mean)² of a set, merged as in Chan, Golub and LeVeque 1983: in float32 as good as
/// two passes, where Σx² − (Σx)²/m would cancel.
struct Moments {
  float count, mean, squares;

  __device__ void merge(const Moments& other) {
    if (other.count == 0) return;
    const float total = count + other.count;
    const float delta = other.mean - mean, share = __fdividef(other.count, total);
    mean += delta * share;
    squares += other.squares + count * share * delta * delta;
    count = total;
  }
  __device__ Moments from_lane(int delta) const {
    return {__shfl_down_sync(kAllLanes, count, delta), __shfl_down_sync(kAllLanes, mean, delta),
            __shfl_down_sync(kAllLanes, squares, delta)};
  }
};

struct MomentsOfX {
  using State = Moments;
  __device__ Moments zero(unsigned) const { return {0, 0, 0}; }
  __device__ void add(Moments& m, unsigned, float x) const { m.merge({1, x, 0}); }
  __device__ void add(Moments& m, unsigned, float4 x) const {
    const float mean = 0.25f * ((x.x + x.y) + (x.z + x.w));
    const float a = x.x - mean, b = x.y - mean, c = x.z - mean, d = x.w - mean;
    m.merge({4, mean, (a * a + b * b) + (c * c + d * d)});
  }
};

/// Σ dy and Σ dy·(x − mean).
struct GradientSums {
  float dy, dy_x;

  __device__ void merge(const GradientSums& other) {
    dy += other.dy;
    dy_x += other.dy_x;
  }
  __device__ GradientSums from_lane(int delta) const {
    return {__shfl_down_sync(kAllLanes, dy, delta), __shfl_down_sync(kAllLanes, dy_x, delta)};
  }
};

struct SumsOfGradients {
  using State = GradientSums;
  const float* mean;
  __device__ GradientSums zero(unsigned) const { return {0, 0}; }
  __device__ void add(GradientSums& s, unsigned c, float dy, float x) const {
    s.merge({dy, dy * (x - __ldg(mean + c))});
  }
  __device__ void add(GradientSums& s, unsigned c, float4 dy, float4 x) const {
    const float m = __ldg(mean + c);
    s.merge({(dy.x + dy.y) + (dy.z + dy.w),
             (dy.x * (x.x - m) + dy.y * (x.y - m)) + (dy.z * (x.z - m) + dy.w * (x.w - m))});
  }
};

/// A block per channel and per `images` images: partial[channel·splits + split].
template <class Op, class State, class... X>
__global__ void __launch_bounds__(kThreads)
    channel_reduce_kernel(Op op, Walk walk, unsigned splits, unsigned images, State* partial, const X*... x) {
  const unsigned channel = blockIdx.x / splits, split = blockIdx.x % splits;
  const unsigned batch = walk.planes / walk.channels, end = min(batch, (split + 1) * images);
  State state = op.zero(channel);
  for (unsigned n = split * images + walk.row(); n < end; n += walk.planes_at_a_time()) {
    const std::int64_t base = (std::int64_t{n} * walk.channels + channel) * walk.size;
#pragma unroll 4
    for (unsigned i = walk.lane(); i < walk.size; i += walk.lanes())
      op.add(state, channel, __ldg(x + base + i)...);
  }
  for (int delta = kWarp / 2; delta > 0; delta /= 2) state.merge(state.from_lane(delta));
  SHARED(State, of_warp, [kThreads / kWarp]);
  if (threadIdx.x % kWarp == 0) of_warp[threadIdx.x / kWarp] = state;
  __syncthreads();
  if (threadIdx.x > 0) return;
  for (int warp = 1; warp < kThreads / kWarp; ++warp) state.merge(of_warp[warp]);
  partial[blockIdx.x] = state;
}

/// A thread per channel. `count` values were reduced.
__global__ void __launch_bounds__(kThreads)
    statistics_kernel(const Moments* __restrict__ partial, unsigned splits, unsigned channels, double count,
                      float* __restrict__ mean, float* __restrict__ variance, float* __restrict__ unbiased) {
  const unsigned c = blockIdx.x * kThreads + threadIdx.x;
  if (c >= channels) return;
  Moments all = partial[c * splits];
  for (unsigned split = 1; split < splits; ++split) all.merge(partial[c * splits + split]);
  mean[c] = all.mean;
  variance[c] = static_cast<float>(all.squares / count);
  unbiased[c] = static_cast<float>(all.squares / (count - 1));
}

/// A thread per channel. Each of the four results may be null.
__global__ void __launch_bounds__(kThreads)
    gradients_kernel(const GradientSums* __restrict__ partial, unsigned splits, unsigned channels,
                     double count, const float* __restrict__ variance, float eps, float* __restrict__ dweight,
                     float* __restrict__ dbias, float* __restrict__ through_mean,
                     float* __restrict__ through_variance) {
  const unsigned c = blockIdx.x * kThreads + threadIdx.x;
  if (c >= channels) return;
  GradientSums all = partial[c * splits];
  for (unsigned split = 1; split < splits; ++split) all.merge(partial[c * splits + split]);
  const float s = inverse_deviation(variance[c], eps);
  if (dweight) dweight[c] += all.dy_x * s;
  if (dbias) dbias[c] += all.dy;
  if (through_mean) through_mean[c] = static_cast<float>(all.dy / count);
  if (through_variance) through_variance[c] = static_cast<float>(all.dy_x / count) * s * s;
}

/// A thread per channel; in double as the CPU, so that the bits are the CPU's.
__global__ void __launch_bounds__(kThreads)
    update_running_kernel(unsigned channels, double momentum, const float* __restrict__ mean,
                          const float* __restrict__ unbiased, float* __restrict__ running_mean,
                          float* __restrict__ running_variance) {
  const unsigned c = blockIdx.x * kThreads + threadIdx.x;
  if (c >= channels) return;
  const auto moved = [=](float running, float observed) {
    return static_cast<float>((1 - momentum) * running + momentum * observed);
  };
  running_mean[c] = moved(running_mean[c], mean[c]);
  running_variance[c] = moved(running_variance[c], unbiased[c]);
}

/// Whether every plane of every array starts at a multiple of 16 bytes.
template <class... X>
bool by_vectors(const BatchNormParams& p, const X*... x) {
  return p.plane % 4 == 0 && ((reinterpret_cast<std::uintptr_t>(x) % sizeof(float4) == 0) && ...);
}

/// `per_thread` vectors of a plane for each thread, as far as a block has threads.
Walk walk_of(const BatchNormParams& p, bool vectors, std::int64_t per_thread) {
  Walk walk{index32(p.batch * p.channels, "batch_norm"), index32(p.channels, "batch_norm"),
            index32(vectors ? p.plane / 4 : p.plane, "batch_norm"), 0};
  while (walk.lanes() < kThreads && walk.lanes() * per_thread < walk.size) ++walk.log2_lanes;
  return walk;
}

template <class Vector>
Vector* as(float* x) {
  return reinterpret_cast<Vector*>(x);
}
template <class Vector>
const Vector* as(const float* x) {
  return reinterpret_cast<const Vector*>(x);
}

template <class Vector, class Op, class... X>
void channel_map_by(Context& context, const BatchNormParams& p, Op op, Vector* y, const X*... x) {
  const Walk walk = walk_of(p, sizeof(Vector) > sizeof(float), kLoads);
  const unsigned tiles = blocks_for(walk.size, walk.lanes() * kLoads, "batch_norm");
  const std::int64_t groups = blocks_for(walk.planes, walk.planes_at_a_time(), "batch_norm");
  CUDA_CHECK(launch(channel_map_kernel<Vector, Op, X...>, index32(groups * tiles, "batch_norm"), kThreads, 0,
                    stream_of(context), op, walk, tiles, y, x...));
}

template <class Op, class... X>
void channel_map(Context& context, const BatchNormParams& p, Op op, float* y, const X*... x) {
  if (p.batch * p.channels * p.plane == 0) return;
  if (by_vectors(p, y, x...))
    channel_map_by(context, p, op, as<float4>(y), as<float4>(x)...);
  else
    channel_map_by(context, p, op, y, x...);
}

unsigned channel_blocks(const BatchNormParams& p) { return blocks_for(p.channels, kThreads, "batch_norm"); }

/// What channel_reduce leaves to a second kernel.
struct Partial {
  Tensor block;
  unsigned splits;

  template <class State>
  const State* states() const {
    return as<State>(block.data<float>());
  }
};

template <class Op, class Vector, class... X>
Partial channel_reduce_by(Context& context, const BatchNormParams& p, Op op, const Vector* first,
                          const X*... rest) {
  using State = typename Op::State;
  const Walk walk = walk_of(p, sizeof(Vector) > sizeof(float), 1);
  // Enough blocks for a large card, if the batch has them.
  constexpr std::int64_t kBlocks = 512, kMostSplits = 32;
  const std::int64_t most =
      std::min(kMostSplits, (p.batch + walk.planes_at_a_time() - 1) / walk.planes_at_a_time());
  const std::int64_t wanted = std::clamp((kBlocks + p.channels - 1) / p.channels, std::int64_t{1}, most);
  const std::int64_t images = (p.batch + wanted - 1) / wanted, splits = (p.batch + images - 1) / images;
  const std::int64_t blocks = index32(p.channels * splits, "batch_norm");
  Partial partial{context.empty({blocks * static_cast<std::int64_t>(sizeof(State) / sizeof(float))}),
                  static_cast<unsigned>(splits)};
  CUDA_CHECK(launch(channel_reduce_kernel<Op, State, Vector, X...>, static_cast<unsigned>(blocks), kThreads,
                    0, stream_of(context), op, walk, partial.splits, static_cast<unsigned>(images),
                    as<State>(partial.block.template data<float>()), first, rest...));
  return partial;
}

template <class Op, class... X>
Partial channel_reduce(Context& context, const BatchNormParams& p, Op op, const X*... x) {
  return by_vectors(p, x...) ? channel_reduce_by(context, p, op, as<float4>(x)...)
                             : channel_reduce_by(context, p, op, x...);
}

double values_per_channel(const BatchNormParams& p) { return static_cast<double>(p.batch * p.plane); }

}  // namespace

void batch_norm_statistics(Context& context, const BatchNormParams& p, const float* x, float* mean,
                           float* variance, float* unbiased) {
  const Partial partial = channel_reduce(context, p, MomentsOfX{}, x);
  CUDA_CHECK(launch(statistics_kernel, channel_blocks(p), kThreads, 0, stream_of(context),
                    partial.states<Moments>(), partial.splits, static_cast<unsigned>(p.channels),
                    values_per_channel(p), mean, variance, unbiased));
}

void batch_norm_update_running(Context& context, std::int64_t channels, double momentum, const float* mean,
                               const float* unbiased, float* running_mean, float* running_variance) {
  CUDA_CHECK(launch(update_running_kernel, blocks_for(channels, kThreads, "batch_norm"), kThreads, 0,
                    stream_of(context), static_cast<unsigned>(channels), momentum, mean, unbiased,
                    running_mean, running_variance));
}

void batch_norm_forward(Context& context, const BatchNormParams& p, const float* x, const float* weight,
                        const float* bias, const float* mean, const float* variance, float* y) {
  batch_norm_fused_forward(context, p, x, weight, bias, mean, variance, {}, y);
}

void batch_norm_fused_forward(Context& context, const BatchNormParams& p, const float* x, const float* weight,
                              const float* bias, const float* mean, const float* variance,
                              const Epilogue<float>& epilogue, float* y) {
  const Normalise op{weight,
                     bias,
                     mean,
                     variance,
                     static_cast<float>(p.eps),
                     epilogue.relu,
                     static_cast<float>(epilogue.upper)};
  if (epilogue.residual)
    channel_map(context, p, op, y, x, epilogue.residual);
  else
    channel_map(context, p, op, y, x);
}

void batch_norm_backward(Context& context, const BatchNormParams& p, const float* x, const float* weight,
                         const float* mean, const float* variance, const float* dy, float* dx, float* dweight,
                         float* dbias) {
  if (p.batch * p.plane == 0) return;
  const float eps = static_cast<float>(p.eps);
  const bool training_dx = dx && p.training;
  Tensor terms;
  float *through_mean = nullptr, *through_variance = nullptr;
  if (training_dx) {
    terms = context.empty({2 * p.channels});
    through_mean = terms.data<float>();
    through_variance = through_mean + p.channels;
  }
  if (dweight || dbias || training_dx) {
    // Σ dy alone does not need x; its other sum is of no interest then.
    const Partial partial = channel_reduce(context, p, SumsOfGradients{mean}, dy, x ? x : dy);
    CUDA_CHECK(launch(gradients_kernel, channel_blocks(p), kThreads, 0, stream_of(context),
                      partial.states<GradientSums>(), partial.splits, static_cast<unsigned>(p.channels),
                      values_per_channel(p), variance, eps, dweight, dbias, through_mean, through_variance));
  }
  if (training_dx)
    channel_map(context, p, TrainingBackward{weight, mean, variance, through_mean, through_variance, eps}, dx,
                dy, x);
  else if (dx)
    channel_map(context, p, InferenceBackward{weight, variance, eps}, dx, dy);
}

}  // namespace backlight::cuda
