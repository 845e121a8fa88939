// Times of the processor's ladders in kernels/study.
#pragma once

#include <iosfwd>
#include <string_view>

namespace backlight::bench {

/// Writes a Markdown table of every version of the topics whose name contains `filter`: the least time of `rounds`, in
/// which the versions take turns, GFLOP/s, and the share of the peaks, measured between. `threads`: what the last
/// version of each has, 0 for all. Returns whether there was a topic.
bool bench_cpu_kernels(std::string_view filter, int rounds, int threads, std::ostream& out);

}  // namespace backlight::bench
