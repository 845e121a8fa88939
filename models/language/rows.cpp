#include "models/language/rows.hpp"

#include <algorithm>

#include "kernels/cross_entropy/loss.hpp"
#include "models/language/captions.hpp"
#include "models/scenes/draws.hpp"

namespace backlight::language {
namespace {

constexpr std::uint64_t kCaptionPurpose = 100;

/// Of as many rows as there are texts.
Tensor padded(const std::vector<std::vector<std::int32_t>>& texts, const Vocabulary& vocabulary) {
  const std::int64_t length = vocabulary.max_length();
  Tensor tokens({static_cast<std::int64_t>(texts.size()), length}, DType::i32);
  std::ranges::fill(tokens.values<std::int32_t>(), vocabulary.special().pad);
  for (std::size_t n = 0; n < texts.size(); ++n)
    std::ranges::copy(texts[n], tokens.data<std::int32_t>() + static_cast<std::int64_t>(n) * length);
  return tokens;
}

}  // namespace

Rows caption_rows(std::uint64_t seed, std::span<const std::uint64_t> scenes, int each, std::uint64_t draw) {
  const Vocabulary vocabulary = caption_vocabulary();
  const auto length = static_cast<std::size_t>(vocabulary.max_length());
  std::vector<std::vector<std::int32_t>> texts;
  Rows rows;
  for (std::size_t n = 0; n < scenes.size(); ++n) {
    const std::vector<Caption> all = captions(lay_out(seed, scenes[n]));
    scenes::Draws draws(seed, random_bits(draw, n), kCaptionPurpose);
    for (int i = 0; i < each; ++i) {
      const auto chosen = static_cast<std::size_t>(draws.below(static_cast<int>(all.size())));
      std::vector<std::int32_t> words = vocabulary.encode(joined(all[chosen].words));
      std::vector<std::int64_t> labels(words.begin(), words.end());
      labels.push_back(vocabulary.special().end);
      labels.resize(length, kNoLabel);
      rows.labels.insert(rows.labels.end(), labels.begin(), labels.end());
      words.insert(words.begin(), vocabulary.special().start);
      texts.push_back(std::move(words));
    }
  }
  rows.tokens = padded(texts, vocabulary);
  return rows;
}

Rows question_rows(std::span<const Question> questions) {
  const Vocabulary vocabulary = question_vocabulary();
  std::vector<std::vector<std::int32_t>> texts;
  Rows rows;
  for (const Question& question : questions) {
    texts.push_back(vocabulary.encode(joined(words_of(question))));
    rows.labels.push_back(question.answer);
  }
  rows.tokens = padded(texts, vocabulary);
  return rows;
}

}  // namespace backlight::language
