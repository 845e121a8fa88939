#include "tools/backlight/panel.hpp"

#include <algorithm>
#include <cmath>

#include "engine/image/resize.hpp"
#include "tools/backlight/fonts.hpp"
#include "tools/backlight/text.hpp"

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
constexpr int kMaxLabelLines = 4, kTitleLines = 2;
constexpr double kSmallestTitle = 0.6;  // of its size, before it is ellipsised
// One line of pictures as long as they are not wider than the first; two lines up to the second, then one
// below the other.
constexpr double kWidestOfLine = 1.9, kWidestOfTwoLines = 4;
constexpr double kTwoLinesWidth = 2, kOwnLineWidth = 3.6;
// Stranger shapes are fitted into a cell of the nearest shape allowed.
constexpr double kNarrowest = 0.36, kFlattest = 0.15;

class Drawing {
 public:
  explicit Drawing(const Panel& panel) : panel_(panel), unit_(picture_height(panel)) {
    const Image& first = panel.rows.front().cells.front().picture;
    const double shape = static_cast<double>(first.width) / first.height;
    const int columns = static_cast<int>(panel.columns.size());
    per_line_ = shape <= kWidestOfLine ? columns : shape <= kWidestOfTwoLines ? std::min(columns, 2) : 1;
    const double width = shape <= kWidestOfLine       ? std::max(shape, kNarrowest)
                         : shape <= kWidestOfTwoLines ? kTwoLinesWidth
                                                      : kOwnLineWidth;
    cell_width_ = std::round(px(width));
    cell_height_ = std::round(px(shape <= kWidestOfLine ? 1 : std::max(width / shape, kFlattest)));
    fit_titles();
    for (const PanelRow& row : panel.rows)
      for (const PanelCell& cell : row.cells)
        if (!cell.caption.empty()) caption_space_ = px(kCaptionSize) * kLineHeight * 1.15;
    for (const std::string& tick : bar_ticks())
      tick_width_ = std::max(tick_width_, regular_.width(tick, px(kCaptionSize)));
    bar_space_ = panel.color_bar ? px(kGap) / 2 + px(kBarWidth) + 2 * px(kTickLength) + tick_width_ : 0.0;
    const int lines = (columns + per_line_ - 1) / per_line_;
    row_height_ = lines * (cell_height_ + caption_space_) + (lines - 1) * (px(kGap) + title_space_) +
                  inner_title_space();
    for (const PanelRow& row : panel.rows) row_height_ = std::max(row_height_, label_height(row));
  }

  Image draw() {
    const auto rows = static_cast<double>(panel_.rows.size());
    const double width = px(kMargin) + label_space() + per_line_ * cell_width_ + (per_line_ - 1) * px(kGap) +
                         bar_space_ + px(kMargin);
    const double bottom = row_top(0) + rows * row_height_ + (rows - 1) * px(kGap);
    const double footer = panel_.footer.empty() ? 0 : px(kCaptionSize) * kLineHeight * 1.3;
    const double height = bottom + footer + px(kMargin);
    if (width * height > static_cast<double>(kMaxPixels))
      throw Error(ErrorKind::bad_input, "a panel of ", std::lround(width), "×", std::lround(height),
                  " pixels, at most ", kMaxPixels, " are drawn; ask for fewer classes");
    canvas_ = Image(static_cast<int>(std::ceil(width)), static_cast<int>(std::ceil(height)), 255);

    for (int column = 0; one_line() && column < per_line_; ++column) draw_title(column, row_top(0));
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
        require_pixels(cell.picture, text("panel, row '", row.label, "'"));
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

  bool one_line() const { return per_line_ == static_cast<int>(panel_.columns.size()); }
  /// Titles stand above the first row where the pictures of a class are in one line, and above every picture
  /// otherwise.
  double inner_title_space() const { return one_line() ? 0.0 : title_space_; }

  double column_left(int column) const {
    const int place = column % per_line_;
    const bool after_bar = panel_.color_bar && place > panel_.color_bar->column % per_line_;
    return std::round(px(kMargin) + label_space() + place * (cell_width_ + px(kGap)) +
                      (after_bar ? bar_space_ : 0.0));
  }

  double row_top(int row) const {
    return std::round(px(kMargin) + (one_line() ? title_space_ : 0.0) + row * (row_height_ + px(kGap)));
  }

  double cell_top(int row, int column) const {
    const int line = column / per_line_;
    return std::round(row_top(row) + inner_title_space() +
                      line * (cell_height_ + caption_space_ + px(kGap) + title_space_));
  }

  /// Titles in two lines where one is too narrow, and smaller where a word is.
  void fit_titles() {
    title_size_ = px(kTitleSize);
    const double space = cell_width_ + px(kGap) * 0.6;
    for (const std::string& title : panel_.columns) {
      std::size_t begin = 0;
      while (begin < title.size()) {
        const std::size_t end = std::min(title.find(' ', begin), title.size());
        const double width = bold_.width(title.substr(begin, end - begin), px(kTitleSize));
        if (width > space)
          title_size_ = std::min(title_size_, px(kTitleSize) * std::max(space / width, kSmallestTitle));
        begin = end + 1;
      }
    }
    std::size_t lines = 1;
    for (const std::string& title : panel_.columns)
      lines = std::max(lines, bold_.wrapped(title, title_size_, space, kTitleLines).size());
    title_space_ = (static_cast<double>(lines) + 0.1) * title_size_ * kLineHeight;
  }

  /// Its last line stands just above `bottom`.
  void draw_title(int column, double bottom) {
    const auto lines =
        bold_.wrapped(panel_.columns[column], title_size_, cell_width_ + px(kGap) * 0.6, kTitleLines);
    double baseline =
        bottom - title_size_ * 0.55 - static_cast<double>(lines.size() - 1) * title_size_ * kLineHeight;
    for (const std::string& line : lines) {
      bold_.draw(canvas_, column_left(column) + (cell_width_ - bold_.width(line, title_size_)) / 2, baseline,
                 line, title_size_, kInk);
      baseline += title_size_ * kLineHeight;
    }
  }

  std::vector<std::string> bar_ticks() const {
    return panel_.color_bar ? panel_.color_bar->ticks : std::vector<std::string>();
  }

  void draw_row(int index) {
    const PanelRow& row = panel_.rows[index];
    draw_label(row, row_top(index));
    for (int column = 0; column < static_cast<int>(row.cells.size()); ++column) {
      const double left = column_left(column), top = cell_top(index, column);
      if (!one_line()) draw_title(column, top);
      draw_picture(row.cells[column].picture, left, top);
      const std::string caption =
          regular_.ellipsised(row.cells[column].caption, px(kCaptionSize), cell_width_);
      regular_.draw(canvas_, left + (cell_width_ - regular_.width(caption, px(kCaptionSize))) / 2,
                    top + cell_height_ + px(kCaptionSize) * kLineHeight, caption, px(kCaptionSize), kGrey);
    }
    if (panel_.color_bar) draw_color_bar(cell_top(index, panel_.color_bar->column));
  }

  std::vector<std::string> label_lines(const PanelRow& row) const {
    if (row.label.empty()) return {};
    return bold_.wrapped(row.label, px(kLabelSize), px(kLabelWidth), kMaxLabelLines);
  }

  double label_height(const PanelRow& row) const {
    return static_cast<double>(label_lines(row).size()) * px(kLabelSize) * kLineHeight +
           static_cast<double>(row.details.size()) * px(kDetailSize) * kLineHeight;
  }

  /// The class and its scores, together centred on the middle of the pictures.
  void draw_label(const PanelRow& row, double top) {
    const double left = px(kMargin);
    const auto lines = label_lines(row);
    double baseline =
        top + (row_height_ - caption_space_ - label_height(row)) / 2 + bold_.cap_height(px(kLabelSize));
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
    const double scale = std::min(cell_width_ / picture.width, cell_height_ / picture.height);
    const int width = std::max(1, static_cast<int>(std::lround(picture.width * scale)));
    const int height = std::max(1, static_cast<int>(std::lround(picture.height * scale)));
    const Image shown = resize(picture, width, height, Filter::bicubic);
    const int x0 = static_cast<int>(left + (cell_width_ - width) / 2);
    const int y0 = static_cast<int>(top + (cell_height_ - height) / 2);
    for (int y = 0; y < height; ++y) std::copy_n(shown.at(0, y), width * 3, canvas_.at(x0, y0 + y));
  }

  void draw_color_bar(double top) {
    const PanelColorBar& bar = *panel_.color_bar;
    const int x0 = static_cast<int>(column_left(bar.column) + cell_width_ + px(kGap) / 2);
    const int x1 = x0 + std::max(4, static_cast<int>(std::lround(px(kBarWidth))));
    const int y0 = static_cast<int>(top), height = static_cast<int>(cell_height_);
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
  int per_line_ = 0;  ///< pictures of a class beside each other
  double cell_width_ = 0, cell_height_ = 0, row_height_ = 0;
  double title_size_ = 0, title_space_ = 0, caption_space_ = 0, tick_width_ = 0, bar_space_ = 0;
  Image canvas_;
};

}  // namespace

Image draw_panel(const Panel& panel) { return Drawing(panel).draw(); }

bool can_label(std::string_view text) { return Font(dejavu_sans_bold()).can_draw(text); }

}  // namespace backlight
