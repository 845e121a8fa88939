// Captions, word by word, of a head that `caption_head` built.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "engine/run/program.hpp"
#include "models/language/vocabulary.hpp"

namespace backlight::language {

struct DecodedCaption {
  std::vector<std::int32_t> words;        ///< without start and end
  std::vector<double> log_probabilities;  ///< of each word, behind those before it
  double log_probability = 0;             ///< of all words and the end
  /// False for one that ends at the longest length, where another word would have been likelier than the end.
  bool complete = true;
};

struct DecodeOptions {
  /// How many beginnings are followed; 1 takes the likeliest word each time.
  int beam = 3;
  std::int64_t max_words = 8;
};

/// Beam search as neuraltalk2 has it: of all words that may follow what is alive the likeliest `beam` beginnings go on; one
/// that says the end is done, and behind the longest length nothing else can be said. Lengths are not made up for. Of
/// equals the word with the lower id goes first. Start and padding are never said.
class CaptionDecoder {
 public:
  /// Head and context must outlive it; the vocabulary's ids are the head's. Throws Error(usage) for a beam or a length
  /// below 1, or a network that is no captioner.
  CaptionDecoder(const Network& head, Context& context, const SpecialIds& special, const DecodeOptions& options = {});

  /// The likeliest captions of a map, 1×K×h×w, best first: at most `beam`, at least one. Throws as Run does.
  std::vector<DecodedCaption> decode(const Tensor& map);

 private:
  struct Beginning;
  /// What may follow each of the beginnings: their scores, in log p, and the states that the next step reads.
  struct Step {
    Tensor log_p, states;
  };
  Tensor first_state(const Tensor& map);
  Step step(const Tensor& states, const std::vector<std::int32_t>& tokens);
  bool can_be_said(std::int32_t word) const;

  const Network& head_;
  Context& context_;
  SpecialIds special_;
  DecodeOptions options_;
  NodeId map_, tokens_, state_, next_state_, scores_;
  std::map<std::int64_t, std::shared_ptr<const Program>> programs_;  ///< of a step, by the number of beginnings
};

/// log Σ eᵛ, without overflow. The row may not be empty.
double log_sum_exp(std::span<const double> row);
/// log softmax over the last dimension, in double, in the host's memory.
Tensor log_softmax_of(const Tensor& scores);

}  // namespace backlight::language
