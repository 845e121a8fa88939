// A figure of explanations: columns of pictures under titles, one row per class with its name and score.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/image/image.hpp"
#include "kernels/colormap/colormap.hpp"

namespace backlight {

struct PanelCell {
  /// Any size; scaled into cells of one size, of the first picture's shape. None where the cell stays empty.
  Image picture = {};
  std::string caption = {};  ///< small, under the picture; may be empty, and have several lines
  std::string name = {};     ///< bold, between them
};

struct PanelRow {
  std::string label;                 ///< bold, left of the row: the class
  std::vector<std::string> details;  ///< below it, a line each: score, probability
  std::vector<PanelCell> cells;
};

struct PanelColorBar {
  int column = 1;  ///< drawn right of this column's pictures
  ColorMap colors = ColorMap::opencv_jet;
  std::vector<std::string> ticks = {"0", "0.5", "1"};  ///< from bottom to top, evenly spaced
};

struct Panel {
  std::vector<std::string> columns;  ///< titles
  std::vector<PanelRow> rows;
  std::optional<PanelColorBar> color_bar;
  std::string footer;      ///< small, at the bottom: network, weights, method
  int picture_height = 0;  ///< of every cell; 0 chooses by the first picture, between 224 and 400
};

/// Makes long rows fit on a page, of a panel whose columns have no titles. Rows of more than `most` cells become bands
/// of all rows, each band as wide as the others; the last is filled up with empty cells. Rows of pictures too wide to
/// stand beside each other become columns.
void wrap_rows(Panel& panel, std::size_t most);

/// The whole figure on white. The pictures of a row stand in one line, wide ones in two, and panoramas one
/// below the other. Text is UTF-8; what is too long is wrapped, then ellipsised. Throws Error(bad_input) for
/// a panel without a first picture, a row whose cells are not one per title, or a figure beyond the limit of pixels.
Image draw_panel(const Panel& panel);

/// Whether a label's script can be drawn; see Font::can_draw.
bool can_label(std::string_view text);

}  // namespace backlight
