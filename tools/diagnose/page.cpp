#include "tools/diagnose/page.hpp"

#include "engine/core/version.hpp"
#include "tools/backlight/embed.hpp"
#include "tools/backlight/html.hpp"
#include "tools/backlight/scores.hpp"
#include "tools/backlight/table.hpp"
#include "tools/report/templates.hpp"

namespace backlight::tools {

// The folder comes from the build; see CMakeLists.txt.
BACKLIGHT_EMBED_TEXT(diagnosis_html, backlight_diagnosis_page_html, BACKLIGHT_DIAGNOSE_FOLDER "/page.html")

std::string diagnosis_page(std::span<const DiagnosisSection> sections) {
  Json values{{"title", sections.front().heading},
              {"version", version()},
              {"css", page_css()},
              {"sections", Json::array()}};
  for (const DiagnosisSection& section : sections) {
    Json pictures = Json::array();
    for (const DiagnosisPicture& picture : section.pictures)
      pictures.push_back(
          {{"caption", picture.caption}, {"source", "data:image/jpeg;base64," + base64(picture.jpeg)}});
    Json rows = Json::array();
    for (const std::vector<std::string>& row : section.rows)
      rows.push_back({{"name", row.front()}, {"cells", std::vector(row.begin() + 1, row.end())}});
    const bool first = &section == &sections.front();
    values["sections"].push_back({{"heading", first ? "" : section.heading},
                                  {"paragraphs", section.paragraphs},
                                  {"has_table", !section.titles.empty()},
                                  {"titles", section.titles},
                                  {"rows", std::move(rows)},
                                  {"pictures", std::move(pictures)}});
  }
  return render(diagnosis_html(), values);
}

std::string diagnosis_text(std::span<const DiagnosisSection> sections) {
  std::string out;
  for (const DiagnosisSection& section : sections) {
    if (section.titles.empty()) continue;
    Table table(section.titles);
    for (std::size_t column = 1; column < section.titles.size(); ++column) table.align_right(column);
    for (const std::vector<std::string>& row : section.rows) table.add(row);
    out += (out.empty() ? "" : "\n") + table.str();
  }
  return out;
}

std::string estimate_text(const Json& estimate, int decimals) {
  if (estimate["value"].is_null()) return "–";
  std::string out = decimal(estimate["value"], decimals);
  if (!estimate["low"].is_null())
    out += " ±" + decimal((estimate["high"].get<double>() - estimate["low"].get<double>()) / 2, decimals);
  return out;
}

}  // namespace backlight::tools
