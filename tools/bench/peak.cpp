#include "tools/bench/peak.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

#include "kernels/gemm/micro_kernels.hpp"
#include "tools/bench/random.hpp"

namespace backlight::bench {
namespace {

/// The widest tile on operands that stay in the first-level cache: what a product could reach at best.
Timing time_multiplying(const Context& context, int repeat, double& operations) {
  const auto& kernels = cpu::micro_kernels<float>(context.isa());
  constexpr std::int64_t kDepth = 128;
  constexpr int kTiles = 20000;
  const int columns = kernels.vectors * kernels.lanes, threads = context.threads();
  Tensor operands({threads, kDepth * (kernels.rows + columns)});
  fill_uniform(operands, 7, -1e-3, 1e-3);
  Tensor result({threads, kernels.rows * columns});
  operations = 2.0 * kDepth * kernels.rows * columns * kTiles * threads;
  return time_calls(repeat, [&] {
    context.parallel_for(threads, [&](std::int64_t item, int) {
      const float* a = operands.data<float>() + item * kDepth * (kernels.rows + columns);
      float* c = result.data<float>() + item * kernels.rows * columns;
      for (int i = 0; i < kTiles; ++i)
        kernels.tile[kernels.rows - 1][kernels.vectors - 1](kDepth, a, a + kDepth * kernels.rows, nullptr,
                                                            false, c, columns, columns, a, 0, nullptr);
    });
  });
}

Timing time_reading(const Context& context, int repeat, double& bytes) {
  const std::int64_t slice = (std::int64_t{1} << 30) / context.threads();
  const std::vector<char> zeros(static_cast<std::size_t>(slice * context.threads()));
  bytes = static_cast<double>(zeros.size());
  return time_calls(repeat, [&] {
    context.parallel_for(context.threads(), [&](std::int64_t item, int) {
      [[maybe_unused]] const void* volatile nowhere =
          std::memchr(zeros.data() + item * slice, 1, static_cast<std::size_t>(slice));
    });
  });
}

}  // namespace

Peak measure_peak(const Context& context, int repeat) {
  double operations = 0, bytes = 0;
  const Timing multiplying = time_multiplying(context, repeat, operations);
  const Timing reading = time_reading(context, repeat, bytes);
  return {operations / multiplying.least_ms * 1e-6, operations / multiplying.cpu_ms * 1e-6,
          bytes / reading.least_ms * 1e-6};
}

Peak best(const Peak& a, const Peak& b) {
  return {std::max(a.gflop_per_s, b.gflop_per_s), std::max(a.gflop_per_cpu_s, b.gflop_per_cpu_s),
          std::max(a.gb_per_s, b.gb_per_s)};
}

LeastTime least_time(const Peak& peak, double operations, double bytes) {
  const double multiplying = operations / peak.gflop_per_s * 1e-6, reading = bytes / peak.gb_per_s * 1e-6;
  return multiplying > reading ? LeastTime{multiplying, "arithmetic"} : LeastTime{reading, "memory"};
}

}  // namespace backlight::bench
