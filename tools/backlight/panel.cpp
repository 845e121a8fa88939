#include "tools/backlight/panel.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

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
constexpr int kMaxLabelLines = 4, kTitleLines = 2, kCaptionLines = 3;
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
    for (const std::string& tick : bar_ticks())
      tick_width_ = std::max(tick_width_, regular_.width(tick, px(kCaptionSize)));
    bar_space_ = panel.color_bar ? px(kGap) / 2 + px(kBarWidth) + 2 * px(kTickLength) + tick_width_ : 0.0;
    const int lines = (columns + per_line_ - 1) / per_line_;
    double top = px(kMargin) + (one_line() ? title_space_ : 0.0);
    for (const PanelRow& row : panel.rows) {
      RowPlace place{.top = std::round(top)};
      for (const PanelCell& cell : row.cells) place.text = std::max(place.text, height_of(text_of(cell)));
      place.height = std::max(
          lines * (cell_height_ + place.text) + (lines - 1) * (px(kGap) + title_space_) + inner_title_space(),
          label_height(row));
      top += place.height + px(kGap);
      rows_.push_back(place);
    }
  }

  Image draw() {
    const double width = px(kMargin) + label_space() + per_line_ * cell_width_ + (per_line_ - 1) * px(kGap) +
                         bar_space_ + px(kMargin);
    const double bottom = rows_.back().top + rows_.back().height;
    const double footer = panel_.footer.empty() ? 0 : px(kCaptionSize) * kLineHeight * 1.3;
    const double height = bottom + footer + px(kMargin);
    if (width * height > static_cast<double>(kMaxPixels))
      throw Error(ErrorKind::bad_input, "a panel of ", std::lround(width), "×", std::lround(height),
                  " pixels, at most ", kMaxPixels, " are drawn; ask for less at once");
    canvas_ = Image(static_cast<int>(std::ceil(width)), static_cast<int>(std::ceil(height)), 255);

    for (int column = 0; one_line() && column < per_line_; ++column) draw_title(column, rows_.front().top);
    for (int row = 0; row < static_cast<int>(panel_.rows.size()); ++row) draw_row(row);
    if (!panel_.footer.empty())
      regular_.draw(canvas_, px(kMargin), bottom + footer,
                    regular_.ellipsised(panel_.footer, px(kCaptionSize), canvas_.width - 2 * px(kMargin)),
                    px(kCaptionSize), kGrey);
    return std::move(canvas_);
  }

 private:
  struct RowPlace {
    double top = 0, height = 0;
    double text = 0;  ///< of its height: below each line of pictures
  };
  struct CellText {
    std::vector<std::string> name, caption;
  };

  static double picture_height(const Panel& panel) {
    if (panel.columns.empty() || panel.rows.empty())
      throw Error(ErrorKind::bad_input, "a panel needs at least one column and one row");
    for (const PanelRow& row : panel.rows) {
      if (row.cells.size() != panel.columns.size())
        throw Error(ErrorKind::bad_input, "the panel's row '", row.label, "' has ", row.cells.size(),
                    " pictures, expected ", panel.columns.size(), ", one per title");
      for (const PanelCell& cell : row.cells)
        if (has_picture(cell) || &cell == &panel.rows.front().cells.front())
          require_pixels(cell.picture, text("panel, row '", row.label, "'"));
    }
    constexpr int kSmallest = 224, kLargest = 400;
    if (panel.picture_height > 0) return panel.picture_height;
    return std::clamp(panel.rows.front().cells.front().picture.height, kSmallest, kLargest);
  }

  static bool has_picture(const PanelCell& cell) {
    return cell.picture.width != 0 || cell.picture.height != 0 || !cell.picture.rgb.empty();
  }

  double px(double units) const { return units * unit_; }

  CellText text_of(const PanelCell& cell) const {
    CellText lines;
    if (!cell.name.empty()) lines.name = bold_.wrapped(cell.name, px(kTitleSize), cell_width_, kCaptionLines);
    for (std::size_t begin = 0; begin < cell.caption.size();) {
      const std::size_t end = std::min(cell.caption.find('\n', begin), cell.caption.size());
      const std::string part = cell.caption.substr(begin, end - begin);
      for (std::string& line : regular_.wrapped(part, px(kCaptionSize), cell_width_, kCaptionLines))
        lines.caption.push_back(std::move(line));
      begin = end + 1;
    }
    return lines;
  }

  double height_of(const CellText& lines) const {
    const double height = static_cast<double>(lines.name.size()) * px(kTitleSize) +
                          static_cast<double>(lines.caption.size()) * px(kCaptionSize);
    return height > 0 ? (height + px(kCaptionSize) * 0.15) * kLineHeight : 0;
  }

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

  double cell_top(int row, int column) const {
    const int line = column / per_line_;
    return std::round(rows_[row].top + inner_title_space() +
                      line * (cell_height_ + rows_[row].text + px(kGap) + title_space_));
  }

  /// Titles in two lines where one is too narrow, and smaller where a word is.
  void fit_titles() {
    if (std::ranges::all_of(panel_.columns, &std::string::empty)) return;
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
    draw_label(row, rows_[index]);
    for (int column = 0; column < static_cast<int>(row.cells.size()); ++column) {
      const double left = column_left(column), top = cell_top(index, column);
      if (!one_line() && has_picture(row.cells[column])) draw_title(column, top);
      if (has_picture(row.cells[column])) draw_picture(row.cells[column].picture, left, top);
      const CellText lines = text_of(row.cells[column]);
      double baseline = top + cell_height_;
      const auto draw_lines = [&](const Font& font, const auto& texts, double size, const Rgb& color) {
        for (const std::string& line : texts) {
          baseline += size * kLineHeight;
          font.draw(canvas_, left + (cell_width_ - font.width(line, size)) / 2, baseline, line, size, color);
        }
      };
      draw_lines(bold_, lines.name, px(kTitleSize), kInk);
      draw_lines(regular_, lines.caption, px(kCaptionSize), kGrey);
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
  void draw_label(const PanelRow& row, const RowPlace& place) {
    const double left = px(kMargin);
    const auto lines = label_lines(row);
    double baseline =
        place.top + (place.height - place.text - label_height(row)) / 2 + bold_.cap_height(px(kLabelSize));
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
  double cell_width_ = 0, cell_height_ = 0;
  double title_size_ = 0, title_space_ = 0, tick_width_ = 0, bar_space_ = 0;
  std::vector<RowPlace> rows_;
  Image canvas_;
};

}  // namespace

void wrap_rows(Panel& panel, std::size_t most) {
  const Image& first_picture = panel.rows.front().cells.front().picture;
  if (first_picture.width > kWidestOfLine * first_picture.height) {
    std::vector<PanelRow> columns(panel.columns.size());
    panel.columns.clear();
    for (PanelRow& row : panel.rows) {
      std::string& title = panel.columns.emplace_back(std::move(row.label));
      for (const std::string& detail : row.details) title += ", " + detail;
      for (std::size_t i = 0; i < columns.size(); ++i) columns[i].cells.push_back(std::move(row.cells[i]));
    }
    panel.rows = std::move(columns);
    return;
  }
  const std::size_t cells = panel.columns.size(), bands = (cells + most - 1) / most;
  if (bands <= 1) return;
  const std::size_t width = (cells + bands - 1) / bands;
  std::vector<PanelRow> rows;
  for (std::size_t first = 0; first < cells; first += width)
    for (PanelRow& row : panel.rows) {
      PanelRow& part = rows.emplace_back(PanelRow{row.label, row.details, {}});
      const auto begin = row.cells.begin() + static_cast<std::ptrdiff_t>(first);
      std::move(begin, begin + static_cast<std::ptrdiff_t>(std::min(width, cells - first)),
                std::back_inserter(part.cells));
      part.cells.resize(width);
    }
  panel.rows = std::move(rows);
  panel.columns.assign(width, "");
}

Image draw_panel(const Panel& panel) { return Drawing(panel).draw(); }

bool can_label(std::string_view text) { return Font(dejavu_sans_bold()).can_draw(text); }

}  // namespace backlight
