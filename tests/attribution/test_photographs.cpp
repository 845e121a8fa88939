// The main job on real input: an ImageNet network with its published weights, photographs with two things in
// each.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "engine/explain/display.hpp"
#include "engine/explain/segment.hpp"
#include "kernels/preprocess/preprocess.hpp"
#include "models/model.hpp"
#include "models/weights_location.hpp"
#include "support/device.hpp"
#include "support/skip.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

struct Thing {
  const char* photo;
  const char* what;
  std::int64_t index;
  Box place;  ///< drawn around the thing by hand, in pixels of the photograph
};

constexpr Thing kThings[] = {
    {"cat_and_espresso", "Egyptian cat", 285, {0, 0, 448, 224}},
    {"cat_and_espresso", "espresso", 967, {60, 224, 358, 448}},
    {"astronaut", "space shuttle", 812, {354, 0, 474, 292}},
    {"astronaut", "football helmet", 560, {278, 342, 512, 512}},
};

}  // namespace

TEST_CASE("photographs: the maximum of each class's map lies on that thing" * doctest::test_suite("device")) {
  const auto weights = cached_weights("efficientnet_lite0");
  if (!weights)
    return skip("EfficientNet-Lite0 is not in the cache; run tools/fetch_weights efficientnet_lite0");
  Context context = test_context(0);
  Model model = load_model(*weights);
  model.network.to(context);
  const NodeId layer = model.network.find(model.info.default_layers.pytorch_grad_cam);
  for (const Thing& thing : kThings) {
    CAPTURE(thing.photo);
    CAPTURE(thing.what);
    CHECK(model.labels.at(static_cast<std::size_t>(thing.index)) == thing.what);
    const Image picture =
        read_image(std::string(BACKLIGHT_SOURCE_DIR) + "/tests/images/" + thing.photo + ".png");
    Fitted input = preprocess(picture, model.info.preprocessing);
    Explanation explanation(model.network, context, std::move(input.x), {layer}, false);
    const std::vector<std::int64_t> index{thing.index};
    const Tensor map = context.to_host(explanation.grad_cam(layer, explanation.target(index)).map);
    CHECK(has_positive_evidence(map));

    const Tensor on_picture = project(
        display_map(map, Preset::pytorch_grad_cam, input.placement.input_height, input.placement.input_width),
        input.placement);
    const auto values = on_picture.values();
    const std::int64_t top = std::ranges::max_element(values) - values.begin();
    const double x = static_cast<double>(top % picture.width), y = static_cast<double>(top / picture.width);
    CAPTURE(x);
    CAPTURE(y);
    CHECK((x >= thing.place.x0 && x < thing.place.x1 && y >= thing.place.y0 && y < thing.place.y1));
  }
}
