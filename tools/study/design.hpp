// The design of a study: who sees what, in which order. Nothing here knows pictures or networks.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace backlight::tools {

/// Which of two classes is shown (Grad-CAM, section 5.1), or which of two networks is to be trusted more (5.2).
enum class StudyKind : std::uint8_t { discrimination, trust };
std::string_view name_of(StudyKind kind);
/// Throws Error(usage).
StudyKind parse_study_kind(std::string_view name);

/// A technique under study, a name of `backlight methods`, and what the paper found for it.
struct Technique {
  std::string_view name;
  double paper;         ///< share of right answers; of trust the mean rating of VGG-16 over AlexNet
  int paper_right = 0;  ///< that share as a count of kPaperRatings
};
inline constexpr int kPaperRatings = 810;
std::span<const Technique> techniques(StudyKind kind);

/// A technique, and which of two sides: of discrimination the class that is shown, first or second; of trust where the
/// better network stands, left or right.
struct Condition {
  std::size_t technique = 0, side = 0;
};
/// As many as lists: two for each technique.
std::size_t count_conditions(StudyKind kind);
/// The Latin square: in list l item i has condition (i + l) mod count, so that over all lists each item has each
/// condition once, and a list has each condition as often as any other, or once more.
std::size_t condition_of(std::size_t item, std::size_t list, std::size_t count);

/// Rules by which people are left out, fixed before the first of them answers.
inline constexpr std::size_t kBlock = 30;          ///< questions between two breaks
inline constexpr std::size_t kChecksPerBlock = 2;  ///< attention checks for so many items
inline constexpr int kMaxFailedChecks = 1;
inline constexpr double kMinMedianMs = 500;
inline constexpr std::size_t kPractice = 2;

/// Two for every kBlock items that are begun.
std::size_t count_checks(std::size_t items);

/// What an item is about: of discrimination its two classes, of trust its class twice.
using Categories = std::array<std::int64_t, 2>;

/// So many of the candidates by seed, such that each class, and then each pair, comes as evenly as can be, in random
/// order. All in random order where there are not more.
std::vector<std::size_t> balanced_choice(std::span<const Categories> candidates, std::size_t count,
                                         std::uint64_t seed);

/// The order in which a participant answers: indices of the items, and from items.size() on of the checks. Two items
/// that follow each other share no class where a few hundred tries find such an order, else as few do as was found.
/// Checks come one in each of equal stretches, never first.
std::vector<std::size_t> presentation_order(std::span<const Categories> items, std::size_t checks,
                                            std::uint64_t seed, std::uint64_t participant);
/// How often neighbours among the items of an order share a class.
std::size_t count_repeats(std::span<const Categories> items, std::span<const std::size_t> order);

/// Ten characters that say nothing, another for each index.
std::string item_code(std::uint64_t seed, std::uint64_t index);

}  // namespace backlight::tools
