// A network asked about one picture changed in many ways: what every measure of faithfulness is made of.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "engine/explain/sampling.hpp"

namespace backlight {

/// Scores of one class of one picture and of variants of it. Variants are made when their batch is run, as many
/// together as the memory holds, and no bit of a score depends on how many that are, nor on the number of threads.
class Scorer {
 public:
  /// Of a probe of one picture, which must outlive the scorer. `target` has one class; its aim is not read, since each
  /// measure has its own: the probability or the score. Throws Error(usage) for another number of pictures or classes,
  /// and for a target of one's own, which is known of the picture alone.
  Scorer(const Probe& probe, Target target, std::int64_t batch_bytes = kTailBytes);

  const Context& context() const { return probe_.context(); }
  /// 1×C×H×W.
  const Tensor& input() const { return probe_.input(); }
  std::int64_t channels() const { return input().shape()[1]; }
  std::int64_t height() const { return input().shape()[2]; }
  std::int64_t width() const { return input().shape()[3]; }
  std::int64_t pixels() const { return height() * width(); }

  /// Of the picture itself.
  double value(Aim aim) const { return values_of(probe_.scores(), aim).front(); }
  std::vector<double> values(Aim aim, std::int64_t count, MakeVariant make) const {
    return values_of(scores(count, make), aim);
  }
  /// count×K, before any softmax.
  Tensor scores(std::int64_t count, MakeVariant make) const {
    return scores_of_variants(probe_, 0, count, make, batch_bytes_);
  }
  std::vector<double> values_of(const Tensor& scores, Aim aim) const;
  /// Of each row, whether the class has the highest score.
  std::vector<bool> is_first(const Tensor& scores) const;

  /// The values of a map of this picture's H×W pixels. Throws Error(usage) for another size, Error(bad_input) for NaN
  /// and infinity.
  std::vector<double> pixels_of(const Tensor& map) const;

 private:
  const Probe& probe_;
  Target target_;
  std::int64_t batch_bytes_;
};

/// The map that is measured, height × width: of a gradient the maximum over channels of |·|, of a map what speaks for
/// the class, enlarged as the preset enlarges. No colours, no 8 bits.
Tensor measured_map(const Result& result, Preset preset, std::int64_t height, std::int64_t width);

/// A map's positive part, less its least value, divided by its greatest: 0…1; zeros where that is constant.
std::vector<double> unit_range(std::span<const double> map);

/// A seed of its own for each picture, whatever the order in which they come.
std::uint64_t picture_seed(std::uint64_t seed, std::string_view picture);

}  // namespace backlight
