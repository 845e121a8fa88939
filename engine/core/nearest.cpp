#include "engine/core/nearest.hpp"

#include <algorithm>
#include <cctype>
#include <utility>

namespace backlight {
namespace {

constexpr std::size_t kCompared = 128;
constexpr std::size_t kShortestContained = 3;

std::string folded(std::string_view name) {
  std::string out(name.substr(0, kCompared));
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

std::size_t distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), row(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) last[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before[j - 2] + 1);
      }
    }
    std::swap(before, last);
    std::swap(last, row);
  }
  return last[b.size()];
}

}  // namespace

std::size_t edit_distance(std::string_view a, std::string_view b) { return distance(folded(a), folded(b)); }

std::vector<std::string> nearest_names(std::string_view name, std::span<const std::string> candidates,
                                       std::size_t count) {
  const std::string wanted = folded(name);
  std::vector<std::pair<std::size_t, std::size_t>> ranked;  // distance, index
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    const std::string candidate = folded(candidates[i]);
    const std::size_t longer = std::max(wanted.size(), candidate.size());
    const std::size_t shorter = std::min(wanted.size(), candidate.size());
    const std::size_t allowed = std::max<std::size_t>(2, longer / 3);
    const bool contained = shorter >= kShortestContained && (candidate.find(wanted) != std::string::npos ||
                                                             wanted.find(candidate) != std::string::npos);
    if (!contained && longer - shorter > allowed) continue;
    const std::size_t edits = distance(wanted, candidate);
    if (edits < longer && (contained || edits <= allowed)) ranked.emplace_back(edits, i);
  }
  count = std::min(count, ranked.size());
  std::partial_sort(ranked.begin(), ranked.begin() + static_cast<std::ptrdiff_t>(count), ranked.end());
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) names.push_back(candidates[ranked[i].second]);
  return names;
}

std::string did_you_mean(std::string_view name, std::span<const std::string> candidates, std::size_t count) {
  const std::vector<std::string> names = nearest_names(name, candidates, count);
  std::string out;
  for (std::size_t i = 0; i < names.size(); ++i) {
    out += i == 0 ? " (did you mean \"" : i + 1 == names.size() ? "\" or \"" : "\", \"";
    out += names[i];
  }
  return out.empty() ? out : out + "\"?)";
}

}  // namespace backlight
