// Timing of repeated calls.
#pragma once

#include <algorithm>
#include <chrono>
#include <ctime>
#include <vector>

namespace backlight::bench {

/// What one call cost, medians: time on the clock, and processor time of all threads, which other programs on the
/// machine hardly change; and the least time on the clock.
struct Timing {
  double wall_ms, cpu_ms, least_ms;
};

/// Of `repeat` calls of fn, after one that is not counted.
template <class Fn>
Timing time_calls(int repeat, Fn&& fn) {
  using Clock = std::chrono::steady_clock;
  fn();
  std::vector<double> wall, cpu;
  for (int i = 0; i < repeat; ++i) {
    const std::clock_t cpu_begin = std::clock();
    const auto begin = Clock::now();
    fn();
    wall.push_back(std::chrono::duration<double, std::milli>(Clock::now() - begin).count());
    cpu.push_back(static_cast<double>(std::clock() - cpu_begin) * 1e3 / CLOCKS_PER_SEC);
  }
  std::ranges::sort(wall);
  std::ranges::sort(cpu);
  return {wall[wall.size() / 2], cpu[cpu.size() / 2], wall.front()};
}

}  // namespace backlight::bench
