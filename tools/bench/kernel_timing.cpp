#include "tools/bench/kernel_timing.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <vector>

#include "engine/core/random.hpp"
#include "engine/evaluate/intervals.hpp"
#include "engine/runtime/cuda/check.hpp"
#include "engine/runtime/cuda/devices.hpp"
#include "engine/runtime/cuda/stream.hpp"
#include "engine/runtime/device.hpp"
#include "kernels/study/empty.hpp"
#include "kernels/study/sgemm/ladder.hpp"
#include "kernels/study/study.hpp"

namespace backlight::bench {
namespace {

constexpr int kWarmUps = 3, kWarmCalls = 10;

/// Two events, and the time between them.
class Stopwatch {
 public:
  explicit Stopwatch(cudaStream_t stream) : stream_(stream) {
    for (cudaEvent_t& event : events_) CUDA_CHECK(cudaEventCreate(&event));
  }
  ~Stopwatch() {
    for (const cudaEvent_t event : events_) cudaEventDestroy(event);
  }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

  template <class Fn>
  double microseconds(Fn&& enqueue) {
    CUDA_CHECK(cudaEventRecord(events_[0], stream_));
    enqueue();
    CUDA_CHECK(cudaEventRecord(events_[1], stream_));
    CUDA_CHECK(cudaEventSynchronize(events_[1]));
    float milliseconds = 0;
    CUDA_CHECK(cudaEventElapsedTime(&milliseconds, events_[0], events_[1]));
    return double{milliseconds} * 1e3;
  }

 private:
  cudaStream_t stream_;
  std::array<cudaEvent_t, 2> events_{};
};

/// Not zeros: a card draws less power for them and runs faster.
Tensor uniform_square(const Context& context, std::int64_t extent, std::uint64_t seed) {
  Tensor host({extent, extent});
  float* data = host.data<float>();
  for (std::int64_t i = 0; i < host.numel(); ++i)
    data[i] = static_cast<float>(2 * random_uniform(seed, static_cast<std::uint64_t>(i)) - 1);
  return context.copy(host);
}

}  // namespace

KernelTimes time_enqueued(const Context& context, int repeat, const std::function<void()>& enqueue) {
  const cudaStream_t stream = context.stream().get();
  int cache_bytes = 0;
  CUDA_CHECK(cudaDeviceGetAttribute(&cache_bytes, cudaDevAttrL2CacheSize, context.device().index));
  Tensor flush = context.empty({std::int64_t{2} * cache_bytes / 4 + 1});
  Stopwatch stopwatch(stream);
  for (int i = 0; i < kWarmUps; ++i) enqueue();
  std::vector<double> warm, cold;
  for (int i = 0; i < repeat; ++i)
    warm.push_back(stopwatch.microseconds([&] {
      for (int call = 0; call < kWarmCalls; ++call) enqueue();
    }) / kWarmCalls);
  for (int i = 0; i < repeat; ++i) {
    CUDA_CHECK(cudaMemsetAsync(flush.data<float>(), i, flush.bytes(), stream));
    cold.push_back(stopwatch.microseconds(enqueue));
  }
  return {median(std::move(cold)), median(std::move(warm))};
}

Card measure_card(Context& context, const TimingOptions& options) {
  Card card{};
  for (const cuda::DeviceInfo& device : cuda::devices().found)
    if (device.index == context.device().index) card.name = device.name;

  const auto count = static_cast<std::int64_t>(options.copy_bytes / sizeof(float));
  Tensor from = context.zeros({count}), to = context.empty({count});
  const auto copy = [&] {
    cuda::copy(context.stream(), to.data<float>(), from.data<float>(), options.copy_bytes);
  };
  card.copy_gb_per_s =
      2e-3 * static_cast<double>(options.copy_bytes) / time_enqueued(context, options.repeat, copy).warm_us;

  const std::int64_t extent = options.product_extent;
  const study::sgemm::Params product{extent, extent, extent};
  Tensor a = uniform_square(context, extent, 1), b = uniform_square(context, extent, 2);
  Tensor c = context.empty({extent, extent});
  const auto multiply = [&] {
    study::sgemm::cublaslt::run(context, product, a.data<float>(), b.data<float>(), c.data<float>());
  };
  card.product_gflop_per_s = 1e-3 * static_cast<double>(study::sgemm::cost(product).flops) /
                             time_enqueued(context, std::min(options.repeat, 10), multiply).warm_us;

  card.launch_us = time_enqueued(context, options.repeat, [&] { study::empty(context); }).cold_us;
  return card;
}

KernelReport timed_report(Context& context, std::string_view filter, const TimingOptions& options) {
  KernelReport report;
  report.card = measure_card(context, options);
  for (const study::Topic& topic : study::topics()) {
    if (topic.name.find(filter) == std::string_view::npos) continue;
    for (const study::Case& c : topic.cases) {
      if (c.cost.bytes > options.largest_bytes) continue;
      const auto run = c.prepare(context);
      for (std::size_t v = 0; v < topic.versions.size(); ++v) {
        KernelRow row{std::string(topic.name), std::string(topic.versions[v]), c.shape, c.cost, {}, {}, {}};
        add_static_figures(row);
        row.times = time_enqueued(context, options.repeat, [&] { run(v); });
        report.rows.push_back(std::move(row));
      }
    }
  }
  return report;
}

}  // namespace backlight::bench
