// backlight evaluate from end to end, on scenes whose boxes are known.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <iterator>
#include <map>
#include <numeric>
#include <sstream>

#include "engine/image/write.hpp"
#include "support/skip.hpp"
#include "tools/program.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

std::vector<std::string> evaluate(const Workspace& work, std::vector<std::string> more) {
  std::vector<std::string> arguments{"evaluate", work.str("scenes"), "--model", "backlight_scenes"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

void draw_scenes(const Workspace& work, const char* count) {
  REQUIRE(work.run({"scenes", "--count", count, "--objects", "2", "--seed", "7", "--out", work.str("scenes")})
              .exit_code == 0);
}

double value_of(const Json& results, const std::string& method, const std::string& name) {
  for (const Json& result : results)
    for (const Json& statistic : result["statistics"])
      if (result["method"] == method && statistic["name"] == name) {
        CHECK(statistic["low"].get<double>() <= statistic["value"].get<double>());
        CHECK(statistic["high"].get<double>() >= statistic["value"].get<double>());
        return statistic["value"];
      }
  FAIL("no " << name << " of " << method);
  return 0;
}

}  // namespace

TEST_CASE("evaluate: methods and baselines on scenes, every number pinned") {
  const Workspace work;
  draw_scenes(work, "8");
  const std::string measures = "localization,max-box,pointing,rejection,energy,pxap";
  const Json json = work.run_json(evaluate(work, {"--method", "grad-cam,saliency", "--measure", measures,
                                                  "--class", "top5", "--out", work.str("out"), "--json"}));
  CHECK(json["schema"] == "backlight.evaluation");
  CHECK(json["data"]["format"] == "scenes");
  CHECK(json["data"]["without_objects"] == 0);
  CHECK(json["evaluated"] == 8);
  CHECK(json["tolerance"] == 0);
  CHECK(json["preprocessing"]["fit"] == "stretch");
  CHECK(json["methods"] == Json({"grad-cam", "saliency", "random", "centre", "sobel", "uniform"}));
  CHECK(json == Json::parse(read_text(work / "out/evaluation.json")));
  const auto pinned = [&](const char* method, const char* name, double expected) {
    CAPTURE(method);
    CAPTURE(name);
    CHECK(std::abs(value_of(json["results"], method, name) - expected) < 5e-4);
  };
  pinned("grad-cam", "gt_known", 5.0 / 16);
  pinned("grad-cam", "pointing_pairs", 1);
  pinned("grad-cam", "energy", 0.642104);
  pinned("grad-cam", "max_box_acc", 15.0 / 16);
  pinned("grad-cam", "max_box_acc_v2", 13.0 / 16);
  pinned("grad-cam", "pxap", 0.885047);
  pinned("grad-cam", "top5_error", 3.0 / 8);
  pinned("grad-cam", "rejection_best", 1);
  pinned("saliency", "gt_known", 11.0 / 16);
  pinned("saliency", "average_precision", 0.480185);
  pinned("random", "energy", 0.097428);
  pinned("centre", "pointing", 0.203704);
  pinned("sobel", "segment_iou", 0.227099);
  pinned("uniform", "energy", value_of(json["results"], "uniform", "area"));
  // A chosen number of pictures, another order of methods: their rows are the same lines.
  const std::string rows = read_text(work / "out/energy.csv");
  const Json some = work.run_json(evaluate(work, {"--method", "saliency,grad-cam", "--measure", "energy",
                                                  "--limit", "3", "--out", work.str("some"), "--json"}));
  CHECK(some["evaluated"] == 3);
  CHECK(some["data"]["pictures"] == 8);
  const std::string chosen = read_text(work / "some/energy.csv");
  std::size_t lines = 0;
  for (std::size_t at = 0, end; (end = chosen.find('\n', at)) != std::string::npos; at = end + 1, ++lines)
    CHECK(contains(rows, chosen.substr(at, end + 1 - at)));
  CHECK(lines == 1 + 3 * 2 * 6);
}

TEST_CASE(
    "evaluate: difficult objects count beside others, masks by their pixels, and what is to be ignored not "
    "at all") {
  const Workspace work;
  draw_scenes(work, "2");
  std::vector<std::int64_t> classes;  // of the objects that were annotated
  const auto annotate = [&](const std::string& scene, const std::vector<std::size_t>& which,
                            const char* difficult) {
    const Json json = Json::parse(read_text(work / ("scenes/" + scene + ".json")));
    std::string xml = "<annotation><filename>" + scene + ".png</filename>";
    for (const std::size_t i : which) {
      const Json &of = json["objects"][i]["class"], &box = json["objects"][i]["box"];
      classes.push_back(of["index"]);
      const auto edge = [&](const char* tag, const char* name, double more) {
        const std::string number = std::to_string(box[name].get<double>() + more);
        return "<" + std::string(tag) + ">" + number + "</" + tag + ">";
      };
      xml += "<object><name>" + of["name"].get<std::string>() + "</name><difficult>" + *difficult++ +
             "</difficult><bndbox>" + edge("xmin", "x0", 1) + edge("ymin", "y0", 1) + edge("xmax", "x1", 0) +
             edge("ymax", "y1", 0) + "</bndbox></object>";
    }
    work.file("voc/Annotations/" + scene + ".xml", xml + "</annotation>");
  };
  annotate("scene_000000", {0, 1, 1}, "101");
  annotate("scene_000001", {0, 1}, "11");
  const ProcessResult result =
      work.run({"evaluate", work.str("voc"), "--pictures", work.str("scenes"), "--model", "backlight_scenes",
                "--measure", "pointing", "--out", work.str("out")});
  CHECK(result.exit_code == 0);
  const std::string rows = read_text(work / "out/pointing.csv");
  CHECK_FALSE(contains(rows, "scene_000001"));
  CHECK(contains(read_text(work / "out/pictures.csv"), "scene_000001"));
  CHECK(contains(rows, "scene_000000.png,grad-cam," + std::to_string(classes[1]) + ","));
  CHECK_FALSE(contains(rows, "scene_000000.png,grad-cam," + std::to_string(classes[0]) + ","));
  // COCO lists pictures of nothing, too.
  work.file("coco.json", R"({"categories": [{"id": 1, "name": "0"}],
      "images": [{"id": 1, "file_name": "scene_000000.png", "width": 96, "height": 96},
                 {"id": 2, "file_name": "scene_000001.png", "width": 96, "height": 96}],
      "annotations": [{"image_id": 1, "category_id": 1, "bbox": [1, 2, 30, 40]}]})");
  const ProcessResult coco =
      work.run({"evaluate", work.str("coco.json"), "--pictures", work.str("scenes"), "--model",
                "backlight_scenes", "--measure", "pointing", "--out", work.str("coco")});
  CHECK(coco.exit_code == 0);
  CHECK(contains(coco.err, "1 picture without an object left out"));
  CHECK(Json::parse(read_text(work / "coco/evaluation.json"))["data"]["without_objects"] == 1);
  // wsolevaluation's masks: an object's and what is to be ignored, of which only pixels beside the object are.
  fs::copy(work / "scenes", work / "masks");
  const auto mask = [&](const char* name, int from, int to) {
    Image image(48, 48, 0);
    for (int y = from; y < to; ++y) std::fill_n(image.at(from, y), 3 * (to - from), std::uint8_t{255});
    write_png(work.str(std::string("masks/") + name), image);
  };
  mask("object.png", 10, 30);
  mask("all.png", 0, 48);
  work.file("masks/class_labels.txt", "scene_000000.png,0\nscene_000001.png,0\n");
  work.file("masks/localization.txt", "scene_000000.png,object.png,all.png\nscene_000001.png,object.png,\n");
  for (const auto& [protocol, side] : {std::pair{"backlight", 96}, std::pair{"clovaai", 224}}) {
    const ProcessResult masks =
        work.run({"evaluate", work.str("masks"), "--model", "backlight_scenes", "--measure", "pxap",
                  "--protocol", protocol, "--out", work.str(protocol)});
    CHECK(masks.exit_code == 0);
    std::istringstream lines(read_text(work / (std::string(protocol) + "/pxap.csv")));
    std::string line;
    std::getline(lines, line);
    for (int i = 0; std::getline(lines, line); ++i) {
      std::istringstream stream(line);
      std::vector<double> counts;
      for (std::string field; std::getline(stream, field, ',');)
        counts.push_back(counts.size() < 3 ? 0 : std::stod(field));
      REQUIRE(counts.size() == 3 + 2 * 101);
      const double inside = std::accumulate(counts.begin() + 3, counts.begin() + 104, 0.0),
                   outside = std::accumulate(counts.begin() + 104, counts.end(), 0.0);
      CHECK(inside == doctest::Approx(side * side * 400.0 / 48 / 48).epsilon(0.02));
      CHECK(outside == (line.starts_with("scene_000000") ? 0 : side * side - inside));
    }
  }
}

TEST_CASE(
    "evaluate: what is wrong with a picture is said in a line, the rest is measured, and a run is resumed") {
  const Workspace work;
  draw_scenes(work, "5");
  const auto spoil = [&](const char* name, const std::string& objects) {
    work.file(name, R"({"schema": "backlight.scene", "size": 96, "objects": [)" + objects + "]}");
  };
  spoil("scenes/a.json", "");
  work.picture("scenes/scene_b.png", 40, 32);
  spoil("scenes/scene_b.json",
        R"({"class": {"index": 0, "name": "circle"}, "box": {"x0": 1, "y0": 1, "x1": 20, "y1": 20}})");
  fs::copy(work / "scenes/scene_000000.png", work / "scenes/scene_c.png");
  spoil("scenes/scene_c.json",
        R"({"class": {"index": 0, "name": "aardvark"}, "box": {"x0": 1, "y0": 1, "x1": 20, "y1": 20}})");
  work.file("scenes/scene_d.json", "{");
  const std::vector<std::string> options{"--measure", "pointing,energy", "--out", work.str("out")};
  const ProcessResult result = work.run(evaluate(work, options));
  CHECK(result.exit_code == 6);
  CHECK(contains(result.err, "a: has no object"));
  CHECK(contains(result.err, "scene_b: the picture is 40×32, its annotation is of one of 96×96"));
  CHECK(contains(result.err, "scene_c: no class is named 'aardvark'"));
  CHECK(contains(result.err, "scene_d.json: is not as expected"));
  CHECK(contains(result.err, "5 of 9 pictures evaluated, 4 failed"));
  CHECK(contains(result.out, "* differs from grad-cam"));
  const Json json = Json::parse(read_text(work / "out/evaluation.json"));
  CHECK(json["errors"].size() == 4);
  CHECK(json["failed"] == 4);

  const auto files = [&] {
    std::string all;
    for (const std::string& name : work.names_in("out"))
      all += name + "\n" + read_text(work / ("out/" + name));
    return all;
  };
  const std::string whole = files();
  const ProcessResult again = work.run(evaluate(work, options));
  CHECK(again.exit_code == 2);
  CHECK(contains(again.err, "--resume goes on with it"));
  // Cut off behind the second picture, in the middle of the third one's rows.
  const std::string pictures = read_text(work / "out/pictures.csv"),
                    rows = read_text(work / "out/pointing.csv");
  fs::resize_file(work / "out/pictures.csv", pictures.find("scene_000002"));
  fs::resize_file(work / "out/pointing.csv", rows.find("scene_000002") + 30);
  fs::remove(work / "out/evaluation.json");
  std::vector<std::string> resumed = options;
  resumed.push_back("--resume");
  const ProcessResult more = work.run(evaluate(work, resumed));
  CHECK(more.exit_code == 6);
  CHECK(contains(more.err, "2 pictures were done before"));
  CHECK(files() == whole);
  resumed.insert(resumed.end(), {"--threshold", "0.5"});
  const ProcessResult other = work.run(evaluate(work, resumed));
  CHECK(other.exit_code == 2);
  CHECK(contains(other.err, "the run there has another 'threshold'"));

  const auto refused = [&](const char* option, const char* value, const char* words) {
    const ProcessResult wrong = work.run(evaluate(work, {option, value, "--out", work.str("none")}));
    CHECK(wrong.exit_code == 2);
    CHECK(contains(wrong.err, words));
    CHECK_FALSE(fs::exists(work / "none"));
  };
  refused("--measure", "pointng", "did you mean \"pointing\"");
  refused("--threshold", "0", "expected above 0");
}

TEST_CASE("evaluate: measures that ask the network again, to the same bytes with other threads") {
  const Workspace work;
  draw_scenes(work, "2");
  const std::vector<std::string> measures{"drop",        "insertion",  "deletion",
                                          "road",        "occlusion",  "infidelity",
                                          "sensitivity", "sparseness", "randomization"};
  std::string list;
  for (const std::string& name : measures) list += (list.empty() ? "" : ",") + name;
  const auto run = [&](const char* threads, const std::string& which) {
    return work.run_json(
        evaluate(work, {"--method", "grad-cam,guided-backprop", "--measure", which, "--points", "5",
                        "--similarity", "hog", "--threads", threads, "--out", work.str(threads), "--json"}));
  };
  const Json one = run("1", list);
  run("2", "drop,deletion,infidelity,sensitivity");
  CHECK(one["points"] == 5);
  for (const char* name : {"drop", "deletion", "infidelity", "sensitivity"})
    CHECK(read_text(work / (std::string("1/") + name + ".csv")) ==
          read_text(work / (std::string("2/") + name + ".csv")));
  const Json& results = one["results"];
  // A win is a smaller drop than the first method's of the same picture.
  std::map<std::string, double> first;  // by picture and class
  std::istringstream rows(read_text(work / "1/drop.csv"));
  std::string line;
  std::getline(rows, line);
  REQUIRE(line.starts_with("file,method,class,drop,increase,win,"));
  int wins = 0, losses = 0;
  while (std::getline(rows, line)) {
    std::vector<std::string> fields;
    std::istringstream stream(line);
    for (std::string field; std::getline(stream, field, ',');) fields.push_back(field);
    const std::string key = fields[0] + "," + fields[2];
    const double drop = std::stod(fields[3]);
    if (fields[1] == "grad-cam") {
      first[key] = drop;
      CHECK(fields[5].empty());
      continue;
    }
    CHECK(fields[5] == (drop < first.at(key) ? "1" : "0"));
    ++(fields[5] == "1" ? wins : losses);
  }
  CHECK(wins > 0);
  CHECK(losses > 0);
  // What a map of a trained network is for.
  CHECK(value_of(results, "grad-cam", "road_combined") > value_of(results, "random", "road_combined"));
  CHECK(value_of(results, "grad-cam", "insertion") > value_of(results, "uniform", "insertion"));
  CHECK(value_of(results, "grad-cam", "deletion") < value_of(results, "uniform", "deletion"));
  CHECK(value_of(results, "guided-backprop", "similarity") > value_of(results, "grad-cam", "similarity"));
  CHECK(value_of(results, "uniform", "constant") == 1);
  CHECK(value_of(results, "grad-cam", "sparseness") > value_of(results, "random", "sparseness"));
  for (const Json& result : results)
    if (result["measure"] == "insertion") {
      REQUIRE(result["curves"]["insertion"].size() == 5);
      CHECK(result["curves"]["insertion"][4][0] == 1);
    }
  const std::string svg = read_text(work / "1/insertion.svg");
  CHECK(svg.starts_with("<svg "));
  CHECK(svg.ends_with("</svg>\n"));
  CHECK(contains(svg, ">guided-backprop</text>"));
  CHECK(contains(read_text(work / "1/randomization.csv"),
                 "file,method,class,similarity.fc,similarity.layer2.2.conv2,"));
  CHECK(contains(read_text(work / "1/randomization.csv"), ",hog.conv1\n"));
  CHECK(fs::exists(work / "1/road-morf.svg"));

  const ProcessResult wrong = work.run(evaluate(work, {"--fill", "grey", "--out", work.str("none")}));
  CHECK(wrong.exit_code == 2);
  CHECK(contains(wrong.err, "unknown fill 'grey'"));
}

TEST_CASE("evaluate: maps are compared with those of a network that learnt permuted labels by heart") {
  const Workspace work;
  draw_scenes(work, "3");
  const auto train = [&](const char* task) {
    return work.run({"train", "--out", work.str("permuted.safetensors"), "--permute-labels", "--task", task,
                     "--scenes", "10", "--batch", "10", "--steps", "40", "--evaluate", "40"});
  };
  CHECK(train("classes").exit_code == 0);
  const ProcessResult wrong_task = train("tags");
  CHECK(wrong_task.exit_code == 2);
  CHECK(contains(wrong_task.err, "--permute-labels is of --task classes"));
  const Json inspected = work.run_json({"inspect", work.str("permuted.safetensors")});
  CHECK(inspected["metadata"]["data.labels"] == "permuted");
  CHECK(std::stod(inspected["metadata"]["evaluation.training_accuracy"].get<std::string>()) > 0.95);
  CHECK(std::stod(inspected["metadata"]["evaluation.accuracy"].get<std::string>()) < 0.4);

  const auto compare = [&](const std::string& with, const std::string& out) {
    return work.run_json(evaluate(work, {"--method", "grad-cam,gradient", "--measure", "randomization",
                                         "--compare", with, "--similarity", "ssim", "--out", work.str(out)}));
  };
  const Json same = compare(BACKLIGHT_SOURCE_DIR "/weights/backlight_scenes.safetensors", "same"),
             other = compare(work.str("permuted.safetensors"), "other");
  for (const char* method : {"grad-cam", "gradient"})
    for (const char* name : {"similarity", "signed_similarity", "ssim"}) {
      CAPTURE(method);
      CAPTURE(name);
      CHECK(value_of(same["results"], method, name) == doctest::Approx(1));
      CHECK(value_of(other["results"], method, name) < 0.9);
    }
  CHECK(same["compare"] == same["model"]["weights_sha256"]);
  CHECK(contains(read_text(work / "other/randomization.csv"), "class,similarity,signed_similarity,ssim\n"));
  const ProcessResult alone =
      work.run(evaluate(work, {"--compare", work.str("permuted.safetensors"), "--out", work.str("none")}));
  CHECK(alone.exit_code == 2);
  CHECK(contains(alone.err, "--compare is of --measure randomization"));
  const ProcessResult another =
      work.run({"evaluate", work.str("scenes"), "--weights", work.network(), "--measure", "randomization",
                "--compare", work.network_of(7), "--out", work.str("none")});
  CHECK(another.exit_code == 2);
  CHECK(contains(another.err, "are not named and shaped as those of"));
}

TEST_CASE("evaluate: RISE's masks are the run's seed's") {
  const Workspace work;
  draw_scenes(work, "1");
  const auto rows = [&](const char* seed, const char* out) {
    const Json json = work.run_json(evaluate(work, {"--method", "rise", "--masks", "20", "--measure",
                                                    "energy", "--seed", seed, "--out", work.str(out)}));
    CHECK(json["masks"]["seed"].dump() == seed);
    return value_of(json["results"], "rise", "energy");
  };
  CHECK(rows("3", "a") != rows("4", "b"));
}

TEST_CASE("evaluate: ranks share the pictures, to the same bytes as one process, and outlive one that dies") {
  const Workspace work;
  draw_scenes(work, "24");
  fs::remove(work / "scenes/scene_000003.png");
  work.file("scenes/scene_000005.png", "no picture");
  const auto command = [&](const std::string& out) {
    return evaluate(work, {"--method", "grad-cam,saliency", "--measure", "pointing,insertion", "--points",
                           "5", "--threads", "1", "--out", work.str(out)});
  };
  ProcessOptions options;
  options.environment = {{"PMI_RANK", "0"}, {"PMI_SIZE", "2"}};
#ifndef BACKLIGHT_MPIEXEC
  const ProcessResult refused = work.run(command("refused"), options);
  CHECK(refused.exit_code == 4);
  CHECK(contains(refused.err, "started by mpirun, but built without MPI"));
  skip("the program was built without MPI");
#else
  const auto files = [&](const std::string& folder) {
    std::string all;
    for (const std::string& name : work.names_in(folder))
      all += name + "\n" + read_text(work / (folder + "/" + name));
    return all;
  };
  const auto start = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), BACKLIGHT_MPIEXEC);
    options.environment = {{"XDG_CACHE_HOME", work.str("cache")},
                           {"OMPI_ALLOW_RUN_AS_ROOT", "1"},
                           {"OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1"},
                           {"OMPI_MCA_rmaps_base_oversubscribe", "1"}};
    return run_process(arguments, options);
  };
  const ProcessResult alone = work.run(command("alone"));
  CHECK(alone.exit_code == 6);
  const std::string expected = files("alone");
  for (const std::string ranks : {"2", "4"}) {
    CAPTURE(ranks);
    std::vector<std::string> arguments{"-n", ranks, BACKLIGHT_PROGRAM};
    std::ranges::copy(command(ranks), std::back_inserter(arguments));
    const ProcessResult together = start(arguments);
    CAPTURE(together.err);
    CHECK(together.exit_code == 6);
    CHECK(together.out == alone.out);
    CHECK(files(ranks) == expected);
    const std::size_t said = together.err.find("scene_000005: ");
    CHECK(said < together.err.size());
    CHECK(together.err.find("scene_000005: ", said + 1) == std::string::npos);
  }
  // The second rank is killed when four pictures have been written.
  work.file("dies.sh", R"sh(written=$1
    shift
    "$@" &
    while kill -0 $! && [ "$(cat "$written" 2> /dev/null | wc -l)" -lt 5 ]; do sleep 0.01; done
    kill -9 $!
    wait $!)sh");
  std::vector<std::string> arguments{"-n", "1", BACKLIGHT_PROGRAM};
  std::ranges::copy(command("dead"), std::back_inserter(arguments));
  for (const std::string& word :
       {std::string(":"), std::string("-n"), std::string("1"), std::string("sh"), work.str("dies.sh"),
        work.str("dead/pictures.csv"), std::string(BACKLIGHT_PROGRAM)})
    arguments.push_back(word);
  std::ranges::copy(command("dead"), std::back_inserter(arguments));
  CHECK(start(arguments).exit_code != 0);
  CHECK_FALSE(fs::exists(work / "dead/evaluation.json"));
  const std::string kept = read_text(work / "dead/pictures.csv");
  CHECK(expected.find(kept) != std::string::npos);
  const auto lines = std::ranges::count(kept, '\n');
  CHECK(lines >= 5);
  CHECK(lines < 23);
  arguments = command("dead");
  arguments.push_back("--resume");
  const ProcessResult resumed = work.run(arguments);
  CHECK(resumed.exit_code == 6);
  CHECK(contains(resumed.err, std::to_string(lines - 1) + " pictures were done before"));
  CHECK(files("dead") == expected);
#endif
}
