#include "engine/run/arena.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace backlight {
namespace {

constexpr std::size_t kPlaceAlignment = 256;

std::size_t aligned(std::size_t bytes) {
  return std::max<std::size_t>((bytes + kPlaceAlignment - 1) / kPlaceAlignment, 1) * kPlaceAlignment;
}

}  // namespace

ArenaPlan plan_arena(std::span<const Lifetime> values) {
  ArenaPlan plan{.offsets = std::vector<std::size_t>(values.size())};
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(order,
                           [&](std::size_t a, std::size_t b) { return values[a].bytes > values[b].bytes; });
  std::vector<std::size_t> placed;  // by their offsets
  for (const std::size_t i : order) {
    const std::size_t bytes = aligned(values[i].bytes);
    std::size_t offset = 0;
    for (const std::size_t other : placed) {
      if (values[other].last < values[i].first || values[i].last < values[other].first) continue;
      if (offset + bytes <= plan.offsets[other]) break;
      offset = std::max(offset, plan.offsets[other] + aligned(values[other].bytes));
    }
    plan.offsets[i] = offset;
    plan.bytes = std::max(plan.bytes, offset + bytes);
    placed.insert(
        std::ranges::upper_bound(placed, offset, {}, [&](std::size_t p) { return plan.offsets[p]; }), i);
  }
  return plan;
}

void* Arena::allocate(std::size_t bytes) {
  const std::optional<std::size_t> place = std::exchange(next_, std::nullopt);
  if (!place || *place + bytes > block_.bytes())
    throw Error(ErrorKind::internal, bytes, " bytes were asked of an arena of ", block_.bytes(),
                ", in which no place is planned for them");
  return static_cast<std::byte*>(block_.raw()) + *place;
}

}  // namespace backlight
