// What people answered about items, where each person sees many items and each item many people: neither the answers of
// one person nor those about one item are independent.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/evaluate/intervals.hpp"

namespace backlight {

struct Rating {
  std::int64_t person = 0, item = 0;
  std::size_t group = 0;  ///< of what is compared, such as a technique
  double value = 0;       ///< 0 or 1 for a share
};

/// Means of the ratings of each group and their differences, with 95 % intervals for other people and other items.
struct CrossedMeans {
  std::vector<Estimate> means;        ///< one per group; NaN for a group without ratings
  std::vector<Estimate> differences;  ///< second group less first: (0, 1), (0, 2), …, (1, 2), …
};

/// The crossed bootstrap: people and items are drawn with replacement, independently, and a rating counts as often as
/// its person times its item was drawn (Owen 2007, arXiv:0712.1111). That counts the scatter of single answers three
/// times: of shares its intervals hold the truth in 98.5 to 99.9 of 100 studies. Here each interval is scaled about its
/// value to the variance V of people + V of items − V of ratings (Cameron, Gelbach, Miller 2011), half of the last at
/// least, the first two with G/(G−1), and by Student's t with one degree less than there are people or items, whichever
/// are fewer. Means stay within the values that were given; an interval is NaN with one person or one item. The order of
/// ratings changes nothing. Throws Error(usage) without draws, and for a group out of range.
CrossedMeans crossed_bootstrap(std::span<const Rating> ratings, std::size_t groups,
                               const Bootstrap& how = {});

/// How often chance gives a difference of the means of two groups as large as the one found, when which group is which
/// is drawn anew for each item, all its ratings together: (1 + draws at least as large) / (1 + draws). NaN where a
/// group has no ratings.
double permutation_p(std::span<const Rating> ratings, std::size_t a, std::size_t b,
                     const Bootstrap& how = {});

/// How often a fair coin falls as unevenly, to either side: the exact two-sided sign test. 1 without throws.
double sign_test_p(std::int64_t wins, std::int64_t losses);

}  // namespace backlight
