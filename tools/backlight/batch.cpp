#include "tools/backlight/batch.hpp"

#include <CLI/CLI.hpp>
#include <functional>
#include <new>

#include "tools/backlight/interrupt.hpp"

namespace backlight::tools {
namespace {

/// What `work` gives. For want of memory, and of a file that the library asked the system about, it throws an
/// Error, too.
std::optional<Json> attempt(const std::function<std::optional<Json>(const PictureSource&)>& work,
                            const PictureSource& picture) {
  try {
    return work(picture);
  } catch (const std::bad_alloc&) {
    throw Error(ErrorKind::resources, "out of memory");
  } catch (const std::filesystem::filesystem_error& error) {
    throw Error(ErrorKind::resources, error.what());
  }
}

/// `what` with the picture that it is about.
std::string named(const std::string& name, const std::string& what) {
  return what.starts_with(name + ": ") ? what : name + ": " + what;
}

}  // namespace

const char* name_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::internal:
      return "internal";
    case ErrorKind::usage:
      return "usage";
    case ErrorKind::bad_input:
      return "bad_input";
    case ErrorKind::unsupported:
      return "unsupported";
    case ErrorKind::resources:
      return "resources";
  }
  return "internal";
}

void add_json_options(CLI::App& command, JsonOptions& options) {
  auto* document = command
                       .add_flag("--json", options.document,
                                 "Print one JSON document (see tools/README.md) instead of text")
                       ->group("Output");
  command
      .add_flag(
          "--json-lines", options.lines,
          "Print JSON picture by picture, a line each, so that a run that is cut short has what was done")
      ->group("Output")
      ->excludes(document);
}

BatchOutput::BatchOutput(const JsonOptions& options, Json head, const PictureList& list, Console& console)
    : options_(options), json_(std::move(head)), console_(console) {
  json_["files_left_out"] = {{"written_by_backlight", list.written_by_backlight},
                             {"not_pictures", list.not_pictures}};
  if (options_.lines) {
    json_["pictures"] = list.pictures.size();
    line("head", json_);
  } else {
    json_["images"] = Json::array();
    json_["skipped"] = Json::array();
    json_["errors"] = Json::array();
  }
}

void BatchOutput::done(Json record) {
  ++done_;
  if (options_.lines) line("image", record);
  if (options_.document) json_["images"].push_back(std::move(record));
}

void BatchOutput::skipped(const std::string& file) {
  ++skipped_;
  if (options_.lines) line("skipped", {{"file", file}});
  if (options_.document) json_["skipped"].push_back(file);
}

void BatchOutput::failed(const std::string& file, ErrorKind kind, const std::string& message) {
  ++failed_;
  const Json error = {{"file", file}, {"kind", name_of(kind)}, {"message", message}};
  if (options_.lines) line("error", error);
  if (options_.document) json_["errors"].push_back(error);
}

void BatchOutput::failed_alone(const std::string& file, ErrorKind kind, const std::string& message) {
  if (!options_.lines) return;
  failed(file, kind, message);
  finish(false, static_cast<int>(kind));
}

void BatchOutput::finish(bool interrupted, int exit_code) {
  if (options_.lines)
    line("end", {{"done", done_},
                 {"skipped", skipped_},
                 {"failed", failed_},
                 {"interrupted", interrupted},
                 {"exit_code", exit_code}});
  if (!options_.document) return;
  json_["interrupted"] = interrupted;
  console_.print(dump(json_));
}

void BatchOutput::line(const char* record, const Json& members) {
  Json whole = {{"record", record}};
  whole.update(members);
  console_.print(whole.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
  console_.flush();
}

int for_each_picture(const PictureList& list, BatchOutput& output, Console& console,
                     const std::function<std::optional<Json>(const PictureSource&)>& work) {
  int exit_code = 0;
  const auto failed = [&](const PictureSource& picture, ErrorKind kind, const std::string& what) {
    console.error(named(picture.name(), what));
    output.failed(picture.path, kind, what);
    exit_code = kSomeFailed;
  };
  if (list.batch) take_down_interrupts();
  for (const auto& [folder, why] : list.unreadable) failed({folder, {}}, ErrorKind::bad_input, why);
  const std::size_t total = list.pictures.size();
  std::size_t i = 0;
  for (; i < total && interrupted_by() == 0; ++i) {
    const PictureSource& picture = list.pictures[i];
    if (total > 1) console.progress(i + 1, total, picture.path);
    try {
      if (std::optional<Json> record = attempt(work, picture))
        output.done(std::move(*record));
      else
        output.skipped(picture.path);
    } catch (const Error& error) {
      if (!list.batch) {
        output.failed_alone(picture.path, error.kind(), error.what());
        throw Error(error.kind(), named(picture.name(), error.what()));
      }
      failed(picture, error.kind(), error.what());
    }
  }
  console.end_progress();
  const bool interrupted = i < total;
  if (interrupted) exit_code = 128 + interrupted_by();
  const std::string skipped = output.skipped_count() > 0
                                  ? text(", ", output.skipped_count(), " skipped: their results are there")
                                  : "";
  if (list.batch || output.skipped_count() > 0)
    console.note(output.done_count(), " of ", counted(total, "picture"), " done, ", output.failed_count(),
                 " failed", skipped, interrupted ? "; interrupted" : "");
  output.finish(interrupted, exit_code);
  return exit_code;
}

}  // namespace backlight::tools
