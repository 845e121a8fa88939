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

/// Milliseconds on the clock.
template <class Fn>
double time_once(Fn&& fn) {
  const auto begin = std::chrono::steady_clock::now();
  fn();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
}

/// Of `repeat` calls of fn, after one that is not counted.
template <class Fn>
Timing time_calls(int repeat, Fn&& fn) {
  fn();
  std::vector<double> wall, cpu;
  for (int i = 0; i < repeat; ++i) {
    const std::clock_t cpu_begin = std::clock();
    wall.push_back(time_once(fn));
    cpu.push_back(static_cast<double>(std::clock() - cpu_begin) * 1e3 / CLOCKS_PER_SEC);
  }
  std::ranges::sort(wall);
  std::ranges::sort(cpu);
  return {wall[wall.size() / 2], cpu[cpu.size() / 2], wall.front()};
}

}  // namespace backlight::bench
