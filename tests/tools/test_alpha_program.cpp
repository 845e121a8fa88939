// A network of four input channels, from pictures with alpha and without to what is written.
#include <doctest/doctest.h>

#include "engine/run/run.hpp"
#include "kernels/preprocess/preprocess.hpp"
#include "tools/program.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

const std::string kPictures = BACKLIGHT_SOURCE_DIR "/tests/golden/images/";

/// The scores that the network of Workspace::network_of_rgba() gives the picture.
std::vector<float> logits_of(const Image& image) {
  Context context;
  const Network network = test_network(10, 4);
  const Run pass(network, context, preprocess(image, with_channels(Preprocessing::cifar(), 4)).x);
  return {pass.output().values().begin(), pass.output().values().end()};
}

void check_logits(const Json& image, const std::vector<float>& expected) {
  REQUIRE(image["predictions"].size() == expected.size());
  for (const Json& p : image["predictions"])
    CHECK(p["logit"].get<double>() ==
          doctest::Approx(expected.at(p["index"].get<std::size_t>())).epsilon(1e-5));
}

bool any_contains(const Json& texts, std::string_view part) {
  return std::ranges::any_of(texts, [&](const Json& t) { return contains(t.get<std::string>(), part); });
}

}  // namespace

TEST_CASE("alpha: a picture's own is the fourth channel, and 1 is where it has none") {
  const Workspace work;
  const Json json = work.run_json({"classify", kPictures + "rgba.png", kPictures + "plain.jpg", "--weights",
                                   work.network_of_rgba(), "--top-k", "10"});
  const Image transparent = read_image(kPictures + "rgba.png", ExifOrientation::apply, Alpha::keep);
  REQUIRE_FALSE(transparent.alpha.empty());
  check_logits(json["images"][0], logits_of(transparent));
  check_logits(json["images"][1], logits_of(read_image(kPictures + "plain.jpg")));
  Image opaque = transparent;
  opaque.alpha.clear();
  CHECK(logits_of(transparent) != logits_of(opaque));

  CHECK(json["images"][0]["alpha_dropped"] == false);
  CHECK(json["images"][0]["notes"].empty());
  CHECK(any_contains(json["model"]["assumptions"], "the fourth is given a picture's alpha"));
  CHECK(json["preprocessing"]["channel_order"] == "RGBA");
  CHECK(json["preprocessing"]["mean"] == Json({0.485, 0.456, 0.406, 0.0}));
  CHECK(json["preprocessing"]["std"] == Json({0.229, 0.224, 0.225, 1.0}));
  CHECK(json["preprocessing"]["from"]["mean"] == "network");
}

TEST_CASE("alpha: the gradient of all four channels is written, and that of the colours shown") {
  const Workspace work;
  const ProcessResult result =
      work.run({"explain", kPictures + "rgba.png", "--weights", work.network_of_rgba(), "--class", "3",
                "--method", "grad-cam,guided-backprop,guided-grad-cam", "--format",
                "overlay,heatmap,panel,npy,json", "--out", work.str("out")});
  CHECK(result.exit_code == 0);
  CHECK(contains(result.err, "the fourth is given a picture's alpha"));
  CHECK(contains(result.err, "pictures of the gradient show that of the colours"));
  const NpyArray gradient = read_npy(work / "out/rgba_cat_guided-backprop_gradient.npy");
  CHECK(gradient.shape == std::vector{4, 32, 32});
  CHECK(std::ranges::any_of(gradient.values.begin() + 3 * 1024, gradient.values.end(),
                            [](float v) { return v != 0; }));
  const Image shown = read_image(work.str("out/rgba_cat_guided-backprop_heatmap.png"));
  CHECK(shown.width == 32);
  const Json json = Json::parse(read_text(work / "out/rgba_results.json"));
  CHECK(any_contains(json["images"][0]["notes"], "alpha's is the fourth channel of the npy"));
  CHECK(json["images"][0]["results"][1]["gradient"]["channels"] == 4);
  const Image overlay = read_image(work.str("out/rgba_cat_grad-cam_overlay.png"));
  CHECK(overlay.width == 13);
  CHECK(overlay.height == 9);
}

TEST_CASE("alpha: four means and stds are taken and converted and inspected, and three are the colours'") {
  const Workspace work;
  const std::string net = work.network_of_rgba(), picture = kPictures + "rgba.png";
  const std::vector<std::string> four = {"--mean", "0.5,0.4,0.3,0.2", "--std", "0.5,0.6,0.7,0.8"};
  std::vector<std::string> convert = {"convert", net, "-o", work.str("own.safetensors")};
  convert.insert(convert.end(), four.begin(), four.end());
  REQUIRE(work.run(convert).exit_code == 0);
  const Json inspected = work.run_json({"inspect", work.str("own.safetensors")});
  CHECK(inspected["metadata"]["backlight.mean"] == "[0.5,0.4,0.3,0.2]");
  CHECK(inspected["card"]["preprocessing"]["std"] == Json({0.5, 0.6, 0.7, 0.8}));
  CHECK(inspected["assumptions"].empty());
  CHECK(
      any_contains(work.run_json({"inspect", net})["assumptions"], "the fourth is given a picture's alpha"));

  std::vector<std::string> classify = {"classify", picture, "--weights", net};
  classify.insert(classify.end(), four.begin(), four.end());
  CHECK(work.run_json(classify)["images"][0]["predictions"] ==
        work.run_json(
            {"classify", picture, "--weights", work.str("own.safetensors")})["images"][0]["predictions"]);

  const Json three = work.run_json({"classify", picture, "--weights", net, "--preprocessing", "caffe"});
  CHECK(three["preprocessing"]["channel_order"] == "BGRA");
  CHECK(three["preprocessing"]["std"] == Json({1.0, 1.0, 1.0, 255.0}));
  CHECK(three["preprocessing"]["from"]["std"] == "derived");
  const ProcessResult two = work.run({"classify", picture, "--weights", net, "--mean", "0.5,0.5"});
  CHECK(two.exit_code == 2);
  CHECK(contains(two.err, "expected one for each of the network's 4 channels"));
}
