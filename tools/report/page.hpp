// report.html: the page that people open.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "models/model.hpp"
#include "tools/backlight/result_json.hpp"
#include "tools/report/card.hpp"

namespace backlight::tools {

/// A picture of the page.
struct PageCard {
  const Judgement* judged;
  Card card;
};

/// All of it in one text, but for pictures that lie beside it. `report` is report.json's document; cards come in their
/// order, the first few as plain HTML, the others as text that the script takes when they come into view.
std::string report_page(const Json& report, const Model& model, std::span<const PageCard> cards,
                        const PagePictures& pictures);

}  // namespace backlight::tools
