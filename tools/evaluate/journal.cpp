#include "tools/evaluate/journal.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "engine/core/output_file.hpp"
#include "tools/backlight/outputs.hpp"
#include "tools/evaluate/readers.hpp"

namespace backlight::tools {
namespace {

namespace fs = std::filesystem;

constexpr const char* kPicturesHead = "file,width,height,predicted,probability";

std::string csv_number(double value) {
  if (std::isnan(value)) return "";
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  return {digits, end};
}

double csv_value(std::string_view field) { return field.empty() ? kNoValue : number_of(field); }

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string quoted = "\"";
  for (const char c : text)
    quoted += c == '"' ? std::string("\"\"") : std::string(1, c == '\r' || c == '\n' ? ' ' : c);
  return quoted + '"';
}

/// Lines that were written to their end, without the first, which must be `head`.
std::vector<std::string_view> whole_lines(std::string_view text, std::string_view head,
                                          const fs::path& file) {
  text = text.substr(0, text.rfind('\n') + 1);
  std::vector<std::string_view> lines = lines_of(text);
  if (lines.empty() || lines.front() != head)
    throw Error(ErrorKind::bad_input, file.string(), ": begins with '", lines.empty() ? "" : lines.front(),
                "', expected '", head, "': it is not of this run; --out chooses another folder");
  lines.erase(lines.begin());
  return lines;
}

}  // namespace

Journal::Journal(fs::path folder, std::span<const std::unique_ptr<Measure>> measures,
                 std::vector<std::string> candidates, bool resume)
    : candidates_(std::move(candidates)), pictures_{folder / "pictures.csv", kPicturesHead, {}} {
  for (const auto& measure : measures) {
    std::string head = "file,method,class";
    for (const std::string& title : measure->columns()) head += "," + title;
    tables_.push_back({folder / (std::string(measure->name()) + ".csv"), std::move(head), {}});
  }
  if (!resume) require_free(pictures_.path, "--resume goes on with it, --out chooses another folder");
  if (resume && is_taken(pictures_.path)) {
    read_pictures();
    for (std::size_t i = 0; i < tables_.size(); ++i) read_rows(i);
  } else {
    for (Table& table : tables_) open(table, "");
    open(pictures_, "");
  }
}

void Journal::read_pictures() {
  const std::string text = read_text_file(pictures_.path);
  std::string kept;
  for (const std::string_view line : whole_lines(text, pictures_.head, pictures_.path)) {
    const std::vector<std::string> fields = fields_of(line);
    if (fields.size() != 5)
      throw Error(ErrorKind::bad_input, pictures_.path.string(), ": has a line of ", fields.size(),
                  " fields, expected 5");
    found_[fields[0]] = {static_cast<std::int64_t>(number_of(fields[1])),
                         static_cast<std::int64_t>(number_of(fields[2])),
                         static_cast<std::int64_t>(number_of(fields[3])), number_of(fields[4]),
                         std::vector(tables_.size(), std::vector<MeasureRows>(candidates_.size()))};
    kept.append(line).append("\n");
  }
  open(pictures_, kept);
}

void Journal::read_rows(std::size_t measure) {
  Table& table = tables_[measure];
  const std::string text = read_text_file(table.path);
  const auto columns = static_cast<std::size_t>(std::ranges::count(table.head, ','));
  std::string kept;
  for (const std::string_view line : whole_lines(text, table.head, table.path)) {
    const std::vector<std::string> fields = fields_of(line);
    const auto candidate =
        fields.size() == columns + 1 ? std::ranges::find(candidates_, fields[1]) : candidates_.end();
    if (candidate == candidates_.end())
      throw Error(ErrorKind::bad_input, table.path.string(), ": has the line '", line,
                  "', which is not of this run; --out chooses another folder");
    const auto at = found_.find(fields[0]);
    if (at == found_.end()) continue;
    MeasureRow row{static_cast<std::int64_t>(number_of(fields[2])), {}};
    for (std::size_t i = 3; i < fields.size(); ++i) row.values.push_back(csv_value(fields[i]));
    at->second.rows[measure][static_cast<std::size_t>(candidate - candidates_.begin())].push_back(
        std::move(row));
    kept.append(line).append("\n");
  }
  open(table, kept);
}

void Journal::open(Table& table, const std::string& kept) {
  write_text(table.path, table.head + "\n" + kept);
  table.stream.open(table.path, std::ios::binary | std::ios::app);
  append(table, "");
}

void Journal::append(Table& table, const std::string& lines) {
  table.stream << lines << std::flush;
  if (!table.stream) throw Error(ErrorKind::resources, table.path.string(), ": cannot be written");
}

const PictureFindings* Journal::find(const std::string& picture) const {
  const auto at = found_.find(picture);
  return at == found_.end() ? nullptr : &at->second;
}

void Journal::add(const std::string& picture, PictureFindings findings) {
  const std::string file = csv_field(picture);
  for (std::size_t m = 0; m < tables_.size(); ++m) {
    std::string lines;
    for (std::size_t c = 0; c < candidates_.size(); ++c)
      for (const MeasureRow& row : findings.rows[m][c]) {
        lines += file + "," + candidates_[c] + "," + std::to_string(row.index);
        for (const double value : row.values) lines += "," + csv_number(value);
        lines += "\n";
      }
    append(tables_[m], lines);
  }
  append(pictures_, file + "," + std::to_string(findings.width) + "," + std::to_string(findings.height) +
                        "," + std::to_string(findings.predicted) + "," + csv_number(findings.probability) +
                        "\n");
  found_[picture] = std::move(findings);
}

}  // namespace backlight::tools
