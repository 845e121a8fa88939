// Names of classes as people write them down.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "models/labels/labels.hpp"

namespace backlight {

/// One name per line, or JSON: a list `["cat", "dog"]`, an object `{"0": "cat"}` or `{"cat": 0}`, or either
/// with WordNet's ids, `["n02123045", "tabby"]` in a name's place; Hugging Face's `config.json` by its
/// `id2label`; neuraltalk's vocabularies by their `ix_to_word`, which counts from 1, 0 being `<pad>`. Where
/// every line begins with a WordNet id (`n02123045 tabby, tabby cat`), it is taken as such.
/// UTF-8 with or without a byte-order mark, lines ended in any way. Names may repeat.
///
/// `outputs` is how many the network has, 0 where any number of names is right. For one output there are two
/// names, or the second alone: `fire` makes `no fire` and `fire`. Throws Error(bad_input) beginning with
/// `where` for another number, an index that is missing or appears twice, a name that is empty, longer than
/// 1000 bytes or holds a control character, text that is not UTF-8, and JSON of another form.
ClassNames parse_labels(std::string_view text, const std::string& where, std::int64_t outputs);

/// The same from a file. Throws Error(bad_input) naming it, also when it cannot be read or is larger than
/// 16 MiB.
ClassNames read_labels(const std::filesystem::path& path, std::int64_t outputs);

/// Whether it is `n` and eight digits.
bool is_wordnet_id(std::string_view text);

/// The JSON list that parse_labels reads back.
std::string labels_json(const ClassNames& classes);

}  // namespace backlight
