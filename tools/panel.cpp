#include "tools/panel.hpp"

#include <algorithm>
#include <cmath>

#include "engine/image/resize.hpp"
#include "tools/fonts.hpp"
#include "tools/text.hpp"

namespace backlight {
namespace {

constexpr Rgb kInk = {20, 20, 20};
constexpr Rgb kGrey = {105, 105, 105};
constexpr Rgb kFrame = {150, 150, 150};

// Proportions of the figure, in units of a picture's height.
constexpr double kMargin = 0.06, kGap = 0.045, kLabelWidth = 0.56;
constexpr double kTitleSize = 0.062, kLabelSize = 0.062, kDetailSize = 0.052, kCaptionSize = 0.046;
constexpr double kBarWidth = 0.05, kTickLength = 0.018;
constexpr double kLineHeight = 1.32;
constexpr int kMaxLabelLines = 4;
// Stranger shapes are fitted into a cell of the nearest shape allowed.
constexpr double kNarrowest = 0.5, kWidest = 2.2;

class Drawing {
 public:
  explicit Drawing(const Panel& panel) : panel_(panel), unit_(picture_height(panel)) {
    const Image& first = panel.rows.front().cells.front().picture;
    const double shape = std::clamp(static_cast<double>(first.width) / first.height, kNarrowest, kWidest);
    cell_width_ = std::round(unit_ * shape);
    bool captions = false;
    for (const PanelRow& row : panel.rows)
      for (const PanelCell& cell : row.cells) captions = captions || !cell.caption.empty();
    row_height_ = unit_ + (captions ? px(kCaptionSize) * kLineHeight * 1.15 : 0.0);
    for (const std::string& tick : bar_ticks())
      tick_width_ = std::max(tick_width_, regular_.width(tick, px(kCaptionSize)));
    bar_space_ = panel.color_bar ? px(kGap) / 2 + px(kBarWidth) + 2 * px(kTickLength) + tick_width_ : 0.0;
  }

  Image draw() {
    const auto columns = static_cast<double>(panel_.columns.size());
    const auto rows = static_cast<double>(panel_.rows.size());
    const double width =
        column_left(static_cast<int>(columns) - 1) + cell_width_ + px(kMargin) +
        (panel_.color_bar && panel_.color_bar->column == static_cast<int>(columns) - 1 ? bar_space_ : 0);
    const double bottom = row_top(0) + rows * row_height_ + (rows - 1) * px(kGap);
    const double footer = panel_.footer.empty() ? 0 : px(kCaptionSize) * kLineHeight * 1.3;
    const double height = bottom + footer + px(kMargin);
    if (width * height > static_cast<double>(kMaxPixels))
      throw Error(ErrorKind::bad_input, "a panel of ", std::lround(width), "×", std::lround(height),
                  " pixels, at most ", kMaxPixels, " are drawn; ask for fewer classes");
    canvas_ = Image(static_cast<int>(std::ceil(width)), static_cast<int>(std::ceil(height)), 255);

    for (std::size_t column = 0; column < panel_.columns.size(); ++column)
      draw_centred(bold_, panel_.columns[column], column_left(static_cast<int>(column)) + cell_width_ / 2.0,
                   row_top(0) - px(kTitleSize) * 0.55, kTitleSize, kInk, cell_width_ + px(kGap) * 0.6);
    for (int row = 0; row < static_cast<int>(panel_.rows.size()); ++row) draw_row(row);
    if (!panel_.footer.empty())
      regular_.draw(canvas_, px(kMargin), bottom + footer,
                    regular_.ellipsised(panel_.footer, px(kCaptionSize), canvas_.width - 2 * px(kMargin)),
                    px(kCaptionSize), kGrey);
    return std::move(canvas_);
  }

 private:
  static double picture_height(const Panel& panel) {
    if (panel.columns.empty() || panel.rows.empty())
      throw Error(ErrorKind::bad_input, "a panel needs at least one column and one row");
    for (const PanelRow& row : panel.rows) {
      if (row.cells.size() != panel.columns.size())
        throw Error(ErrorKind::bad_input, "the panel's row '", row.label, "' has ", row.cells.size(),
                    " pictures, expected ", panel.columns.size(), ", one per title");
      for (const PanelCell& cell : row.cells)
        if (cell.picture.rgb.empty())
          throw Error(ErrorKind::bad_input, "the panel's row '", row.label, "' has an empty picture");
    }
    constexpr int kSmallest = 224, kLargest = 400;
    if (panel.picture_height > 0) return panel.picture_height;
    return std::clamp(panel.rows.front().cells.front().picture.height, kSmallest, kLargest);
  }

  double px(double units) const { return units * unit_; }

  double label_space() const {
    const bool labelled = std::ranges::any_of(
        panel_.rows, [](const PanelRow& row) { return !row.label.empty() || !row.details.empty(); });
    return labelled ? px(kLabelWidth) + px(kGap) : 0.0;
  }

  double column_left(int column) const {
    const bool after_bar = panel_.color_bar && column > panel_.color_bar->column;
    return std::round(px(kMargin) + label_space() + column * (cell_width_ + px(kGap)) +
                      (after_bar ? bar_space_ : 0.0));
  }

  double row_top(int row) const {
    return std::round(px(kMargin) + px(kTitleSize) * kLineHeight * 1.1 + row * (row_height_ + px(kGap)));
  }

  std::vector<std::string> bar_ticks() const {
    return panel_.color_bar ? panel_.color_bar->ticks : std::vector<std::string>();
  }

  void draw_centred(const Font& font, const std::string& text, double centre, double baseline, double size,
                    Rgb color, double max_width) {
    const std::string shown = font.ellipsised(text, px(size), max_width);
    font.draw(canvas_, centre - font.width(shown, px(size)) / 2, baseline, shown, px(size), color);
  }

  void draw_row(int index) {
    const PanelRow& row = panel_.rows[index];
    draw_label(row, row_top(index));
    for (int column = 0; column < static_cast<int>(row.cells.size()); ++column) {
      const PanelCell& cell = row.cells[column];
      draw_picture(cell.picture, column_left(column), row_top(index));
      draw_centred(regular_, cell.caption, column_left(column) + cell_width_ / 2.0,
                   row_top(index) + unit_ + px(kCaptionSize) * kLineHeight, kCaptionSize, kGrey, cell_width_);
    }
    if (panel_.color_bar) draw_color_bar(row_top(index));
  }

  /// The class and its scores, together centred on the picture's middle.
  void draw_label(const PanelRow& row, double top) {
    const double left = px(kMargin);
    const auto lines = row.label.empty()
                           ? std::vector<std::string>()
                           : bold_.wrapped(row.label, px(kLabelSize), px(kLabelWidth), kMaxLabelLines);
    const double height = static_cast<double>(lines.size()) * px(kLabelSize) * kLineHeight +
                          static_cast<double>(row.details.size()) * px(kDetailSize) * kLineHeight;
    double baseline = top + (unit_ - height) / 2 + bold_.cap_height(px(kLabelSize));
    for (const std::string& line : lines) {
      bold_.draw(canvas_, left, baseline, line, px(kLabelSize), kInk);
      baseline += px(kLabelSize) * kLineHeight;
    }
    for (const std::string& detail : row.details) {
      regular_.draw(canvas_, left, baseline, regular_.ellipsised(detail, px(kDetailSize), px(kLabelWidth)),
                    px(kDetailSize), kGrey);
      baseline += px(kDetailSize) * kLineHeight;
    }
  }

  void draw_picture(const Image& picture, double left, double top) {
    const double scale = std::min(cell_width_ / picture.width, unit_ / picture.height);
    const int width = std::max(1, static_cast<int>(std::lround(picture.width * scale)));
    const int height = std::max(1, static_cast<int>(std::lround(picture.height * scale)));
    const Image shown = resize(picture, width, height, Filter::bicubic);
    const int x0 = static_cast<int>(left + (cell_width_ - width) / 2);
    const int y0 = static_cast<int>(top + (unit_ - height) / 2);
    for (int y = 0; y < height; ++y) std::copy_n(shown.at(0, y), width * 3, canvas_.at(x0, y0 + y));
  }

  void draw_color_bar(double top) {
    const PanelColorBar& bar = *panel_.color_bar;
    const int x0 = static_cast<int>(column_left(bar.column) + cell_width_ + px(kGap) / 2);
    const int x1 = x0 + std::max(4, static_cast<int>(std::lround(px(kBarWidth))));
    const int y0 = static_cast<int>(top), height = static_cast<int>(unit_);
    for (int y = 0; y < height; ++y) {
      const float value = height > 1 ? 1.0f - static_cast<float>(y) / static_cast<float>(height - 1) : 0.0f;
      const Rgb color = color_of(value, bar.colors);
      for (int x = x0; x < x1; ++x) {
        const bool frame = x == x0 || x == x1 - 1 || y == 0 || y == height - 1;
        std::ranges::copy(frame ? kFrame : color, canvas_.at(x, y0 + y));
      }
    }
    const double capitals = regular_.cap_height(px(kCaptionSize));
    for (std::size_t i = 0; i < bar.ticks.size(); ++i) {
      const double share =
          bar.ticks.size() > 1 ? static_cast<double>(i) / static_cast<double>(bar.ticks.size() - 1) : 0.0;
      const int y = y0 + static_cast<int>(std::lround((1 - share) * (height - 1)));
      const int tick_end = x1 + static_cast<int>(std::lround(px(kTickLength)));
      for (int x = x1; x < tick_end; ++x) std::ranges::copy(kGrey, canvas_.at(x, y));
      // The outermost labels stay within the bar's ends.
      const double baseline = std::clamp(y + capitals / 2, y0 + capitals, static_cast<double>(y0 + height));
      regular_.draw(canvas_, tick_end + px(kTickLength) * 0.7, baseline, bar.ticks[i], px(kCaptionSize),
                    kInk);
    }
  }

  const Panel& panel_;
  Font regular_{dejavu_sans()};
  Font bold_{dejavu_sans_bold()};
  double unit_;
  double cell_width_ = 0;
  double row_height_ = 0, tick_width_ = 0, bar_space_ = 0;
  Image canvas_;
};

}  // namespace

Image draw_panel(const Panel& panel) { return Drawing(panel).draw(); }

}  // namespace backlight
