#include "tools/study/design.hpp"

#include <algorithm>
#include <map>
#include <numeric>

#include "engine/core/random.hpp"
#include "tools/backlight/common.hpp"

namespace backlight::tools {
namespace {

constexpr std::array<std::pair<std::string_view, StudyKind>, 2> kKinds{
    {{"discrimination", StudyKind::discrimination}, {"trust", StudyKind::trust}}};

// arXiv:1610.02391v4, sections 5.1 and 5.2; the counts are the only ones that give these shares of 810.
constexpr std::array<Technique, 4> kDiscrimination{{{"deconvnet", 0.5333, 432},
                                                    {"guided-backprop", 0.4444, 360},
                                                    {"deconv-grad-cam", 0.6037, 489},
                                                    {"guided-grad-cam", 0.6123, 496}}};
constexpr std::array<Technique, 2> kTrust{{{"guided-backprop", 1.00}, {"guided-grad-cam", 1.27}}};

/// 0 … count−1 in random order.
std::vector<std::size_t> shuffled(std::size_t count, std::uint64_t seed) {
  std::vector<std::size_t> order(count);
  std::iota(order.begin(), order.end(), 0);
  std::ranges::sort(order, {}, [&](std::size_t i) { return std::pair(random_bits(seed, i), i); });
  return order;
}

bool share_a_class(const Categories& a, const Categories& b) {
  return std::ranges::find_first_of(a, b) != a.end();
}

}  // namespace

std::string_view name_of(StudyKind kind) { return kKinds.at(static_cast<std::size_t>(kind)).first; }

StudyKind parse_study_kind(std::string_view name) { return parse_choice("study", name, kKinds); }

std::span<const Technique> techniques(StudyKind kind) {
  if (kind == StudyKind::discrimination) return kDiscrimination;
  return kTrust;
}

std::size_t count_conditions(StudyKind kind) { return 2 * techniques(kind).size(); }

std::size_t condition_of(std::size_t item, std::size_t list, std::size_t count) {
  return (item + list) % count;
}

std::size_t count_checks(std::size_t items) { return kChecksPerBlock * ((items + kBlock - 1) / kBlock); }

std::vector<std::size_t> balanced_choice(std::span<const Categories> candidates, std::size_t count,
                                         std::uint64_t seed) {
  std::vector<std::size_t> left = shuffled(candidates.size(), random_bits(seed, 0)), chosen;
  std::map<std::int64_t, int> of_class;
  std::map<Categories, int> of_pair;
  while (chosen.size() < count && !left.empty()) {
    const auto next = std::ranges::min_element(left, {}, [&](std::size_t i) {
      const auto [a, b] = std::minmax(candidates[i][0], candidates[i][1]);
      return std::pair(of_class[a] + of_class[b], of_pair[{a, b}]);
    });
    const auto [a, b] = std::minmax(candidates[*next][0], candidates[*next][1]);
    ++of_class[a];
    ++of_class[b];
    ++of_pair[{a, b}];
    chosen.push_back(*next);
    left.erase(next);
  }
  const std::vector<std::size_t> order = shuffled(chosen.size(), random_bits(seed, 1));
  std::vector<std::size_t> result;
  for (const std::size_t i : order) result.push_back(chosen[i]);
  return result;
}

std::size_t count_repeats(std::span<const Categories> items, std::span<const std::size_t> order) {
  std::size_t repeats = 0;
  std::optional<std::size_t> last;
  for (const std::size_t trial : order) {
    if (trial >= items.size()) continue;
    repeats += last && share_a_class(items[*last], items[trial]);
    last = trial;
  }
  return repeats;
}

std::vector<std::size_t> presentation_order(std::span<const Categories> items, std::size_t checks,
                                            std::uint64_t seed, std::uint64_t participant) {
  const std::uint64_t own = random_bits(seed, participant);
  std::vector<std::size_t> best;
  for (std::uint64_t attempt = 0; attempt < 300; ++attempt) {
    std::vector<std::size_t> left = shuffled(items.size(), random_bits(own, attempt)), order;
    while (!left.empty()) {
      const auto fits = [&](std::size_t i) { return !share_a_class(items[order.back()], items[i]); };
      auto next = order.empty() ? left.begin() : std::ranges::find_if(left, fits);
      if (next == left.end()) next = left.begin();
      order.push_back(*next);
      left.erase(next);
    }
    if (best.empty() || count_repeats(items, order) < count_repeats(items, best)) best = std::move(order);
    if (count_repeats(items, best) == 0) break;
  }
  const std::uint64_t places = random_bits(own, 1000);
  for (std::size_t c = 0; c < checks; ++c) {
    const std::size_t all = items.size() + checks, begin = c * all / checks, end = (c + 1) * all / checks;
    const std::size_t place = begin + 1 + random_bits(places, c) % std::max<std::size_t>(1, end - begin - 1);
    best.insert(best.begin() + static_cast<std::ptrdiff_t>(std::min(place, best.size())), items.size() + c);
  }
  return best;
}

std::string item_code(std::uint64_t seed, std::uint64_t index) {
  constexpr std::string_view kLetters = "abcdefghijkmnpqrstuvwxyz23456789";
  std::uint64_t bits = random_bits(seed, index);
  std::string code;
  for (int i = 0; i < 10; ++i, bits >>= 5) code += kLetters[bits & 31];
  return code;
}

}  // namespace backlight::tools
