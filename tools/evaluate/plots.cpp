#include "tools/evaluate/plots.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include "tools/backlight/html.hpp"
#include "tools/backlight/scores.hpp"

namespace backlight::tools {
namespace {

constexpr double kWidth = 640, kHeight = 400, kLeft = 50, kRight = 190, kTop = 36, kBottom = 36;
/// Okabe and Ito's, which people of any colour vision tell apart; then dashed.
constexpr std::array kColours{"#000000", "#e69f00", "#56b4e9", "#009e73", "#0072b2", "#d55e00", "#cc79a7"};

struct Line {
  std::string method;
  std::vector<std::pair<double, double>> points;
};

struct Range {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  void hold(double v) {
    low = std::min(low, v);
    high = std::max(high, v);
  }
};

std::string label(double x, double y, std::string_view anchor, std::string_view what) {
  return text("<text x=\"", x, "\" y=\"", y, "\" text-anchor=\"", anchor, "\">", html_escaped(what),
              "</text>\n");
}

std::string stroke(double x0, double y0, double x1, double y1, std::string_view style) {
  return text("<line x1=\"", x0, "\" y1=\"", y0, "\" x2=\"", x1, "\" y2=\"", y1, "\" ", style, "/>\n");
}

std::string style_of(std::size_t line) {
  const std::string dash = line >= kColours.size() ? " stroke-dasharray=\"5 3\"" : "";
  return text("fill=\"none\" stroke-width=\"1.5\" stroke=\"", kColours[line % kColours.size()], "\"", dash);
}

std::string plot(std::string_view title, const std::vector<Line>& lines) {
  Range across, up{0, 1};
  for (const Line& line : lines)
    for (const auto& [x, y] : line.points) {
      across.hold(x);
      up.hold(y);
    }
  const auto at_x = [&](double x) {
    return kLeft + (kWidth - kLeft - kRight) * (x - across.low) / std::max(across.high - across.low, 1e-12);
  };
  const auto at_y = [&](double y) {
    return kHeight - kBottom - (kHeight - kTop - kBottom) * (y - up.low) / (up.high - up.low);
  };
  std::string svg = text("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 ", kWidth, " ", kHeight,
                         "\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"", kWidth,
                         "\" height=\"", kHeight, "\" fill=\"#ffffff\"/>\n");
  svg += label(kLeft, 22, "start", title);
  for (int i = 0; i <= 4; ++i) {
    const double y = up.low + (up.high - up.low) * i / 4, x = across.low + (across.high - across.low) * i / 4;
    svg += stroke(kLeft, at_y(y), kWidth - kRight, at_y(y), "stroke=\"#dddddd\"");
    svg += label(kLeft - 6, at_y(y) + 4, "end", decimal(y, 2));
    svg += label(at_x(x), kHeight - kBottom + 16, "middle", decimal(x, 2));
  }
  for (std::size_t i = 0; i < lines.size(); ++i) {
    svg += "<polyline " + style_of(i) + " points=\"";
    for (const auto& [x, y] : lines[i].points) svg += decimal(at_x(x), 1) + "," + decimal(at_y(y), 1) + " ";
    svg += "\"/>\n";
    const double y = kTop + 8 + 18 * static_cast<double>(i), x = kWidth - kRight + 12;
    svg += stroke(x, y, x + 22, y, style_of(i)) + label(x + 28, y + 4, "start", lines[i].method);
  }
  return svg + "</svg>\n";
}

}  // namespace

std::map<std::string, std::string> curve_plots(const Json& results) {
  std::map<std::pair<std::string, std::string>, std::vector<Line>> all;
  for (const Json& entry : results)
    for (const auto& [curve, points] : entry["curves"].items()) {
      Line line{entry["method"], {}};
      for (const Json& point : points)
        if (point[0].is_number() && point[1].is_number()) line.points.emplace_back(point[0], point[1]);
      if (!line.points.empty()) all[{entry["measure"], curve}].push_back(std::move(line));
    }
  std::map<std::string, std::string> files;
  for (const auto& [names, lines] : all) {
    const auto& [measure, curve] = names;
    const std::string name = measure == curve ? measure : measure + "-" + curve;
    files[name + ".svg"] = plot(name, lines);
  }
  return files;
}

}  // namespace backlight::tools
