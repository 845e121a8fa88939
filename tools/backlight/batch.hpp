// Working through pictures, and what is printed of them as a whole.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>

#include "tools/backlight/console.hpp"
#include "tools/backlight/pictures.hpp"
#include "tools/backlight/result_json.hpp"

namespace backlight::tools {

/// Exit code of a batch in which some pictures failed; the others are the values of ErrorKind, and 128 + N
/// after signal N.
inline constexpr int kSomeFailed = 6;

/// "usage", "bad_input" …, as documents name them.
const char* name_of(ErrorKind kind);

struct JsonOptions {
  bool document = false, lines = false;

  bool any() const { return document || lines; }
};

/// Adds --json and --json-lines.
void add_json_options(CLI::App& command, JsonOptions& options);

/// Takes what each picture gave, and prints the whole: one document at the end, or a line per picture as soon
/// as it is done (tools/README.md describes both); nothing where neither was asked for.
class BatchOutput {
 public:
  /// `head` is the document without its pictures.
  BatchOutput(const JsonOptions& options, Json head, const PictureList& list, Console& console);

  void done(Json record);
  void skipped(const std::string& file);
  void failed(const std::string& file, ErrorKind kind, const std::string& message);
  /// Of a picture that was asked for alone: an error then is the run's, and told in lines only.
  void failed_alone(const std::string& file, ErrorKind kind, const std::string& message);
  /// Of what was called above. `interrupted`: pictures are left.
  void finish(bool interrupted, int exit_code);

  std::size_t done_count() const { return done_; }
  std::size_t skipped_count() const { return skipped_; }
  std::size_t failed_count() const { return failed_; }

 private:
  void line(const char* record, const Json& members);

  const JsonOptions options_;
  Json json_;
  Console& console_;
  std::size_t done_ = 0, skipped_ = 0, failed_ = 0;
};

/// Calls `work` on every picture, which gives its record, or nothing where there was nothing left to do. In a
/// batch an Error is reported and the next picture follows, and a signal ends the run behind the picture
/// under way; otherwise an Error is thrown on. Returns the exit code.
int for_each_picture(const PictureList& list, BatchOutput& output, Console& console,
                     const std::function<std::optional<Json>(const PictureSource&)>& work);

}  // namespace backlight::tools
