#include <doctest/doctest.h>

#include <set>

#include "engine/image/write.hpp"
#include "support/squeeze_excitation.hpp"
#include "support/temporary_folder.hpp"
#include "tools/backlight/explain_picture.hpp"

using namespace backlight;
using namespace backlight::tools;

TEST_CASE("explain: results under a rule name the activations at which it is not defined") {
  const test::TemporaryFolder folder;
  const std::string file = (folder.path() / "grey.png").string();
  write_png(file, Image(32, 32));

  Model model;
  model.network = test::squeeze_excitation_network();
  model.labels = {"a", "b", "c", "d", "e"};
  model.outputs = 5;
  model.info.preprocessing = Preprocessing::cifar();
  const NodeId layer = model.network.find("silu");
  Request request;
  request.classes = {1};
  request.layers = request.chosen_layers = {layer};
  request.input_gradient = request.tails = true;
  request.question.masks.count = 5;
  for (const Method& method : methods())
    // A layer below 0 has no Ablation-CAM of pytorch-grad-cam's.
    if (method.name != "ablation-cam" && !method.is_defined_for)
      request.looks.push_back({&method, method.layer_in(model.network, layer)});
  request.formats.json = true;
  request.folder = folder.path() / "out";
  Context context({}, 1);
  Programs programs(model.network);
  Replays replays(programs, context);
  Console console;
  const Explainer explainer(model, replays, context, request, Json::object(), {});
  const std::optional<Json> record = explainer.explain({file, "", "grey"}, console);

  REQUIRE(record);
  const std::set<std::string> ruled{"guided-backprop", "deconvnet", "guided-grad-cam", "deconv-grad-cam"};
  const Json plain{{"sigmoid", 1}, {"silu", 4}};
  REQUIRE((*record)["results"].size() == request.looks.size());
  for (const Json& result : (*record)["results"]) {
    CAPTURE(result["method"]);
    CHECK(result["plain_gradient_at"] == (ruled.contains(result["method"]) ? plain : Json::object()));
  }
}
