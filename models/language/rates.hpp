// How good captioners and question answerers are on scenes of the world, and how often their maps point at what a word
// or an answer is about.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "models/language/decoder.hpp"
#include "models/language/head_explanation.hpp"
#include "models/language/language_model.hpp"
#include "models/language/questions.hpp"
#include "models/language/world.hpp"

namespace backlight::language {

struct Share {
  std::int64_t hits = 0, asked = 0;

  void count(bool hit) { ++asked, hits += hit; }
  /// 0 where nothing was asked.
  double rate() const { return asked > 0 ? static_cast<double>(hits) / static_cast<double>(asked) : 0; }
};

inline constexpr int kKinds = 5;  ///< of scenes

/// Whether the likeliest caption is one of the scene's true ones.
struct CaptionRates {
  Share all;
  std::array<Share, kKinds> kinds;
};
/// Over the first `scenes` scenes of a seed. `blind`: the head is given a map of zeros. Throws Error(usage) for another
/// model, or for no scenes.
CaptionRates caption_rates(const LanguageModel& model, Context& context, std::uint64_t seed,
                           std::int64_t scenes, const DecodeOptions& options = {}, bool blind = false);

/// Whether the answer with the highest score is the right one.
struct AnswerRates {
  Share all;
  std::array<Share, kFamilies> families;
};
/// Whether the largest of an answerer's scores is that of this answer; nothing is an answer that it does not have.
bool answers_rightly(const Tensor& scores, std::optional<std::int64_t> answer);
/// Over the first `questions` questions about the first `scenes` scenes of a seed, otherwise as caption_rates.
AnswerRates answer_rates(const LanguageModel& model, Context& context, std::uint64_t seed,
                         std::int64_t scenes, std::int64_t questions, bool blind = false);

/// The pointing game (Zhang et al. 2016): whether the largest value of a map lies in a box of the evidence, and whether
/// it lies in a box of another object.
struct Pointing {
  Share evidence, other;
};

enum class WordRole : std::uint8_t { noun, colour, size, number, plural, relation, sentence };
inline constexpr int kWordRoles = 7;
/// "noun", "colour", "size", "number", "plural", "relation", "sentence".
std::string_view name_of(WordRole role);

/// Of every word of a true caption of each scene, whatever the network would say itself, by its score; of sentences by
/// the sum of their words' log p. Where every object is evidence, nothing is counted as another.
std::array<Pointing, kWordRoles> caption_pointing(const LanguageModel& model, Context& context,
                                                  std::uint64_t seed, std::int64_t scenes,
                                                  const HeadMapOptions& options = {});

/// Of region captions, "a red star" said of each object of pairs and triples alone, by the sum of their words' log p.
struct RegionRates {
  Pointing pointing;  ///< Grad-CAM's
  /// Medians of inside_outside (engine/evaluate/pointing.hpp) with the object's box.
  double grad_cam = 0, guided_backprop = 0, guided_grad_cam = 0;
};
RegionRates region_rates(const LanguageModel& model, Context& context, std::uint64_t seed,
                         std::int64_t scenes, const HeadMapOptions& options = {});

/// Of the right answer's score, for questions that have evidence; `only_right`: and that are answered rightly.
std::array<Pointing, kFamilies> answer_pointing(const LanguageModel& model, Context& context,
                                                std::uint64_t seed, std::int64_t scenes,
                                                std::int64_t questions, const HeadMapOptions& options = {},
                                                bool only_right = true);

}  // namespace backlight::language
