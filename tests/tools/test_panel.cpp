#include <doctest/doctest.h>

#include <algorithm>

#include "tools/backlight/fonts.hpp"
#include "tools/backlight/panel.hpp"
#include "tools/backlight/text.hpp"

using namespace backlight;

namespace {

bool is(const std::uint8_t* pixel, const Rgb& color) { return std::equal(color.begin(), color.end(), pixel); }

/// The first and one-past-last column and row that hold the colour.
struct Extent {
  int x0 = 1 << 30, y0 = 1 << 30, x1 = 0, y1 = 0;
};
Extent extent_of(const Image& image, const Rgb& color) {
  Extent extent;
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < image.width; ++x)
      if (is(image.at(x, y), color))
        extent = {std::min(extent.x0, x), std::min(extent.y0, y), std::max(extent.x1, x + 1),
                  std::max(extent.y1, y + 1)};
  return extent;
}

bool all_white(const Image& image, int x0, int x1, int y0, int y1) {
  for (int y = y0; y < y1; ++y)
    for (int x = x0; x < x1; ++x)
      if (!is(image.at(x, y), {255, 255, 255})) return false;
  return true;
}

Image plain(int width, int height, const Rgb& color) {
  Image image(width, height);
  for (std::size_t i = 0; i < image.rgb.size(); ++i) image.rgb[i] = color[i % 3];
  return image;
}

constexpr Rgb kPink = {250, 60, 140};
constexpr Rgb kTeal = {10, 140, 150};

Panel two_by_two(const std::string& label) {
  Panel panel;
  panel.columns = {"Input", "Grad-CAM"};
  panel.color_bar = PanelColorBar{};
  panel.footer = "backlight";
  for (int row = 0; row < 2; ++row)
    panel.rows.push_back({label, {"0.173"}, {{plain(300, 240, kPink), ""}, {plain(300, 240, kTeal), "7×7"}}});
  return panel;
}

}  // namespace

TEST_CASE("panel: pictures stand in a grid of one size in order") {
  const Image figure = draw_panel(two_by_two("tiger cat"));
  const Extent left = extent_of(figure, kPink), right = extent_of(figure, kTeal);
  CHECK(left.x1 - left.x0 == 300);
  CHECK(right.x1 - right.x0 == 300);
  CHECK(left.x1 < right.x0);
  CHECK(left.y0 == right.y0);
  CHECK(left.y1 - left.y0 > 2 * 240);
}

TEST_CASE("panel: the colour bar runs from the lowest colour below to the highest above") {
  const Image figure = draw_panel(two_by_two("tiger cat"));
  const Extent picture = extent_of(figure, kTeal);
  const int x = picture.x1 + 240 * 45 / 2000 + 6;
  CHECK(is(figure.at(x, picture.y0 + 1), color_of(238.0f / 239, ColorMap::opencv_jet)));
  CHECK(is(figure.at(x, picture.y0 + 238), color_of(1.0f / 239, ColorMap::opencv_jet)));
}

TEST_CASE("panel: a label of any length stays beside the pictures") {
  const std::string longest =
      "an unreasonably long name of a class, which someone wrote with every synonym, " +
      std::string(300, 'W') + " – Café \xFF\xFE";
  for (const std::string& label : {std::string("cat"), longest, std::string(500, 'x')}) {
    const Image figure = draw_panel(two_by_two(label));
    const Extent picture = extent_of(figure, kPink);
    CHECK(all_white(figure, picture.x0 - 8, picture.x0, 0, figure.height - 40));
    CHECK_FALSE(all_white(figure, 0, picture.x0 - 8, picture.y0, picture.y0 + 240));
  }
}

TEST_CASE("panel: strange shapes are fitted into their cells") {
  Panel panel = two_by_two("strip");
  panel.rows[1].cells[0].picture = plain(1, 5000, {1, 2, 3});
  panel.rows[1].cells[1].picture = plain(5000, 1, {3, 2, 1});
  const Image figure = draw_panel(panel);
  const Extent tall = extent_of(figure, {1, 2, 3}), wide = extent_of(figure, {3, 2, 1});
  CHECK(tall.y1 - tall.y0 == 240);
  CHECK(wide.x1 - wide.x0 == 300);
}

TEST_CASE("panel: headings of a portrait stay above their pictures") {
  for (const int height : {480, 4000}) {  // 9:16, and a strip
    Panel panel;
    panel.columns = {"Picture", "Grad-CAM", "Guided Backprop", "Guided Grad-CAM"};
    panel.rows.push_back({"cat", {}, {}});
    std::vector<Rgb> colors = {kPink, kTeal, {1, 2, 3}, {3, 2, 1}};
    for (const Rgb& color : colors) panel.rows[0].cells.push_back({plain(270, height, color), ""});
    const Image figure = draw_panel(panel);
    for (std::size_t i = 0; i + 1 < colors.size(); ++i) {
      const Extent left = extent_of(figure, colors[i]), right = extent_of(figure, colors[i + 1]);
      const int middle = (left.x1 + right.x0) / 2;
      CHECK(all_white(figure, middle, middle + 1, 0, left.y0));
      CHECK_FALSE(all_white(figure, left.x0 - 20, left.x1 + 20, 0, left.y0));
    }
  }
}

TEST_CASE("panel: panoramas stand one below the other and fill the figure") {
  Panel panel = two_by_two("cat");
  for (PanelRow& row : panel.rows) row.cells = {{plain(1800, 300, kPink), ""}, {plain(1800, 300, kTeal), ""}};
  panel.rows.pop_back();
  const Image figure = draw_panel(panel);
  const Extent first = extent_of(figure, kPink), second = extent_of(figure, kTeal);
  CHECK(first.x0 == second.x0);
  CHECK(first.y1 < second.y0);
  const double pictures = 2.0 * (first.x1 - first.x0) * (first.y1 - first.y0);
  CHECK(pictures > 0.4 * figure.width * figure.height);

  panel.rows[0].cells = {{plain(900, 300, kPink), ""}, {plain(900, 300, kTeal), ""}};
  const Image wide = draw_panel(panel);
  CHECK(extent_of(wide, kPink).y0 == extent_of(wide, kTeal).y0);
}

TEST_CASE("panel: a label is drawn where the font has the script and writes it from the left") {
  for (const char* name : {"tiger cat", "Café", "кошка", "γάτα", "mèo – 5 %"}) CHECK(can_label(name));
  for (const char* name : {"猫", "고양이", "قط", "חתול", "बिल्ली", "แมว"}) CHECK_FALSE(can_label(name));
}

TEST_CASE("panel: rows that do not match the titles and empty panels are refused") {
  Panel panel = two_by_two("cat");
  panel.columns.push_back("third");
  CHECK_THROWS_WITH_AS(draw_panel(panel), doctest::Contains("has 2 pictures"), Error);
  CHECK_THROWS_AS(draw_panel({}), Error);
  Panel empty = two_by_two("cat");
  empty.rows[0].cells[0].picture = {};
  CHECK_THROWS_AS(draw_panel(empty), Error);
}

TEST_CASE("panel: rows that are too long become bands of equal width") {
  Panel panel;
  for (const char* label : {"above", "below"}) {
    PanelRow& row = panel.rows.emplace_back(PanelRow{.label = label, .details = {"d"}, .cells = {}});
    for (int cell = 0; cell < 7; ++cell)
      row.cells.push_back({plain(30, 24, kPink), std::string(label) + std::to_string(cell)});
  }
  panel.columns.assign(7, "");
  wrap_rows(panel, 7);
  CHECK(panel.rows.size() == 2);
  wrap_rows(panel, 3);  // three bands, of 3, 3 and 1 with two cells that stay empty
  REQUIRE(panel.rows.size() == 6);
  CHECK(panel.columns == std::vector<std::string>(3));
  for (int row = 0; row < 6; ++row) {
    const PanelRow& part = panel.rows[static_cast<std::size_t>(row)];
    CHECK(part.label == (row % 2 == 0 ? "above" : "below"));
    CHECK(part.details == std::vector<std::string>{"d"});
    REQUIRE(part.cells.size() == 3);
    for (int i = 0; i < 3; ++i) {
      const int cell = row / 2 * 3 + i;
      CHECK(part.cells[static_cast<std::size_t>(i)].caption ==
            (cell < 7 ? part.label + std::to_string(cell) : ""));
      CHECK(part.cells[static_cast<std::size_t>(i)].picture.width == (cell < 7 ? 30 : 0));
    }
  }
  const Extent pictures = extent_of(draw_panel(panel), kPink);
  CHECK(pictures.x1 - pictures.x0 > 2 * 280);  // 224 high
  CHECK(pictures.y1 - pictures.y0 > 6 * 224);
}

TEST_CASE("panel: rows of panoramas become columns") {
  Panel panel;
  panel.rows.push_back(
      {"above", {"score 1"}, {{plain(90, 20, kPink), "0"}, {plain(90, 20, kPink), "1"}, {}}});
  panel.rows.push_back({"below", {}, {{}, {plain(90, 20, kTeal), "4"}, {plain(90, 20, kTeal), "5"}}});
  panel.columns.assign(3, "");
  wrap_rows(panel, 2);
  CHECK(panel.columns == std::vector<std::string>{"above, score 1", "below"});
  REQUIRE(panel.rows.size() == 3);
  const std::string captions[] = {"0", "", "1", "4", "", "5"};
  for (std::size_t i = 0; i < 6; ++i) CHECK(panel.rows[i / 2].cells.at(i % 2).caption == captions[i]);
  CHECK_FALSE(all_white(draw_panel(panel), 0, 40, 0, 40));
}

TEST_CASE("panel: each row has room for the text below its cells and cells without a picture stay white") {
  const auto height_of = [](const PanelCell& second) {
    Panel panel;
    panel.columns = {"", ""};
    panel.rows.push_back({"", {}, {{plain(240, 240, kPink)}, {}}});
    panel.rows.push_back({"", {}, {{}, second}});
    return draw_panel(panel).height;
  };
  const int plain_height = height_of({plain(240, 240, kTeal)});
  const int caption = height_of({plain(240, 240, kTeal), "one"}) - plain_height;
  const int name = height_of({plain(240, 240, kTeal), "", "one"}) - plain_height;
  CHECK(caption > 10);
  CHECK(name > caption);
  const int lines = height_of({plain(240, 240, kTeal), "one\ntwo\n"}) - plain_height;
  CHECK(lines > 1.7 * caption);
  CHECK(lines < 2 * caption + 2);
  std::string longest;
  for (int i = 0; i < 100; ++i) longest += "words ";
  CHECK(height_of({plain(240, 240, kTeal), longest}) ==
        height_of({plain(240, 240, kTeal), "one\ntwo\nthree"}));
  CHECK(height_of({{}, "one"}) - plain_height == caption);

  Panel panel;
  panel.columns = {"", ""};
  panel.rows.push_back({"", {}, {{plain(240, 240, kPink)}, {}}});
  panel.rows.push_back({"", {}, {{}, {plain(240, 240, kTeal), "teal"}}});
  const Image figure = draw_panel(panel);
  const Extent pink = extent_of(figure, kPink), teal = extent_of(figure, kTeal);
  CHECK(pink.y0 < 20);  // a margin and a gap, without room for titles or text
  CHECK(teal.y0 - pink.y1 < pink.y0);
  CHECK(all_white(figure, teal.x0, teal.x1, 0, teal.y0));
  CHECK(all_white(figure, 0, teal.x0, pink.y1, figure.height));
  CHECK_FALSE(all_white(figure, teal.x0, teal.x1, teal.y1, figure.height));
}

TEST_CASE("text: UTF-8 is decoded and what is broken is replaced") {
  CHECK(code_points("aé–猫😀") == U"aé–猫😀");
  CHECK(code_points("a\xFFz") == U"a\xFFFDz");
  CHECK(code_points("\xE2\x82") == U"\xFFFD");
  CHECK(code_points("\xC3(") == U"\xFFFD(");
  CHECK(code_points("a\nb\tc") == U"a b c");
}

TEST_CASE("text: what is too long is ellipsised within its width") {
  const Font font(dejavu_sans());
  const std::string text = "Weimaraner, Egyptian cat, espresso";
  CHECK(font.ellipsised(text, 16, 1000) == text);
  for (const double width : {20.0, 60.0, 150.0}) {
    const std::string shown = font.ellipsised(text, 16, width);
    CHECK(shown.ends_with("…"));
    CHECK(font.width(shown, 16) <= width);
  }
}

TEST_CASE("text: wrapping breaks at spaces and keeps to its lines") {
  const Font font(dejavu_sans_bold());
  const auto lines = font.wrapped("German short-haired pointer of the north", 16, 120, 3);
  CHECK(lines.size() == 3);
  for (const std::string& line : lines) CHECK(font.width(line, 16) <= 120);
  CHECK(lines[0] == "German");
  CHECK(font.wrapped("cat", 16, 120, 3) == std::vector<std::string>{"cat"});
}

TEST_CASE("text: drawing darkens where the letters are and is cut at the picture's edges") {
  const Font font(dejavu_sans());
  Image image(40, 20, 255);
  font.draw(image, 2, 16, "H", 16, {0, 0, 0});
  const Extent ink = extent_of(image, {0, 0, 0});
  CHECK(ink.y1 == 16);
  CHECK(ink.x1 <= 16);
  font.draw(image, -5, 3, "WWWWWWWWWW", 40, {0, 0, 0});
  CHECK(extent_of(image, {0, 0, 0}).y0 == 0);
}

TEST_CASE("text: a font that is none is refused") {
  CHECK_THROWS_AS(Font(std::span<const std::uint8_t>()), Error);
}
