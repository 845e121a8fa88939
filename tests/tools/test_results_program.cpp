// Results never hurt: not the inputs, not what stands behind links, not a run that is cut short.
#include <doctest/doctest.h>
#include <stdlib.h>

#include <algorithm>
#include <functional>
#include <sstream>

#include "engine/image/write.hpp"
#include "support/sanitized.hpp"
#include "tools/program.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

std::vector<std::string> explain(const std::string& network, std::vector<std::string> more) {
  std::vector<std::string> arguments{"explain", "--weights", network, "--class", "1"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

std::vector<Json> lines_of(const std::string& text) {
  std::vector<Json> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(Json::parse(line));
  return lines;
}

std::string overlay_name(const std::string& stem) { return stem + "_automobile_grad-cam_overlay.png"; }

}  // namespace

TEST_CASE("results: an input is never written to whatever its name and not even by force") {
  const Workspace work;
  const std::string net = work.network(), picture = work.picture("in/a.png");
  const std::string before = read_text(picture), result = overlay_name("a");
  struct Case {
    const char* how;
    std::function<void(const fs::path&)> make;
  };
  const std::vector<Case> cases = {
      {"a hard link", [&](const fs::path& path) { fs::create_hard_link(picture, path); }},
      {"a symbolic link", [&](const fs::path& path) { fs::create_symlink(picture, path); }},
      {"a link to the weights", [&](const fs::path& path) { fs::create_symlink(net, path); }},
  };
  const std::string weights_before = read_text(net);
  for (const Case& c : cases) {
    CAPTURE(c.how);
    fs::remove_all(work / "out");
    fs::create_directory(work / "out");
    c.make(work / "out" / result);
    for (const std::string& out : {work.str("out"), work.str("in/../out")}) {
      const ProcessResult refused = work.run(explain(net, {picture, "--force", "--out", out}));
      CHECK(refused.exit_code == 2);
      CHECK(contains(refused.err, "never written to"));
    }
    CHECK(read_text(picture) == before);
    CHECK(read_text(net) == weights_before);
  }

  // A picture that has the name of its own result, and results known only after the forward pass.
  const std::string own = work.picture("same/" + overlay_name("b"));
  work.picture("same/b.png");
  const std::string own_before = read_text(own);
  CHECK(work.run(explain(net, {work.str("same"), "--force", "--out", work.str("same")})).exit_code == 2);
  CHECK(read_text(own) == own_before);
  const std::string best =
      work.run_json({"classify", picture, "--weights", net})["images"][0]["predictions"][0]["name"];
  fs::create_hard_link(picture, work / "out" / ("a_" + best + "_cam_overlay.png"));
  const ProcessResult late = work.run(
      {"explain", picture, "--weights", net, "--method", "cam", "--force", "--out", work.str("out")});
  CHECK(late.exit_code == 2);
  CHECK(read_text(picture) == before);
  CHECK(work.run({"explain", picture, "--weights", net, "--method", "cam", "--skip-existing", "--out",
                  work.str("out")})
            .exit_code == 2);
}

TEST_CASE("results: labels and a redirected stdin and stdout are inputs too") {
  const Workspace work;
  const std::string net = work.network(), picture = work.picture("a.png");
  const std::string labels = work.file("labels.txt", "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n");
  fs::create_directory(work / "out");
  fs::create_hard_link(labels, work / "out/a_b_grad-cam_overlay.png");
  CHECK(
      work.run(explain(net, {picture, "--labels", labels, "--force", "--out", work.str("out")})).exit_code ==
      2);
  CHECK(contains(read_text(labels), "a\nb\n"));

  const std::string before = read_text(picture);
  const auto shell = [&](const std::string& redirections, const std::string& more) {
    return run_process(
        {"/bin/bash", "-c",
         "'" BACKLIGHT_PROGRAM "' classify --weights '" + net + "' " + more + " " + redirections});
  };
  CHECK(shell("- < '" + picture + "' >> '" + picture + "'", "--json").exit_code == 2);
  CHECK(shell("'" + picture + "' >> '" + picture + "'", "").exit_code == 2);
  CHECK(read_text(picture) == before);
}

TEST_CASE("results: convert and train write onto no file that they read") {
  const Workspace work;
  const std::string net = work.network(), before = read_text(net);
  fs::create_hard_link(net, work / "other.safetensors");
  fs::create_symlink("net.safetensors", work / "link.safetensors");
  for (const std::string& out :
       {net, work.str("other.safetensors"), work.str("link.safetensors"), work.str("./net.safetensors")}) {
    const ProcessResult refused = work.run({"convert", net, "-o", out, "--force"});
    CHECK(refused.exit_code == 2);
    CHECK(contains(refused.err, "never written to"));
  }
  CHECK(read_text(net) == before);

  const std::vector<std::string> train = {"train", "--steps",       "1",           "--batch",
                                          "2",     "--evaluate",    "0",           "--force",
                                          "--out", work.str("new"), "--checkpoint"};
  for (const std::string& checkpoint : {work.str("new"), work.str("./new")}) {
    std::vector<std::string> arguments = train;
    arguments.push_back(checkpoint);
    CHECK(work.run(arguments).exit_code == 2);
  }
}

TEST_CASE("results: a link's target is written and the link stays") {
  const Workspace work;
  const std::string net = work.network(), picture = work.picture("a.png");
  const std::string kept = work.file("store/kept.png", "old");
  fs::create_directory(work / "out");
  fs::create_symlink("../store/kept.png", work / "out" / overlay_name("a"));
  CHECK(work.run(explain(net, {picture, "--out", work.str("out")})).exit_code == 2);
  CHECK(read_text(kept) == "old");
  CHECK(work.run(explain(net, {picture, "--out", work.str("out"), "--force"})).exit_code == 0);
  CHECK(fs::is_symlink(work / "out" / overlay_name("a")));
  CHECK(read_image(kept).width == 40);

  fs::create_symlink("store/weights", work / "made.safetensors");
  CHECK(work.run({"convert", net, "-o", work.str("made.safetensors")}).exit_code == 0);
  CHECK(fs::file_size(work / "store/weights") > 900'000);
  CHECK(work.names_in("store").size() == 2);
}

TEST_CASE("results: devices are written and standard output is one of them") {
  const Workspace work;
  const std::string net = work.network();
  CHECK(work.run({"convert", net, "-o", "/dev/null"}).exit_code == 0);
  CHECK(fs::is_character_file("/dev/null"));
  CHECK(work.run({"convert", net, "-o", work.str("file")}).exit_code == 0);
  work.file("redirected", "");
  for (const std::string out : {"-", "/dev/stdout"}) {
    const ProcessResult piped = work.run({"convert", net, "-o", out});
    CHECK(piped.exit_code == 0);
    CHECK(piped.out == read_text(work / "file"));
    CHECK(work.run({"convert", net, "-o", out}, {.stdout_path = work.str("redirected")}).exit_code == 0);
    CHECK(read_text(work / "redirected") == piped.out);
  }
  CHECK(work.run({"convert", net, "-o", "-"}, {.stdout_path = "/dev/full"}).exit_code == 5);
  const ProcessResult trained =
      work.run({"train", "--steps", "1", "--batch", "2", "--evaluate", "2", "-o", "-"});
  CHECK(trained.exit_code == 0);
  CHECK(contains(trained.err, "accuracy"));
  work.file("trained", trained.out);
  CHECK(work.run_json({"inspect", work.str("trained")})["architectures"] == Json({"backlight_scenes"}));
  for (const std::string command : {"scenes", "explain"}) {
    std::vector<std::string> arguments{command, "--out", "-"};
    if (command == "explain") arguments.push_back(work.picture("a.png"));
    const ProcessResult folder = work.run(arguments);
    CHECK(folder.exit_code == 2);
    CHECK(contains(folder.err, "names a folder"));
  }
}

TEST_CASE("results: pictures that backlight wrote are left out of a folder and counted") {
  const Workspace work;
  const std::string net = work.network();
  work.picture("in/a.png");
  CHECK(work.run(explain(net, {work.str("in"), "--format", "overlay,heatmap,panel", "--out", work.str("in")}))
            .exit_code == 0);
  const ProcessResult again = work.run(explain(net, {work.str("in"), "--json", "--out", work.str("out")}));
  const Json json = Json::parse(again.out);
  REQUIRE(json["images"].size() == 1);
  CHECK(json["images"][0]["file"] == work.str("in/a.png"));
  CHECK(json["files_left_out"] == Json{{"written_by_backlight", 3}, {"not_pictures", 0}});
  CHECK(contains(again.err, "left out: 3 pictures that backlight wrote"));
  // By name it is taken all the same.
  CHECK(work.run({"classify", work.str("in/" + overlay_name("a")), "--weights", net}).exit_code == 0);
  fs::remove(work / "in/a.png");
  const ProcessResult none = work.run({"classify", work.str("in"), "--weights", net});
  CHECK(none.exit_code == 3);
  CHECK(contains(none.err, "3 pictures that backlight wrote"));
}

TEST_CASE("results: folders of folders give the same tree and circles of links end") {
  const Workspace work;
  const std::string net = work.network();
  for (const char* name : {"in/a.png", "in/x/a.png", "in/x/y/b.png", "in/.hidden/c.png", "elsewhere/d.png"})
    work.picture(name);
  fs::create_directory_symlink("..", work / "in/x/up");
  fs::create_directory_symlink("x", work / "in/also-x");
  fs::create_directory_symlink("../elsewhere", work / "in/linked");
  const Json flat = work.run_json({"classify", work.str("in"), "--weights", net});
  CHECK(flat["images"].size() == 1);

  const Json json = work.run_json(explain(net, {work.str("in"), "--recursive", "--out", work.str("out")}));
  std::vector<std::string> files, results;
  for (const Json& image : json["images"]) {
    files.push_back(image["file"]);
    results.push_back(image["results"][0]["files"]["overlay"]);
  }
  CHECK(files == std::vector<std::string>{work.str("in/a.png"), work.str("in/linked/d.png"),
                                          work.str("in/x/a.png"), work.str("in/x/y/b.png")});
  CHECK(results == std::vector<std::string>{
                       work.str("out/" + overlay_name("a")), work.str("out/linked/" + overlay_name("d")),
                       work.str("out/x/" + overlay_name("a")), work.str("out/x/y/" + overlay_name("b"))});
  for (const std::string& file : results) CHECK(read_image(file).width == 40);

  const ProcessResult empty = work.run({"classify", work.str("in/x/y/.."), "--weights", net});
  CHECK(empty.exit_code == 0);
  fs::create_directories(work / "deep/er");
  work.picture("deep/er/a.png");
  const ProcessResult hint = work.run({"classify", work.str("deep"), "--weights", net});
  CHECK(hint.exit_code == 3);
  CHECK(contains(hint.err, "--recursive"));
}

TEST_CASE("results: their names hold the layer and preset and fit that were asked for") {
  const Workspace work;
  const std::string net = work.network(), picture = work.picture("a.png");
  const auto names = [&](std::vector<std::string> more) {
    fs::remove_all(work / "out");
    more.insert(more.begin(), picture);
    more.insert(more.end(), {"--format", "overlay,json,panel", "--out", work.str("out")});
    REQUIRE(work.run(explain(net, more)).exit_code == 0);
    return work.names_in("out");
  };
  CHECK(names({}) == std::vector<std::string>{overlay_name("a"), "a_panel.png", "a_results.json"});
  CHECK(names({"--preset", "captum", "--fit", "stretch"}) ==
        std::vector<std::string>{"a_automobile_grad-cam_captum_stretch_overlay.png",
                                 "a_captum_stretch_panel.png", "a_captum_stretch_results.json"});
  CHECK(names({"--layer", "layer1.2.relu_1,layer2.2.relu_1", "--fit", "none"}) ==
        std::vector<std::string>{"a_automobile_grad-cam_layer1.2.relu-1_none_overlay.png",
                                 "a_automobile_grad-cam_layer2.2.relu-1_none_overlay.png",
                                 "a_layer1.2.relu-1+layer2.2.relu-1_none_results.json",
                                 "a_layer1.2.relu-1_none_panel.png"});
  // CAM looks at a layer of its own, which is nobody's choice.
  CHECK(names({"--layer", "layer1.2.relu_1", "--method", "grad-cam,cam"}).back() ==
        "a_layer1.2.relu-1_results.json");
  std::string many;
  for (int stage = 1; stage <= 3; ++stage)
    for (int block = 0; block < 3; ++block)
      for (const char* node : {"conv1", "bn1", "relu", "conv2", "bn2", "add", "relu_1"})
        many += text(many.empty() ? "" : ",", "layer", stage, ".", block, ".", node);
  CHECK(names({"--layer", many}).size() == 65);
  // A method that looks at no layer of choice has none in its names.
  CHECK(names({"--layer", "layer1", "--method", "cam"}).front() == "a_automobile_cam_overlay.png");
}

TEST_CASE("results: what is there is skipped and counted and what is missing is made") {
  const Workspace work;
  const std::string net = work.network();
  for (const char* name : {"in/a.png", "in/b.png", "in/c.png"}) work.picture(name);
  for (const std::vector<std::string>& classes :
       {std::vector<std::string>{"--class", "1"}, {"--top-k", "2"}}) {
    fs::remove_all(work / "out");
    std::vector<std::string> arguments{"explain",  work.str("in"), "--weights", net,
                                       "--format", "overlay,json", "--out",     work.str("out")};
    arguments.insert(arguments.end(), classes.begin(), classes.end());
    REQUIRE(work.run(arguments).exit_code == 0);
    std::vector<std::string> all = work.names_in("out");
    // One picture without its document, and one of which a result is empty.
    fs::remove(work / "out/b_results.json");
    const auto of_c =
        std::ranges::find_if(all, [](const std::string& name) { return name.starts_with("c_"); });
    work.file("out/" + *of_c, "");
    const auto of_b = std::ranges::find_if(
        all, [](const std::string& name) { return name.starts_with("b_") && name.ends_with(".png"); });
    const auto written = [&](const std::string& name) { return fs::last_write_time(work / "out" / name); };
    const auto whole = written(all.front()), part = written(*of_b);
    arguments.insert(arguments.end(), {"--skip-existing"});
    const Json json = work.run_json(arguments);
    CHECK(json["skipped"] == Json({work.str("in/a.png")}));
    CHECK(json["images"].size() == 2);
    CHECK(work.names_in("out") == all);
    CHECK(fs::file_size(work / "out" / *of_c) > 100);
    CHECK(written(all.front()) == whole);
    CHECK(written(*of_b) == part);
    CHECK(json["images"][0]["results"][0]["kept"] == Json({"overlay"}));
    CHECK(json["images"][0]["kept"] == Json::array());
    std::size_t kept = 0;
    for (const Json& result : json["images"][1]["results"]) kept += result["kept"].size();
    CHECK(kept == json["images"][1]["results"].size() - 1);
    CHECK(json["images"][1]["kept"] == Json({"json"}));
    const ProcessResult done = work.run(arguments);
    CHECK(done.exit_code == 0);
    CHECK(contains(done.err, "3 skipped"));
  }
  CHECK(work.run(explain(net, {work.str("in"), "--force", "--skip-existing"})).exit_code == 2);
}

TEST_CASE("results: what another network or other options made is not gone on with") {
  const Workspace work;
  const std::string net = work.network(), other = work.network_against_class_3(),
                    picture = work.picture("a.png");
  for (const std::string formats : {"overlay", "overlay,jpg", "heatmap", "panel", "json"}) {
    CAPTURE(formats);
    fs::remove_all(work / "out");
    const auto again = [&](const std::string& network, std::vector<std::string> more) {
      more.insert(more.end(), {picture, "--format", formats, "--skip-existing", "--out", work.str("out")});
      return work.run(explain(network, more));
    };
    REQUIRE(again(net, {}).exit_code == 0);
    CHECK(contains(again(net, {}).err, "1 skipped"));
    for (const ProcessResult& refused :
         {again(other, {}), again(net, {"--mean", "0.5,0.5,0.5"}), again(net, {"--scores", "sigmoid"})}) {
      CHECK(refused.exit_code == 2);
      CHECK(contains(refused.err, "is not of this run"));
    }
    if (formats == "panel" || formats == "json")
      for (const std::vector<std::string>& question :
           {std::vector<std::string>{"--class", "2"}, {"--counterfactual"}}) {
        const ProcessResult refused = again(net, question);
        CHECK(refused.exit_code == 2);
        CHECK(contains(refused.err, "its [class, counterfactual] are [[1,false]], expected [[1,"));
      }
    // The same, said by the user.
    CHECK(contains(again(net, {"--interpolation", "bilinear"}).err, "1 skipped"));
  }
  // A file that says nothing of a run counts by its name.
  work.file("out/" + overlay_name("a"), "mine");
  CHECK(contains(work.run(explain(net, {picture, "--skip-existing", "--out", work.str("out")})).err,
                 "1 skipped"));
}

TEST_CASE("results: json lines have a head and a line per picture and an end") {
  const Workspace work;
  const std::string net = work.network();
  work.picture("in/a.png");
  work.file("in/b.png", "no picture");
  work.picture("in/c.png");
  const ProcessResult result = work.run({"classify", work.str("in"), "--weights", net, "--json-lines"});
  CHECK(result.exit_code == 6);
  const std::vector<Json> lines = lines_of(result.out);
  REQUIRE(lines.size() == 5);
  const Json document = work.run_json({"classify", work.str("in"), "--weights", net}, 6);
  CHECK(lines[0]["record"] == "head");
  CHECK(lines[0]["pictures"] == 3);
  for (const char* member : {"schema", "schema_version", "model", "preprocessing", "files_left_out"})
    CHECK(lines[0][member] == document[member]);
  for (std::size_t i : {0u, 1u}) {
    Json image = lines[i == 0 ? 1 : 3];
    CHECK(image["record"] == "image");
    image.erase("record");
    CHECK(image == document["images"][i]);
  }
  CHECK(lines[2]["record"] == "error");
  CHECK(lines[2]["file"] == document["errors"][0]["file"]);
  CHECK(lines[4] == Json{{"record", "end"},
                         {"done", 2},
                         {"skipped", 0},
                         {"failed", 1},
                         {"interrupted", false},
                         {"exit_code", 6}});

  const std::vector<Json> alone =
      lines_of(work.run({"classify", work.str("in/b.png"), "--weights", net, "--json-lines"}).out);
  REQUIRE(alone.size() == 3);
  CHECK(alone[1]["record"] == "error");
  CHECK(alone[2]["exit_code"] == 3);
  write_jpeg(work.str("large.jpg"), Image(6000, 5000));
  write_png(work.str("large.png"), Image(6000, 5000));
  for (const char* name : {"large.jpg", "large.png"}) {
    if (test::sanitized()) break;
    const ProcessResult scarce =
        work.run({"classify", work.str(name), "--weights", net, "--threads", "1", "--json-lines"},
                 {.address_space = std::size_t{100} << 20});
    CHECK(scarce.exit_code == 5);
    const std::vector<Json> lacking = lines_of(scarce.out);
    REQUIRE(lacking.size() == 3);
    CHECK(lacking[1]["kind"] == "resources");
    CHECK(lacking[2]["exit_code"] == 5);
  }
  CHECK(work.run({"classify", work.str("in"), "--weights", net, "--json-lines", "--json"}).exit_code == 2);
}

TEST_CASE("results: a batch that a signal ends has whole files and what was done and goes on later") {
  const Workspace work;
  const std::string net = work.network();
  work.picture("a.png");
  work.picture("b.png");
  work.picture("c.png");
  // The second picture comes from a pipe that the script fills after the signal.
  const std::string script = R"(
    cd "$1"; rm -f lines; mkfifo pipe
    "$2" explain a.png - c.png --weights net.safetensors --class 1 --out out --json-lines <pipe >lines 2>said &
    exec 3>pipe
    for ((i = 0; i < 600; ++i)); do grep -qs '"record":"image"' lines && break; sleep 0.1; done
    for signal in $3; do kill "-$signal" $!; sleep 0.2; done
    [ "$3" != TERM ] || cat b.png >&3
    exec 3>&-; wait $!; code=$?; rm pipe; exit $code)";
  const auto run = [&](const std::string& signal) {
    fs::remove_all(work / "out");
    const ProcessResult result =
        run_process({"/bin/bash", "-c", script, "script", work.str("."), BACKLIGHT_PROGRAM, signal});
    for (const auto& entry : fs::directory_iterator(work / "out"))
      CHECK(read_image(entry.path().string()).width == 40);
    return result.exit_code;
  };
  CHECK(run("TERM") == 128 + 15);
  const std::vector<Json> ended = lines_of(read_text(work / "lines"));
  REQUIRE(ended.size() == 4);
  CHECK(ended[2]["file"] == "-");
  CHECK(ended[3]["interrupted"] == true);
  CHECK(ended[3]["done"] == 2);
  CHECK(contains(read_text(work / "said"), "interrupted"));
  CHECK(work.names_in("out") == std::vector<std::string>{overlay_name("a"), overlay_name("stdin")});

  // A second signal ends it at once, of whichever kind.
  for (const std::string signals : {"TERM HUP", "HUP TERM", "TERM TERM"}) {
    const int code = run(signals);
    CHECK(code == 128 + (signals.ends_with("HUP") ? 1 : 15));
    CHECK(lines_of(read_text(work / "lines")).size() == 2);
  }

  CHECK(run("KILL") == 128 + 9);
  CHECK(lines_of(read_text(work / "lines")).size() == 2);
  CHECK(work.names_in("out") == std::vector<std::string>{overlay_name("a")});
  const Json rest = work.run_json(
      explain(net, {work.str("a.png"), work.str("c.png"), "--skip-existing", "--out", work.str("out")}));
  CHECK(rest["skipped"] == Json({work.str("a.png")}));
  CHECK(rest["images"].size() == 1);
}

TEST_CASE("results: a signal that was ignored before stays ignored") {
  const Workspace work;
  work.network();
  work.picture("a.png");
  const std::string script = R"(
    cd "$1"; mkfifo pipe
    (trap '' HUP; exec "$2" classify - a.png --weights net.safetensors --json-lines <pipe >lines) &
    exec 3>pipe
    for ((i = 0; i < 600; ++i)); do grep -qs '"record":"head"' lines && break; sleep 0.1; done
    kill -HUP $!; kill -TERM $!; kill -HUP $!
    cat a.png >&3; exec 3>&-; wait $!)";
  CHECK(run_process({"/bin/bash", "-c", script, "script", work.str("."), BACKLIGHT_PROGRAM}).exit_code ==
        128 + 15);
  const std::vector<Json> lines = lines_of(read_text(work / "lines"));
  REQUIRE(lines.size() == 3);
  CHECK(lines[1]["record"] == "image");
  CHECK(lines[2]["interrupted"] == true);
}
