#include "engine/evaluate/pointing.hpp"
#include "engine/explain/display.hpp"
#include "engine/image/origin.hpp"
#include "kernels/overlay/overlay.hpp"
#include "tools/language_program.hpp"

using namespace backlight;
using namespace backlight::language;
using namespace backlight::test;

TEST_CASE("caption: a panel is a strip of the picture, the sentence and the words") {
  const Workspace work;
  const Json json = work.run_json({"caption", work.picture("a.png", 240, 240), "--weights",
                                   work.language_model(LanguageTask::caption), "--text", kSaid, "--word",
                                   "2,3", "--format", "panel,overlay", "-o", work.str("out")});
  const Json& image = json["images"][0];
  REQUIRE(image["maps"].size() == 3);  // the sentence, too
  CHECK(json["guided"] == true);
  CHECK(work.names_in("out").size() == 7);
  const std::string file = image["files"]["panel"].get<std::string>();
  CHECK(Json::parse(*backlight_facts(file))["image"]["maps"] == image["maps"]);
  const Image panel = read_image(file);
  const Spot picture = spot_of(panel, read_image(work.str("a.png")));
  Spot left = picture;
  for (const std::size_t i : {2, 0, 1}) {
    const Spot map = spot_of(panel, overlay_image(image["maps"][i]));
    CHECK(map.y == picture.y);
    CHECK(map.x > left.x + 240);
    const Spot guided =
        spot_of(panel, read_image(image["maps"][i]["files"]["guided_overlay"].get<std::string>()));
    CHECK(guided.x == map.x);
    CHECK(guided.y > map.y + 240);
    left = map;
  }
}

TEST_CASE("caption: a panel has a line that says so where nothing speaks for a word") {
  const Workspace work;
  const std::string picture = work.picture("a.png", 240, 240),
                    weights = work.language_model(LanguageTask::caption);
  LanguageModel deaf = load_language_model(weights);
  for (const NamedParameter& p : deaf.head.parameters())
    if (p.name == "logit.weight") p.tensor->fill(0);
  write_language_model(work / "deaf.safetensors", deaf);
  const auto height_with = [&](const std::string& network, bool evidence) {
    const Json image =
        work.run_json({"caption", picture, "--weights", network, "--text", "a star", "--word", "all",
                       "--format", "panel", "-o", work.str("out"), "--force"})["images"][0];
    for (const Json& map : image["maps"]) CHECK(map["positive_evidence"] == evidence);
    return read_image(image["files"]["panel"].get<std::string>()).height;
  };
  const int lines = height_with(work.str("deaf.safetensors"), false) - height_with(weights, true);
  CHECK(lines >= 12);  // one of small text
  CHECK(lines <= 18);
}

TEST_CASE("caption: what is said of regions is compared inside and outside of their boxes") {
  const Workspace work;
  const std::string picture = work.picture("a.png", 240, 240),
                    weights = work.language_model(LanguageTask::caption);
  const std::vector<std::string> arguments{"caption",   picture,
                                           "--weights", weights,
                                           "--region",  "a RED star=10,20,90,100",
                                           "--region",  "two blue rings=100,5,230,200",
                                           "--format",  "panel,overlay,npy",
                                           "-o",        work.str("out")};
  const Json json = work.run_json(arguments);
  CHECK(json["asked"]["regions"].size() == 2);
  CHECK(json["beam"].is_null());
  const Json& image = json["images"][0];
  CHECK(image["caption"].is_null());
  CHECK(image["words"].empty());
  REQUIRE(image["maps"].size() == 2);
  CHECK(image["maps"][0]["text"] == "a red star");
  CHECK(image["maps"][1]["region"] == Json({{"x0", 100}, {"y0", 5}, {"x1", 230}, {"y1", 200}}));

  Library library(weights, picture);
  const Fitted fitted = preprocess(read_image(picture), library.model.preprocessing);
  const Network& cnn = library.model.cnn;
  Run run(cnn, library.context, fitted.x.clone(), {.gradients_at = {cnn.input()}});
  const Image panel = read_image(image["files"]["panel"].get<std::string>());
  for (const Json& map : image["maps"]) {
    std::vector<std::int32_t> tokens = library.model.vocabulary.encode(map["text"].get<std::string>());
    HeadTarget target{.said = {}, .log_probability = true};
    for (std::size_t t = 0; t < tokens.size(); ++t)
      target.said.push_back({static_cast<std::int64_t>(t), tokens[t]});
    tokens.insert(tokens.begin(), library.model.vocabulary.special().start);
    HeadExplanation head = library.head(tokens);
    const Tensor of = std::move(head.maps({&target, 1}).front().map);
    CHECK(map["of"] == "region");
    CHECK(map["target_value"].get<double>() == head.value(target));
    CHECK(npy_of(map).values == floats_of(of));
    const Tensor backprop = guided_backprop(head, run, target).reshaped({3, 96, 96});
    const Json& region = map["region"];
    const Box box{region["x0"], region["y0"], region["x1"], region["y1"]};
    const PixelSet inside = seen_by_input(PixelSet::of(240, 240, {&box, 1}), fitted.placement);
    const auto check = [&](const char* kind, const Tensor& values) {
      CHECK(map["inside_outside"][kind].get<double>() ==
            doctest::Approx(inside_outside(values, inside)).epsilon(1e-6));
    };
    check("grad_cam", enlarged_evidence(of, Preset::pytorch_grad_cam, 96, 96));
    check("guided_backprop", backprop);
    check("guided_grad_cam", guided_product(backprop, of, Preset::pytorch_grad_cam));

    Image expected = overlay(read_image(picture), of, fitted.placement, Preset::pytorch_grad_cam);
    draw_box(expected, box, {255, 255, 255}, 2);
    CHECK(overlay_image(map).rgb == expected.rgb);
    spot_of(panel, expected);
  }

  const ProcessResult text = work.run({"caption", picture, "--weights", weights, "--region",
                                       "a red star=10,20,90,100", "-o", work.str("text"), "--format", "npy"});
  CHECK(contains(text.out, "a red star  10,20,90,100"));
  CHECK(contains(text.out, "inside/outside"));
}

TEST_CASE("caption: what is there is kept and what is missing is written") {
  const Workspace work;
  const std::string picture = work.picture("a.png"), weights = work.language_model(LanguageTask::caption);
  const auto arguments = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"caption", picture, "--weights", weights, "--text", kSaid, "-o",
                               work.str("out"), "--skip-existing"});
    return more;
  };
  const std::vector<std::string> first =
      arguments({"--word", "star,ring", "--format", "overlay,npy,panel,json"});
  const Json json = work.run_json(first);
  const Json& image = json["images"][0];
  CHECK(image["kept"].empty());
  const auto names = work.names_in("out");
  const Json again = work.run_json(first);
  CHECK(again["images"].empty());
  CHECK(again["skipped"] == Json({picture}));

  const std::string overlay = image["maps"][1]["files"]["overlay"].get<std::string>();
  const std::string content = read_text(overlay);
  fs::remove(overlay);
  const Json third = work.run_json(first);
  CHECK(work.names_in("out") == names);
  CHECK(read_text(overlay) == content);
  const Json& kept = third["images"][0];
  CHECK(kept["kept"] == Json({"panel", "json"}));
  CHECK(kept["maps"][0]["kept"] == Json({"overlay", "npy", "guided_overlay", "guided_npy"}));
  CHECK(kept["maps"][1]["kept"] == Json({"npy", "guided_overlay", "guided_npy"}));

  check_refused(work, arguments({"--word", "star", "--format", "panel"}), 2,
                "is not of this run: its maps are");
  std::vector<std::string> other = arguments({"--word", "star", "--format", "overlay"});
  LanguageModel model = load_language_model(weights);
  model.metadata["note"] = "another file";
  write_language_model(work / "other.safetensors", model);
  other[3] = work.str("other.safetensors");
  check_refused(work, other, 2, "is not of this run: model/weights_sha256");
}

TEST_CASE("ask: at layers of the CNN the head's gradient has gone on") {
  const Workspace work;
  const std::string picture = work.picture("a.png", 240, 240),
                    weights = work.language_model(LanguageTask::vqa);
  const Json json =
      work.run_json({"ask", picture, kQuestion, "--weights", weights, "--answer", "red,blue", "--layer",
                     "all,relu", "--path", "3", "--format", "npy,overlay,panel", "-o", work.str("out")});
  CHECK(json["guided"] == false);
  const std::vector<std::string> layers{"layer1.0.relu_1", "layer1.1.relu_1", "layer2.0.relu_1",
                                        "layer2.1.relu_1", "layer2.2.relu_1", "relu"};
  CHECK(json["layers"] == Json(layers));
  const Json& maps = json["images"][0]["maps"];
  REQUIRE(maps.size() == 12);
  CHECK(work.names_in("out").size() == 25);

  Library library(weights, picture);
  std::vector<std::int32_t> tokens = library.model.vocabulary.encode(kQuestion);
  tokens.resize(8, 0);
  const HeadExplanation head = library.head(tokens);
  const Fitted fitted = preprocess(read_image(picture), library.model.preprocessing);
  const Network& cnn = library.model.cnn;
  std::vector<NodeId> nodes;
  for (const std::string& layer : layers) nodes.push_back(cnn.find(layer));
  Run run(cnn, library.context, fitted.x.clone(), {.keep = nodes, .gradients_at = nodes});
  const Image panel = read_image(json["images"][0]["files"]["panel"].get<std::string>());
  for (std::size_t answer = 0; answer < 2; ++answer) {
    const HeadTarget target{.said = {{0, library.model.vocabulary.answer(answer == 0 ? "red" : "blue")}}};
    const Gradients gradients =
        run.backward(Seed{cnn.output(), head.gradients({&target, 1}, 3)}, {.wrt = nodes});
    Spot left;
    for (std::size_t i = 0; i < layers.size(); ++i) {
      const Json& map = maps[answer * layers.size() + i];
      CHECK(map["layer"] == layers[i]);
      CHECK(map["index"] == target.said.front().id);
      const Tensor expected =
          std::move(gradient_maps(run.value(nodes[i]), gradients.nodes.at(nodes[i]), /*elementwise=*/false)
                        .front()
                        .map);
      CHECK(npy_of(map).shape.front() == (i < 2 ? 24 : i < 5 ? 12 : 48));
      CHECK(npy_of(map).values == floats_of(expected));
      if (i == 4) CHECK(npy_of(map).values == floats_of(head.maps({&target, 1}, {.steps = 3}).front().map));
      const Spot spot = spot_of(panel, overlay_image(map));
      CHECK(spot.x > left.x + (i == 0 ? 0 : 240));
      if (i > 0) CHECK(spot.y == left.y);
      left = spot;
    }
  }
}

TEST_CASE("ask: a panel has a row per answer and attention beside the first, whatever of both is asked for") {
  const Workspace work;
  const std::string picture = work.picture("a.png", 240, 240),
                    weights = work.language_model(LanguageTask::coattention);
  const auto run = [&](std::vector<std::string> more) {
    more.insert(more.begin(),
                {"ask", picture, kQuestion, "--weights", weights, "-o", work.str("out"), "--force"});
    return work.run_json(more)["images"][0];
  };
  const Json image = run({"--answer", "red,blue", "--format", "panel,overlay"});
  const Json& maps = image["maps"];
  REQUIRE(maps.size() == 5);
  const Image panel = read_image(image["files"]["panel"].get<std::string>());
  const Spot first = spot_of(panel, overlay_image(maps[0])), second = spot_of(panel, overlay_image(maps[1]));
  CHECK(spot_of(panel, read_image(picture)).y == first.y);
  CHECK(second.x == first.x);
  CHECK(second.y > first.y + 240);
  for (std::size_t i = 0; i < 2; ++i)
    CHECK(spot_of(panel, read_image(maps[i]["files"]["guided_overlay"].get<std::string>())).x >
          first.x + 2 * 240);
  Spot left = first;
  for (std::size_t level = 2; level < 5; ++level) {
    const Spot spot = spot_of(panel, overlay_image(maps[level]));
    CHECK(spot.y == first.y);
    CHECK(spot.x > left.x + 240);
    left = spot;
  }
  // The panel is named by the question alone.
  check_refused(work,
                {"ask", picture, kQuestion, "--weights", weights, "-o", work.str("out"), "--skip-existing",
                 "--answer", "red,yes", "--format", "panel"},
                2, "is not of this run: its maps are");
  const Json attention = run({"--attention", "--format", "panel", "--layer", "all"});
  CHECK(attention["maps"].size() == 3);
  CHECK(read_image(attention["files"]["panel"].get<std::string>()).height < 2 * 240);
}
