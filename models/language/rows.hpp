// What heads read and shall say: captions and questions of scenes as tokens and labels.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/core/tensor.hpp"
#include "models/language/questions.hpp"

namespace backlight::language {

struct Rows {
  Tensor tokens;                     ///< N×T of int32, in the host's memory, padded by 0
  std::vector<std::int64_t> labels;  ///< of captions N×T, kNoLabel behind the end; of questions N
};

/// `each` captions of every scene, drawn from its true ones with replacement, one after the other. Tokens begin with
/// the start, and the label of a place is the word behind it, of the last one the end. `draw` tells one draw from
/// another: a pure function of its arguments.
Rows caption_rows(std::uint64_t seed, std::span<const std::uint64_t> scenes, int each, std::uint64_t draw);

/// The questions, with their answers as labels.
Rows question_rows(std::span<const Question> questions);

}  // namespace backlight::language
