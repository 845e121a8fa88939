// What `explain` says and writes of maps beyond Grad-CAM's: which are one, and the choices that names hold.
#include <doctest/doctest.h>

#include <cmath>
#include <map>
#include <set>

#include "tools/program.hpp"

using namespace backlight;
using namespace backlight::test;

TEST_CASE("explain: methods that are one map for a network are said so once") {
  const Workspace work;
  const std::vector<std::string> arguments = {
      "explain",
      work.picture("a.png"),
      work.picture("b.png"),
      "--weights",
      work.network(),
      "--class",
      "1",
      "--class",
      "2",
      "--method",
      "grad-cam,xgrad-cam,hirescam,layercam,grad-cam-elementwise,eigen-cam",
      "--out",
      work.str("out")};
  const ProcessResult result = work.run(arguments);
  CHECK(result.exit_code == 0);
  const std::string once = "xgrad-cam, hirescam: identical to grad-cam at layer3";
  const std::size_t at = result.err.find(once);
  CAPTURE(result.err);
  REQUIRE(at != std::string::npos);
  CHECK(result.err.find(once, at + 1) == std::string::npos);
  CHECK(contains(result.err, "grad-cam-elementwise: identical to layercam at layer3"));
  CHECK(contains(result.err, "eigen-cam asks for no class: its map is the same for every one"));
  const std::vector<std::string> two_layers = {"explain", work.picture("a.png"), "--weights", work.network(),
                                               "--layer", "layer2,layer3",       "--method",  "eigen-cam",
                                               "--out",   work.str("two")};
  const std::string err = work.run(two_layers).err;
  CHECK(contains(err, "eigen-cam asks for no class"));
  CHECK(err.find("eigen-cam asks") == err.rfind("eigen-cam asks"));

  std::vector<std::string> again = arguments;
  again.push_back("--force");
  const Json json = work.run_json(again);
  const std::map<std::string, Json> expected{{"grad-cam", Json()},     {"xgrad-cam", "grad-cam"},
                                             {"hirescam", "grad-cam"}, {"layercam", Json()},
                                             {"eigen-cam", Json()},    {"grad-cam-elementwise", "layercam"}};
  REQUIRE(json["images"][0]["results"].size() == 2 * expected.size());
  for (const Json& of : json["images"][0]["results"]) {
    CHECK(of["identical_to"] == expected.at(of["method"]));
    CHECK(of["class_dependent"] == (of["method"] != "eigen-cam"));
    const bool weighted = of["method"] == "grad-cam" || of["method"] == "xgrad-cam";
    CHECK(of["alpha_count"].is_null() != weighted);
  }
  const ProcessResult inside =
      work.run({"explain", work.picture("a.png"), "--weights", work.network(), "--method", "hirescam",
                "--layer", "layer2", "--out", work.str("inside")});
  CHECK(inside.exit_code == 0);
  CHECK_FALSE(contains(inside.err, "identical"));
}

TEST_CASE("explain: eigen smoothing and paper-code are choices that names and documents hold") {
  const Workspace work;
  const std::string picture = work.picture("a.png"), net = work.network(), out = work.str("out");
  const auto run = [&](std::vector<std::string> more) {
    std::vector<std::string> all = {"explain", picture, "--weights", net, "--class", "1", "--out", out};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  const Json plain = work.run_json(run({"--format", "npy"}));
  const Json smooth = work.run_json(run({"--format", "npy", "--eigen-smooth"}));
  CHECK(plain["eigen_smooth"] == false);
  CHECK(smooth["eigen_smooth"] == true);
  const std::string file = smooth["images"][0]["results"][0]["files"]["npy"];
  CHECK(file.ends_with("_grad-cam_eigen_map.npy"));
  CHECK(read_npy(file).values != read_npy(plain["images"][0]["results"][0]["files"]["npy"]).values);

  const ProcessResult meaningless = work.run(run({"--method", "gradient", "--eigen-smooth"}));
  CHECK(meaningless.exit_code == 2);
  CHECK(contains(meaningless.err, "--eigen-smooth has no meaning for gradient; it has for grad-cam, cam, "));

  const Json code = work.run_json(run({"--method", "grad-cam++", "--preset", "paper-code"}));
  CHECK(code["images"][0]["results"][0]["identical_to"] == "layercam");
  const ProcessResult undefined = work.run(run({"--preset", "paper-code"}));
  CHECK(undefined.exit_code == 4);
  CHECK(contains(undefined.err,
                 "preset paper-code defines no grad-cam; use paper, pytorch-grad-cam, captum or torch-cam"));
  const ProcessResult panel =
      work.run(run({"--method", "grad-cam++", "--preset", "paper-code", "--format", "panel"}));
  CHECK(panel.exit_code == 4);
  CHECK(contains(panel.err, "a panel shows Guided Grad-CAM, which preset paper-code does not define"));
}

TEST_CASE("explain: a path average is a choice that names, documents and maps hold") {
  const Workspace work;
  const std::string picture = work.picture("a.png"), net = work.network(), out = work.str("out");
  const auto run = [&](std::vector<std::string> more) {
    std::vector<std::string> all = {"explain", picture, "--weights", net,   "--class",  "1",
                                    "--out",   out,     "--format",  "npy", "--target", "probability"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  const auto map_of = [](const Json& json) {
    return read_npy(json["images"][0]["results"][0]["files"]["npy"]).values;
  };
  const Json plain = work.run_json(run({})), averaged = work.run_json(run({"--path", "16"}));
  CHECK(plain["path_average"] == 1);
  CHECK(averaged["path_average"] == 16);
  const std::string file = averaged["images"][0]["results"][0]["files"]["npy"];
  CHECK(file.ends_with("_grad-cam_probability_path16_map.npy"));
  CHECK(map_of(averaged) != map_of(plain));
  CHECK(work.run(run({"--path", "3", "--format", "panel"})).exit_code == 0);

  const ProcessResult meaningless = work.run(run({"--method", "eigen-cam", "--path", "2"}));
  CHECK(meaningless.exit_code == 2);
  CHECK(contains(meaningless.err, "--path has no meaning for eigen-cam; it has for grad-cam, grad-cam++, "));
  CHECK(work.run(run({"--path", "0"})).exit_code == 2);
}

TEST_CASE("explain: a target is a choice that names, documents and maps hold") {
  const Workspace work;
  const std::string picture = work.picture("a.png"), net = work.network();
  const auto run = [&](std::vector<std::string> more) {
    std::vector<std::string> all = {"explain",  picture,    "--weights", net,
                                    "--class",  "cat",      "--format",  "npy,panel",
                                    "--method", "hirescam", "--out",     work.str("out")};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  const auto result_of = [](const Json& json) { return json["images"][0]["results"][0]; };
  const auto map_of = [&](const Json& json) { return read_npy(result_of(json)["files"]["npy"]).values; };
  const Json plain = work.run_json(run({}));
  CHECK(plain["target"] == Json{{"aim", "score"}, {"others", Json::array()}});
  CHECK(result_of(plain)["target_value"] == result_of(plain)["logit"]);

  const Json probable = work.run_json(run({"--target", "probability"}));
  CHECK(probable["target"]["aim"] == "probability");
  CHECK(std::abs(result_of(probable)["target_value"].get<double>() -
                 result_of(probable)["probability"].get<double>()) <= 1e-6);
  CHECK(result_of(probable)["files"]["npy"].get<std::string>().ends_with("_hirescam_probability_map.npy"));
  CHECK(map_of(probable) != map_of(plain));

  const Json against = work.run_json(run({"--against", "dog", "--against", "frog=0.5"}));
  const Json& others = against["target"]["others"];
  REQUIRE(others.size() == 2);
  CHECK(others[0] == Json{{"index", 5}, {"name", "dog"}, {"weight", -1.0}});
  CHECK(others[1] == Json{{"index", 6}, {"name", "frog"}, {"weight", -0.5}});
  const std::string file = result_of(against)["files"]["npy"];
  CAPTURE(file);
  CHECK(file.ends_with("_hirescam_against-dog-frog-0.5_map.npy"));
  CHECK(map_of(against) != map_of(plain));

  const auto refused = [&](std::vector<std::string> more, const char* why) {
    const ProcessResult result = work.run(run(std::move(more)));
    CAPTURE(result.err);
    CHECK(result.exit_code == 2);
    CHECK(contains(result.err, why));
  };
  refused({"--target", "probabillity"}, "did you mean \"probability\"");
  refused({"--target", "finer", "--against", "dog"}, "finds the classes that it is against by itself");
  for (const char* weight : {"dog=", "dog=0", "dog=nan", "dog=much", "dog=1e999"})
    refused({"--against", weight}, "expected a number other than 0");
  refused({"--against", "frg"}, "frog");
  // What is there of another target is not taken for this one's.
  CHECK(work.run(run({"--skip-existing"})).exit_code == 0);
  fs::rename(result_of(probable)["files"]["npy"].get<std::string>(), work / "moved.npy");
  const fs::path panel = plain["images"][0]["files"]["panel"].get<std::string>();
  fs::copy_file(probable["images"][0]["files"]["panel"].get<std::string>(), panel,
                fs::copy_options::overwrite_existing);
  refused({"--skip-existing"}, "target");
}

TEST_CASE("explain: maps at the input say how they were made and whether they add up") {
  const Workspace work;
  const std::string picture = work.picture("a.png"), net = work.network(), other = work.picture("other.png");
  const auto run = [&](std::vector<std::string> more) {
    std::vector<std::string> all = {"explain", picture,    "--weights",   net,     "--class",
                                    "cat",     "--format", "npy,overlay", "--out", work.str("out")};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  const auto result_of = [](const Json& json) { return json["images"][0]["results"][0]; };
  std::set<std::vector<float>> maps;
  for (const std::string& baseline :
       {std::string("mean"), std::string("black"), std::string("blur"), other}) {
    CAPTURE(baseline);
    const Json json =
        work.run_json(run({"--method", "integrated-gradients", "--steps", "8", "--baseline", baseline}));
    CHECK(json["path"] == Json{{"baseline", baseline}, {"rule", "gauss-legendre"}, {"steps", 8}});
    const Json total = result_of(json)["completeness"];
    const double delta = total["sum"].get<double>() - total["expected"].get<double>();
    CHECK(std::abs(delta - total["delta"].get<double>()) <= 1e-6);
    const std::string stem = baseline == other ? "other" : baseline;
    CHECK(result_of(json)["files"]["npy"].get<std::string>().ends_with("_" + stem + "_steps8_gradient.npy"));
    maps.insert(read_npy(result_of(json)["files"]["npy"].get<std::string>()).values);
  }
  CHECK(maps.size() == 4);
  const ProcessResult text = work.run(run({"--method", "integrated-gradients", "--steps", "4"}));
  CHECK(contains(text.out, ": adds up to "));

  const Json shared = work.run_json(run({"--method", "deep-lift,lrp-gamma-box", "--baseline", "blur"}));
  CHECK(shared["deep_lift"] == Json{{"baseline", "blur"}});
  CHECK(std::abs(result_of(shared)["completeness"]["delta"].get<double>()) <= 1e-3);
  CHECK(result_of(shared)["files"]["npy"].get<std::string>().ends_with("_deep-lift_blur_gradient.npy"));
  const Json drawn = work.run_json(run({"--method", "gradient-shap,fullgrad", "--steps", "4", "--seed", "5",
                                        "--baseline", "black", "--preset", "pytorch-grad-cam"}));
  CHECK(drawn["draws"] == Json{{"baseline", "black"}, {"count", 4}, {"seed", 5}});
  CHECK(drawn["path"].is_null());
  CHECK(drawn["images"][0]["results"][1]["map"]["height"] == 32);

  // From several pictures: of a folder of one the same as of that one.
  const std::string wide = work.picture("one/wide.png", 50, 30);
  const auto shap = [&](const std::string& baseline) {
    const Json json =
        work.run_json(run({"--method", "gradient-shap", "--steps", "6", "--baseline", baseline}));
    CHECK(json["draws"]["baseline"] == baseline);
    return result_of(json)["files"]["npy"].get<std::string>();
  };
  const std::vector<float> alone = read_npy(shap(wide)).values;
  const std::string folder = shap(work.str("one") + "/");
  CHECK(folder.ends_with("_one_steps6_gradient.npy"));
  CHECK(read_npy(folder).values == alone);
  work.picture("several/tall.png", 20, 60);
  work.picture("several/wide.png", 50, 30);
  CHECK(read_npy(shap(work.str("several"))).values != alone);

  const Json saliency = work.run_json(run({"--method", "saliency", "--box"}));
  CHECK(result_of(saliency)["map"]["height"] == 32);
  CHECK(result_of(saliency)["map"]["min"].get<double>() >= 0);
  CHECK_FALSE(result_of(saliency)["box"].is_null());
  CHECK(result_of(saliency)["files"]["npy"].get<std::string>().ends_with("_saliency_map.npy"));
  const Json summed = work.run_json(run({"--method", "input-x-gradient", "--channels", "sum"}));
  CHECK(summed["channels"] == "sum");
  CHECK(result_of(summed)["gradient"].is_null());
  CHECK(result_of(summed)["files"]["npy"].get<std::string>().ends_with("_input-x-gradient_sum_map.npy"));

  const std::vector<std::string> vargrad = {"--method", "gradient", "--smooth", "vargrad", "--samples",
                                            "3",        "--noise",  "0.1",      "--seed",  "7"};
  const Json smooth = work.run_json(run(vargrad));
  CHECK(smooth["smoothing"] == Json{{"kind", "vargrad"}, {"samples", 3}, {"noise", 0.1}, {"seed", 7}});
  CHECK(result_of(smooth)["gradient"]["min"].get<double>() >= 0);
  CHECK(work.run_json(run({"--smooth", "augmentation"}))["smoothing"] == Json{{"kind", "augmentation"}});

  const auto refused = [&](std::vector<std::string> more, int code, const char* why) {
    const ProcessResult result = work.run(run(std::move(more)));
    CAPTURE(result.err);
    CHECK(result.exit_code == code);
    CHECK(contains(result.err, why));
  };
  refused({"--channels", "sum"}, 2, "channels are those of the input, which grad-cam does not go to");
  refused({"--method", "gradient", "--channels", "mean"}, 2, "unknown reduction of channels 'mean'");
  refused({"--samples", "3"}, 2, "are of a smoothing by noise");
  refused({"--smooth", "augmentation", "--noise", "0.1"}, 2, "are of a smoothing by noise");
  refused({"--smooth", "smoothgrad", "--samples", "0"}, 2, "--samples");
  refused({"--smooth", "smoothgrad", "--noise", "nan"}, 2, "a noise of nan");
  refused({"--steps", "5"}, 2, "--steps are of integrated-gradients and of gradient-shap");
  refused({"--method", "integrated-gradients", "--path-rule", "simpson"}, 2, "unknown path rule 'simpson'");
  refused({"--method", "integrated-gradients", "--baseline", work.str("none.png")}, 3, "none.png");
  refused({"--method", "gradient-shap,deep-lift", "--baseline", work.str("several")}, 2,
          "several: 2 pictures, from which gradient-shap draws");
}

TEST_CASE("explain: windows and masks are choices that names, documents and maps hold") {
  const Workspace work;
  const std::string picture = work.picture("a.png"), net = work.network();
  const auto run = [&](std::vector<std::string> more) {
    std::vector<std::string> all = {"explain", picture,    "--weights", net,     "--class",
                                    "cat",     "--format", "npy",       "--out", work.str("out")};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  const auto npy_of = [](const Json& json, std::size_t i) {
    return json["images"][0]["results"][i]["files"]["npy"].get<std::string>();
  };
  const Json plain = work.run_json(run({"--method", "occlusion,rise,score-cam", "--masks", "6"}));
  // The network takes 32×32.
  CHECK(plain["occlusion"] == Json{{"baseline", "mean"}, {"window", 2}, {"stride", 2}});
  CHECK(plain["masks"] == Json{{"count", 6}, {"keep", 0.5}, {"grid", 7}, {"seed", 0}});
  CHECK(plain["path"].is_null());
  for (const Json& result : plain["images"][0]["results"]) {
    CHECK(result["layer"].is_null() == (result["method"] != "score-cam"));
    CHECK(result["map"]["height"] == (result["layer"].is_null() ? 32 : 8));
    CHECK(result["alpha_count"].is_null() == result["layer"].is_null());
  }
  const Json chosen =
      work.run_json(run({"--method", "occlusion,rise", "--window", "10", "--stride", "6", "--baseline",
                         "black", "--masks", "6", "--keep", "0.3", "--grid", "3", "--seed", "9"}));
  CHECK(chosen["occlusion"] == Json{{"baseline", "black"}, {"window", 10}, {"stride", 6}});
  CHECK(chosen["masks"] == Json{{"count", 6}, {"keep", 0.3}, {"grid", 3}, {"seed", 9}});
  for (const std::size_t i : {0U, 1U}) {
    CHECK(contains(npy_of(chosen, i), "_seed9_black_window10_stride6_masks6"));
    CHECK(read_npy(npy_of(chosen, i)).values != read_npy(npy_of(plain, i)).values);
  }
  CHECK(work.run_json(run({}))["occlusion"].is_null());

  const auto refused = [&](std::vector<std::string> more, const char* why) {
    const ProcessResult result = work.run(run(std::move(more)));
    CAPTURE(result.err);
    CHECK(result.exit_code == 2);
    CHECK(contains(result.err, why));
  };
  refused({"--window", "3"}, "--window and --stride are of occlusion, which is not among");
  refused({"--method", "occlusion", "--grid", "3"}, "--masks, --keep and --grid are of rise");
  refused({"--method", "occlusion", "--seed", "3"}, "--seed is of a smoothing by noise, of gradient-shap and of rise");
  refused({"--method", "rise", "--baseline", "black"},
          "--baseline is of integrated-gradients, gradient-shap, deep-lift and occlusion");
  refused({"--method", "occlusion", "--stride", "3"}, "a stride of the window's side at most");
  refused({"--method", "rise", "--keep", "0"}, "a probability above 0");
}

TEST_CASE("explain: several layers become one map where it is asked for") {
  const Workspace work;
  const std::string picture = work.picture("a.png"), net = work.network();
  const auto run = [&](std::vector<std::string> more) {
    std::vector<std::string> all = {"explain", picture,    "--weights", net,     "--class",
                                    "cat",     "--format", "npy,json",  "--out", work.str("out")};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  const Json json =
      work.run_json(run({"--layer", "layer3,layer2", "--fuse", "--method", "layercam,grad-cam,recipro-cam"}));
  const Json& results = json["images"][0]["results"];
  REQUIRE(results.size() == 3);
  for (const Json& result : results) {
    CHECK(result["layer"].get<std::string>().starts_with("layer3"));
    REQUIRE(result["fused_with"].size() == 1);
    CHECK(result["fused_with"][0].get<std::string>().starts_with("layer2"));
    CHECK(result["identical_to"].is_null());
    CHECK(result["map"]["height"] == 32);
    const std::string file = result["files"]["npy"];
    CAPTURE(file);
    CHECK(contains(file, "_layer2"));
    CHECK(contains(file, "+layer3"));
  }
  const auto refused = [&](std::vector<std::string> more, int code, const char* why) {
    const ProcessResult result = work.run(run(std::move(more)));
    CAPTURE(result.err);
    CHECK(result.exit_code == code);
    CHECK(contains(result.err, why));
  };
  refused({"--fuse"}, 2, "--fuse makes one map of several layers");
  refused({"--layer", "layer2,layer3", "--fuse", "--method", "gradient,grad-cam"}, 2,
          "which gradient does not give");
  refused({"--layer", "layer2,layer3", "--fuse", "--preset", "paper"}, 4, "joins no maps of several layers");
}
