#include "tools/bench/kernel_report.hpp"

#include <algorithm>
#include <iomanip>
#include <sstream>

#include "engine/core/error.hpp"
#include "tools/bench/kernel_tables.hpp"

namespace backlight::bench {
namespace {

constexpr std::int64_t kSectorBytes = 32;

/// The lines of a table without its title and comments, cut at the commas.
std::vector<std::vector<std::string>> parse(std::string_view csv, std::string_view title) {
  std::vector<std::vector<std::string>> lines;
  std::istringstream in{std::string(csv)};
  for (std::string line; std::getline(in, line);) {
    if (line.empty() || line.starts_with('#') || line.starts_with(title)) continue;
    std::vector<std::string> cells;
    std::istringstream cell_in(line);
    for (std::string cell; std::getline(cell_in, cell, ',');) cells.push_back(cell);
    lines.push_back(std::move(cells));
  }
  return lines;
}

/// topic, version, shape, bytes, flops, and then the counters.
constexpr std::size_t kFirstCounter = 5, kCounters = 11;

const std::vector<std::vector<std::string>>& counted() {
  static const auto lines = parse(kCountersCsv, "topic,");
  return lines;
}

KernelCounts counts_of(const std::vector<std::string>& cells) {
  if (cells.size() != kFirstCounter + kCounters)
    throw Error(ErrorKind::internal, "[kernels] counters.csv has a line of ", cells.size(),
                " cells, expected ", kFirstCounter + kCounters);
  const auto at = [&](std::size_t i) { return std::stoll(cells[kFirstCounter + i]); };
  return {at(0), at(1), at(2), at(3), at(4), at(5), at(6), at(7), at(8), at(9), at(10)};
}

/// 1,234,567
std::string grouped(std::int64_t number) {
  const std::string digits = std::to_string(number);
  std::string result;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) result += ',';
    result += digits[i];
  }
  return result;
}

std::string fixed(double value, int places) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(places) << value;
  return std::move(out).str();
}

constexpr const char* kUnknown = "–";

void write_header(std::ostream& out, const KernelReport& report) {
  out << "# Kernels of the study\n\n";
  if (report.card) {
    const Card& card = *report.card;
    out << card.name << ": copies " << fixed(card.copy_gb_per_s, 0)
        << " GB/s, multiplies large matrices by cuBLASLt at " << fixed(card.product_gflop_per_s, 0)
        << " GFLOP/s in float32, starts an empty kernel in " << fixed(card.launch_us, 2)
        << " µs; all three were measured.\n"
        << "The least time is the larger of bytes over the copy's bandwidth and operations over that rate. "
           "Cold: the "
           "second-level cache holds nothing of use. Warm: it holds what the last call left, which is why a "
           "share may "
           "exceed 100 %.\n\n";
  } else {
    out << "No time was measured: " << report.untimed_because << ".\n\n";
  }
  out << "Sectors are 32 bytes of global memory, per access of a warp; of the least: against the bytes that "
         "must move. "
         "Conflicts are extra cycles of shared memory. Partial accesses lack some of their warp's lanes. All "
         "were "
         "counted by the emulator and are properties of source and shape; caches are not modelled.\n";
  if (kResourcesCsv.empty())
    out << "Registers and shared memory are not known in this build: nvcc was not found.\n";
  else
    out << "Registers and shared memory are nvcc's, for " << kResourcesArchitecture << ".\n";
}

void write_times(std::ostream& out, const KernelRow& row, const Card& card) {
  const Floor floor = floor_of(row.cost, card);
  if (!row.times) {
    out << " – | – | – | – |";
    return;
  }
  out << ' ' << fixed(row.times->cold_us, 2) << " | " << fixed(100 * floor.us / row.times->cold_us, 0)
      << " % | " << fixed(row.times->warm_us, 2) << " | " << fixed(100 * floor.us / row.times->warm_us, 0)
      << " % |";
}

}  // namespace

KernelReport static_report(std::string_view filter) {
  KernelReport report;
  for (const auto& cells : counted()) {
    if (cells.at(0).find(filter) == std::string::npos) continue;
    KernelRow row{cells.at(0), cells.at(1), cells.at(2), {std::stoll(cells.at(3)), std::stoll(cells.at(4))},
                  {},          {},          {}};
    add_static_figures(row);
    report.rows.push_back(std::move(row));
  }
  return report;
}

void add_static_figures(KernelRow& row) {
  for (const auto& cells : counted())
    if (cells.at(0) == row.topic && cells.at(1) == row.version && cells.at(2) == row.shape)
      row.counts = counts_of(cells);
  for (const auto& cells : parse(kResourcesCsv, "topic,")) {
    if (cells.at(0) != row.topic || cells.at(1) != row.version) continue;
    const KernelResources kernel{std::stoi(cells.at(2)), std::stoi(cells.at(3))};
    if (!row.resources) row.resources = kernel;  // a version of two kernels shows the larger of each
    row.resources->registers = std::max(row.resources->registers, kernel.registers);
    row.resources->shared_bytes = std::max(row.resources->shared_bytes, kernel.shared_bytes);
  }
}

std::optional<double> traffic_ratio(const KernelRow& row) {
  if (!row.counts || row.cost.bytes <= 0) return std::nullopt;
  return static_cast<double>((row.counts->load_sectors + row.counts->store_sectors) * kSectorBytes) /
         static_cast<double>(row.cost.bytes);
}

Floor floor_of(const Cost& cost, const Card& card) {
  const double memory = static_cast<double>(cost.bytes) / card.copy_gb_per_s * 1e-3;
  const double arithmetic = static_cast<double>(cost.flops) / card.product_gflop_per_s * 1e-3;
  const double us = std::max(memory, arithmetic);
  if (us < card.launch_us) return {us, "latency"};
  return {us, memory >= arithmetic ? "memory" : "arithmetic"};
}

std::string to_markdown(const KernelReport& report) {
  std::ostringstream out;
  write_header(out, report);
  const KernelRow* last = nullptr;
  for (const KernelRow& row : report.rows) {
    if (!last || last->topic != row.topic || last->shape != row.shape) {
      out << "\n## " << row.topic << ", " << row.shape << "\n\nAt least " << grouped(row.cost.bytes)
          << " bytes and " << grouped(row.cost.flops) << " operations";
      if (report.card) {
        const Floor floor = floor_of(row.cost, *report.card);
        out << ": " << fixed(floor.us, 2) << " µs, bound by " << floor.bound;
      }
      out << ".\n\n| version |" << (report.card ? " cold µs | of it least | warm µs | of it least |" : "")
          << " registers | shared bytes | loads | stores | sectors | of the least | shared accesses | "
             "conflicts | "
             "partial | barriers | shuffles |\n|---|"
          << (report.card ? "--:|--:|--:|--:|" : "") << "--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n";
    }
    last = &row;
    out << "| " << row.version << " |";
    if (report.card) write_times(out, row, *report.card);
    if (row.resources)
      out << ' ' << row.resources->registers << " | " << grouped(row.resources->shared_bytes) << " |";
    else
      out << ' ' << kUnknown << " | " << kUnknown << " |";
    if (row.counts) {
      const KernelCounts& n = *row.counts;
      out << ' ' << grouped(n.global_loads) << " | " << grouped(n.global_stores) << " | "
          << grouped(n.load_sectors + n.store_sectors) << " | " << fixed(*traffic_ratio(row), 2) << " | "
          << grouped(n.shared_accesses) << " | " << grouped(n.bank_conflicts) << " | "
          << grouped(n.partial_accesses) << " | " << grouped(n.barriers) << " | "
          << grouped(n.warp_collectives) << " |";
    } else {
      for (int i = 0; i < 9; ++i) out << ' ' << kUnknown << " |";
    }
    out << '\n';
  }
  return std::move(out).str();
}

std::string to_csv(const KernelReport& report) {
  std::ostringstream out;
  out << "topic,version,shape,bytes,flops,registers,shared_bytes,blocks,threads,global_loads,global_stores,"
         "load_sectors,"
         "store_sectors,shared_accesses,bank_conflicts,partial_accesses,barriers,warp_collectives,cold_us,"
         "warm_us\n";
  for (const KernelRow& row : report.rows) {
    out << row.topic << ',' << row.version << ',' << row.shape << ',' << row.cost.bytes << ','
        << row.cost.flops << ',';
    if (row.resources) out << row.resources->registers;
    out << ',';
    if (row.resources) out << row.resources->shared_bytes;
    if (row.counts) {
      const KernelCounts& n = *row.counts;
      for (const std::int64_t value :
           {n.blocks, n.threads, n.global_loads, n.global_stores, n.load_sectors, n.store_sectors,
            n.shared_accesses, n.bank_conflicts, n.partial_accesses, n.barriers, n.warp_collectives})
        out << ',' << value;
    } else {
      out << std::string(kCounters, ',');
    }
    out << ',';
    if (row.times) out << fixed(row.times->cold_us, 3);
    out << ',';
    if (row.times) out << fixed(row.times->warm_us, 3);
    out << '\n';
  }
  return std::move(out).str();
}

}  // namespace backlight::bench
