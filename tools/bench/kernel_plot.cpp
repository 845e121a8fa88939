// The report as bars, in SVG.
#include <algorithm>
#include <cmath>
#include <iomanip>
#include <sstream>

#include "tools/bench/kernel_report.hpp"

namespace backlight::bench {
namespace {

struct Bar {
  std::string label;
  double value;
  std::optional<double> second;  ///< drawn paler behind the first
  std::string note;
};
struct Group {
  std::string title;
  std::vector<Bar> bars;
};
struct Axis {
  double low, high;
  bool logarithmic;
  std::vector<std::pair<double, std::string>> ticks;
  /// Of the axis' length, within [0, 1].
  double at(double value) const {
    const double share =
        logarithmic ? std::log(value / low) / std::log(high / low) : (value - low) / (high - low);
    return std::clamp(share, 0.0, 1.0);
  }
};

std::string escaped(std::string_view text) {
  std::string result;
  for (const char c : text) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      default:
        result += c;
    }
  }
  return result;
}

std::string number(double value) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(value < 10 ? 2 : value < 100 ? 1 : 0) << value;
  return std::move(out).str();
}

constexpr int kWidth = 920, kLabels = 270, kNotes = 110, kBar = 18, kTop = 84, kGroupTitle = 34, kBottom = 30;
constexpr int kLength = kWidth - kLabels - kNotes;

void write_text(std::ostream& out, double x, double y, const char* attributes, std::string_view text) {
  out << "<text x=\"" << x << "\" y=\"" << y << "\" " << attributes << ">" << escaped(text) << "</text>\n";
}

std::string draw(std::string_view title, std::string_view legend, const Axis& axis,
                 const std::vector<Group>& groups) {
  int height = kTop + kBottom;
  for (const Group& group : groups) height += kGroupTitle + kBar * static_cast<int>(group.bars.size());
  std::ostringstream out;
  out << "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"" << kWidth << "\" height=\"" << height
      << "\" viewBox=\"0 0 " << kWidth << ' ' << height
      << "\" font-family=\"DejaVu Sans, Verdana, sans-serif\" font-size=\"12\">\n"
      << "<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n";
  write_text(out, 16, 26, "font-size=\"16\" font-weight=\"bold\"", title);
  write_text(out, 16, 46, "fill=\"#555\"", legend);
  for (const auto& [value, label] : axis.ticks) {
    const double x = kLabels + axis.at(value) * kLength;
    out << "<line x1=\"" << x << "\" y1=\"" << kTop << "\" x2=\"" << x << "\" y2=\"" << height - kBottom
        << "\" stroke=\"#ddd\"/>\n";
    write_text(out, x, kTop - 8, "text-anchor=\"middle\" fill=\"#555\"", label);
  }
  int y = kTop;
  for (const Group& group : groups) {
    write_text(out, 16, y + kGroupTitle - 10, "font-weight=\"bold\"", group.title);
    y += kGroupTitle;
    for (const Bar& bar : group.bars) {
      write_text(out, kLabels - 8, y + 13, "text-anchor=\"end\"", bar.label);
      const auto rectangle = [&](double value, const char* colour) {
        out << "<rect x=\"" << kLabels << "\" y=\"" << y + 3 << "\" width=\""
            << std::max(axis.at(value) * kLength, 1.0) << "\" height=\"" << kBar - 5 << "\" fill=\"" << colour
            << "\"/>\n";
      };
      if (bar.second) rectangle(*bar.second, "#b5cde8");
      rectangle(bar.value, "#2f6db3");
      const double end = std::max(axis.at(bar.value), bar.second ? axis.at(*bar.second) : 0.0);
      write_text(out, kLabels + end * kLength + 6, y + 13, "fill=\"#333\"", bar.note);
      y += kBar;
    }
  }
  out << "</svg>\n";
  return std::move(out).str();
}

/// One group per topic and shape, of the rows for which there is a bar.
template <class ToBar>
std::vector<Group> group_rows(const KernelReport& report, ToBar&& to_bar) {
  std::vector<Group> groups;
  for (const KernelRow& row : report.rows) {
    const std::optional<Bar> bar = to_bar(row);
    if (!bar) continue;
    std::string title = row.topic + ", " + row.shape;
    if (report.card) title += std::string(", bound by ") + floor_of(row.cost, *report.card).bound;
    if (groups.empty() || groups.back().title != title) groups.push_back({title, {}});
    groups.back().bars.push_back(*bar);
  }
  return groups;
}

}  // namespace

std::string to_svg(const KernelReport& report) {
  if (report.card) {
    const auto share = [](double value) { return number(100 * value) + " %"; };
    return draw("Share of the least time, " + report.card->name, "dark: cold second-level cache; pale: warm",
                {0, 1.2, false, {{0, "0"}, {0.25, "25 %"}, {0.5, "50 %"}, {0.75, "75 %"}, {1, "100 %"}}},
                group_rows(report, [&](const KernelRow& row) -> std::optional<Bar> {
                  if (!row.times) return std::nullopt;
                  const double least = floor_of(row.cost, *report.card).us;
                  const double cold = least / row.times->cold_us, warm = least / row.times->warm_us;
                  return Bar{row.version, cold, warm, share(cold) + ", " + share(warm)};
                }));
  }
  return draw(
      "Sectors of global memory that each version asks for, over the least",
      "counted by the emulator, caches not modelled; no time was measured",
      {0.7, 400, true, {{1, "1"}, {2, "2"}, {5, "5"}, {10, "10"}, {50, "50"}, {100, "100"}, {400, "400"}}},
      group_rows(report, [](const KernelRow& row) -> std::optional<Bar> {
        const std::optional<double> ratio = traffic_ratio(row);
        if (!ratio) return std::nullopt;
        return Bar{row.version, *ratio, std::nullopt, number(*ratio)};
      }));
}

}  // namespace backlight::bench
