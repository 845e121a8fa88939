// Questions about pictures of one's own: what a folder in easy-VQA's layout holds.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/image/geometry.hpp"
#include "engine/image/image.hpp"
#include "engine/runtime/device.hpp"
#include "kernels/preprocess/preprocess.hpp"
#include "models/language/vocabulary.hpp"

namespace backlight::language {

struct SetQuestion {
  std::string text, answer;
  std::size_t picture = 0;  ///< its place in QuestionSet::pictures
};

struct QuestionSet {
  std::filesystem::path file;   ///< with the questions
  std::string sha256;           ///< of that file
  std::vector<Image> pictures;  ///< those that are asked about, in the order of their first questions
  std::vector<SetQuestion> questions;
};

/// Reads FOLDER/questions.json, a list of `[question, answer, picture]` or of objects with these members, and of
/// FOLDER/images the pictures that it names: `12` or `"12"` is the file `12.png`, or of another ending. They are fitted
/// to the network's input, as bytes, by the context's threads. Throws Error(bad_input) naming the file, and the question by
/// its place, for whatever is missing, empty or of another form, and as read_image does.
QuestionSet read_question_set(const std::filesystem::path& folder, const Preprocessing& how, Context& context,
                              Fit fit = Fit::crop);

/// The words and answers of a set, in the order in which they come first; token 0 pads, 1 is a word that is none of
/// them. A question has as many tokens as the set's longest.
Vocabulary vocabulary_of(const QuestionSet& set);

/// A question's tokens, padded. A word that is unknown becomes the vocabulary's id for such, where it has one; throws
/// Error(bad_input) naming file and question otherwise, and for a question of more tokens than max_length().
std::vector<std::int32_t> tokens_of(const Vocabulary& vocabulary, const QuestionSet& set,
                                    std::size_t question);
/// The answer's id; nothing where the vocabulary lacks it, so that no answer is right.
std::optional<std::int64_t> answer_of(const Vocabulary& vocabulary, const QuestionSet& set,
                                      std::size_t question);

/// The pictures as a network's input, N×C×H×W in the host's memory.
Tensor input_of(Context& context, const QuestionSet& set, const Preprocessing& how,
                std::span<const std::size_t> pictures);

/// Of a drawn picture: the box of the pixels whose colour is far from the picture's median, in any channel by more than
/// 40 of 255. Nothing where all are near.
std::optional<Box> figure_of(const Image& picture);

}  // namespace backlight::language
