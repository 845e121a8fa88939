// What is known of the kernels of kernels/study, and how it is written down: a table for people, one for
// programs, and a plot.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/cost.hpp"

namespace backlight::bench {

/// What the emulator counted (tests/emulator/counters.hpp), from kernels/study/counters.csv.
struct KernelCounts {
  std::int64_t blocks, threads, global_loads, global_stores, load_sectors, store_sectors, shared_accesses,
      bank_conflicts, partial_accesses, barriers, warp_collectives;
};

/// What nvcc reported when this program was built.
struct KernelResources {
  int registers, shared_bytes;
};

/// Medians, in microseconds: with a second-level cache that holds nothing of use, and with what the last call
/// left.
struct KernelTimes {
  double cold_us, warm_us;
};

struct KernelRow {
  std::string topic, version, shape;
  Cost cost;
  std::optional<KernelCounts> counts;
  std::optional<KernelResources> resources;
  std::optional<KernelTimes> times;
};

/// A card at its best, measured.
struct Card {
  std::string name;
  double copy_gb_per_s;        ///< read and written by a copy within the card's memory
  double product_gflop_per_s;  ///< a large product in strict float32, by cuBLASLt
  double launch_us;            ///< a kernel that does nothing
};

struct KernelReport {
  std::vector<KernelRow> rows;  ///< those of one topic and shape follow each other
  std::optional<Card> card;     ///< none: no time was measured,
  std::string untimed_because;  ///< and this is why
};

/// The versions and shapes that were counted, those whose topic contains `filter`.
KernelReport static_report(std::string_view filter);

/// The counts and resources that are known of a version.
void add_static_figures(KernelRow& row);

/// Sectors moved, over the least; none without counts.
std::optional<double> traffic_ratio(const KernelRow& row);

/// The least time on the card, in microseconds, and what it is bound by: "memory", "arithmetic", or "latency"
/// where it is less than the time of an empty kernel.
struct Floor {
  double us;
  const char* bound;
};
Floor floor_of(const Cost& cost, const Card& card);

std::string to_markdown(const KernelReport& report);
std::string to_csv(const KernelReport& report);
/// With times: how much of each is the least time. Without: the traffic over the least, on a logarithmic
/// axis.
std::string to_svg(const KernelReport& report);

}  // namespace backlight::bench
