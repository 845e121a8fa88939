#include "counters.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <stdexcept>
#include <unordered_map>
#include <utility>
#include <vector>

#include "runtime/runtime.hpp"

namespace backlight::emulator {
namespace {

constexpr unsigned kWarp = 32, kBanks = 32, kBankBytes = 4, kSectorBytes = 32;

/// What one lane did.
struct Event {
  unsigned site;
  std::uint64_t address;
  unsigned bytes;
  Access kind;
  bool shared;
};

/// What a warp did at once.
struct Instruction {
  unsigned lanes = 0;
  unsigned bytes = 0;
  Access kind = Access::load;
  bool shared = false;
  std::array<std::uint64_t, kWarp> address{};
};

template <class Fn>
void for_each_lane(unsigned lanes, Fn&& fn) {
  for (; lanes; lanes &= lanes - 1) fn(static_cast<unsigned>(std::countr_zero(lanes)));
}

std::uint64_t sectors_of(const Instruction& instruction) {
  std::vector<std::uint64_t> sectors;
  for_each_lane(instruction.lanes, [&](unsigned lane) {
    const std::uint64_t first = instruction.address[lane];
    for (std::uint64_t s = first / kSectorBytes; s <= (first + instruction.bytes - 1) / kSectorBytes; ++s)
      sectors.push_back(s);
  });
  std::ranges::sort(sectors);
  return static_cast<std::uint64_t>(std::ranges::unique(sectors).begin() - sectors.begin());
}

/// Lanes [begin, end) go together. The cycles beyond the first that their busiest bank needs.
std::uint64_t conflicts_among(const Instruction& instruction, unsigned begin, unsigned end) {
  std::array<std::vector<std::uint64_t>, kBanks> words;
  for_each_lane(instruction.lanes, [&](unsigned lane) {
    if (lane < begin || lane >= end) return;
    const std::uint64_t first = instruction.address[lane];
    for (std::uint64_t w = first / kBankBytes; w <= (first + instruction.bytes - 1) / kBankBytes; ++w) {
      auto& bank = words[w % kBanks];
      if (std::ranges::find(bank, w) == bank.end()) bank.push_back(w);
    }
  });
  std::size_t busiest = 1;
  for (const auto& bank : words) busiest = std::max(busiest, bank.size());
  return busiest - 1;
}

std::uint64_t bank_conflicts_of(const Instruction& instruction) {
  const unsigned step = std::max(kWarp * kBankBytes / std::max(instruction.bytes, kBankBytes), 1u);
  std::uint64_t conflicts = 0;
  for (unsigned begin = 0; begin < kWarp; begin += step)
    conflicts += conflicts_among(instruction, begin, begin + step);
  return conflicts;
}

}  // namespace

class Counting::Recorder final : public Observer {
 public:
  Counters counters;

  void grid_starts(const Grid& grid) override {
    threads_ = grid.block.x * grid.block.y * grid.block.z;
    const std::uint64_t blocks = std::uint64_t{grid.grid.x} * grid.grid.y * grid.grid.z;
    ++counters.launches;
    counters.blocks += blocks;
    counters.threads += blocks * threads_;
    events_.assign(threads_, {});
    device_.clear();
    for (const auto& [begin, allocation] : runtime().allocations)
      if (allocation.on_device) device_.emplace_back(begin, begin + allocation.bytes);
  }

  void record(const void* site, const void* address, unsigned bytes, Access kind) {
    const bool shared = in_shared_memory(address);
    const auto at = reinterpret_cast<std::uint64_t>(address);
    if (!shared && !on_device(at)) return;
    const auto number = sites_.try_emplace(site, static_cast<unsigned>(sites_.size())).first->second;
    events_[thread_index()].push_back({number, at, bytes, kind, shared});
  }

  void barrier_opens() override {
    ++counters.barriers;
    settle_block();
  }
  void warp_meets(unsigned warp) override {
    ++counters.warp_collectives;
    settle(warp);
  }
  void block_ends() override { settle_block(); }

 private:
  void settle_block() {
    for (unsigned warp = 0; warp * kWarp < threads_; ++warp) settle(warp);
  }

  /// Puts the instructions together that a warp's lanes have executed since the last time.
  void settle(unsigned warp) {
    const unsigned lanes = std::min(threads_ - warp * kWarp, kWarp);
    std::vector<std::vector<Instruction>> by_site(sites_.size());
    for (unsigned lane = 0; lane < lanes; ++lane) {
      std::vector<std::size_t> times(sites_.size());
      std::vector<Event>& events = events_[warp * kWarp + lane];
      for (const Event& event : events) {
        auto& instructions = by_site[event.site];
        const std::size_t time = times[event.site]++;
        if (time == instructions.size()) instructions.emplace_back();
        Instruction& instruction = instructions[time];
        instruction.lanes |= 1u << lane;
        instruction.bytes = event.bytes;
        instruction.kind = event.kind;
        instruction.shared = event.shared;
        instruction.address[lane] = event.address;
      }
      events.clear();
    }
    const unsigned all = lanes == kWarp ? ~0u : (1u << lanes) - 1;
    for (const auto& instructions : by_site)
      for (const Instruction& instruction : instructions) count(instruction, all);
  }

  void count(const Instruction& instruction, unsigned all) {
    counters.partial_accesses += instruction.lanes != all;
    if (instruction.shared) {
      ++counters.shared_accesses;
      counters.bank_conflicts += bank_conflicts_of(instruction);
      return;
    }
    const std::uint64_t sectors = sectors_of(instruction);
    switch (instruction.kind) {
      case Access::load:
        ++counters.global_loads;
        counters.load_sectors += sectors;
        return;
      case Access::store:
        ++counters.global_stores;
        counters.store_sectors += sectors;
        return;
      case Access::atomic:
        ++counters.global_atomics;
        counters.store_sectors += sectors;
        return;
    }
  }

  bool on_device(std::uint64_t address) const {
    const auto behind =
        std::ranges::upper_bound(device_, address, {}, &std::pair<std::uint64_t, std::uint64_t>::first);
    return behind != device_.begin() && address < std::prev(behind)->second;
  }

  unsigned threads_ = 0;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> device_;  // begin, end of each block, ascending
  std::vector<std::vector<Event>> events_;                       // by thread
  std::unordered_map<const void*, unsigned> sites_;
};

namespace {
Counting* counting = nullptr;
}

Counting::Counting() : recorder_(std::make_unique<Recorder>()) {
  if (counting) throw std::logic_error("kernels are being counted already");
  counting = this;
  observe(recorder_.get());
}

Counting::~Counting() {
  counting = nullptr;
  observe(nullptr);
}

const Counters& Counting::counters() const { return recorder_->counters; }

void count_access(const void* site, const void* address, unsigned bytes, Access kind) {
  if (counting) counting->recorder_->record(site, address, bytes, kind);
}

}  // namespace backlight::emulator
