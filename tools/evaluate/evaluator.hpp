// One picture under all methods and measures.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "tools/backlight/explain_picture.hpp"
#include "tools/evaluate/annotations.hpp"
#include "tools/evaluate/journal.hpp"

namespace backlight::tools {

/// Which classes measures that need no annotation ask about.
enum class AskedClasses : std::uint8_t { predicted, annotated, top5 };

class Evaluator {
 public:
  /// Methods are the request's looks. All must outlive it.
  Evaluator(const Model& model, Replays& replays, const Request& request,
            std::span<const std::unique_ptr<Measure>> measures, AskedClasses asked, std::uint64_t seed);

  /// Names of the methods, then of the baselines.
  const std::vector<std::string>& candidates() const { return names_; }
  /// Throws Error for a picture or an annotation that does not serve.
  PictureFindings evaluate(const std::string& name, const Image& image,
                           const std::vector<TrueObject>& objects,
                           const std::vector<std::uint8_t>& ignored = {}) const;

 private:
  Question question_of(const Probe& probe, const Look& look, std::int64_t index) const;
  EvaluatedMap map_of(Probe& probe, const Look& look, std::int64_t index) const;

  const Model& model_;
  Replays& replays_;
  const Request& request_;
  std::span<const std::unique_ptr<Measure>> measures_;
  AskedClasses asked_;
  std::uint64_t seed_;
  std::vector<std::string> names_;
};

}  // namespace backlight::tools
