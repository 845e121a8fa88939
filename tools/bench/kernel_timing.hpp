// Times of kernels on a CUDA device, by its own clock.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

#include "tools/bench/kernel_report.hpp"

namespace backlight {
class Context;
}

namespace backlight::bench {

struct TimingOptions {
  int repeat = 50;                                     ///< measurements, of which the median is taken
  std::size_t copy_bytes = std::size_t{1} << 28;       ///< of the copy that measures the bandwidth
  std::int64_t product_extent = 4096;                  ///< of the square product that measures the arithmetic
  std::int64_t largest_bytes = std::int64_t{1} << 40;  ///< shapes that move more are left out
};

/// `enqueue` starts the work in the context's stream. Warm: ten calls in a row, after three that are not
/// counted. Cold: one call after a buffer of twice the second-level cache was overwritten.
KernelTimes time_enqueued(const Context& context, int repeat, const std::function<void()>& enqueue);

/// Measures the context's device.
Card measure_card(Context& context, const TimingOptions& options);

/// Every version of the topics whose name contains `filter`, on every shape.
KernelReport timed_report(Context& context, std::string_view filter, const TimingOptions& options);

}  // namespace backlight::bench
