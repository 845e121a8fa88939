// What the program reads and writes as pictures.
#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/image/write.hpp"
#include "tools/program.hpp"

using namespace backlight;
using namespace backlight::test;

TEST_CASE("pictures: pictures are written as JPEG where asked and carry the facts as comment") {
  const Workspace work;
  const Json json =
      work.run_json({"explain", work.picture("a.png", 120, 90), "--weights", work.network(), "--class", "1",
                     "--format", "overlay,heatmap,panel,jpg", "--out", work.str("out")});
  const Json& image = json["images"][0];
  for (const Json& path : {image["results"][0]["files"]["overlay"], image["results"][0]["files"]["heatmap"],
                           image["files"]["panel"]}) {
    const std::string file = path;
    CAPTURE(file);
    CHECK(file.ends_with(".jpg"));
    CHECK(read_image(file).provenance.format == "JPEG");
    CHECK(contains(read_text(file), "backlight: {"));
    CHECK(contains(read_text(file), json["model"]["weights_sha256"].get<std::string>()));
  }
  const Json alone = work.run_json({"explain", work.picture("b.png"), "--weights", work.network(), "--class",
                                    "1", "--format", "jpg", "--out", work.str("alone")});
  CHECK(work.names_in("alone") == std::vector<std::string>{"b_automobile_grad-cam_overlay.jpg"});
  CHECK(work.run({"explain", work.picture("c.png"), "--weights", work.network(), "--format", "png,jpg",
                  "--out", work.str("both")})
            .exit_code == 2);
}

TEST_CASE("pictures: damage and what the pixels do not show are told on stderr and in the JSON") {
  const Workspace work;
  std::vector<std::uint8_t> bytes = encode_jpeg(test_picture(64, 200));
  bytes.resize(bytes.size() / 2);
  const std::string picture = work.file("cut.jpg", std::string(bytes.begin(), bytes.end()));
  for (const char* command : {"explain", "classify"}) {
    std::vector<std::string> arguments = {command, picture, "--weights", work.network(), "--json"};
    if (arguments[0] == "explain") arguments.insert(arguments.end(), {"--out", work.str("out")});
    const ProcessResult result = work.run(arguments);
    CHECK(result.exit_code == 0);
    CHECK(contains(result.err, "cut.jpg: the JPEG is damaged from row "));
    const Json image = Json::parse(result.out)["images"][0];
    REQUIRE(image["warnings"].size() == 1);
    CHECK(contains(image["warnings"][0].get<std::string>(), "what is missing from there on is grey"));
    CHECK(image["notes"].empty());
  }
  const std::string deep = text(BACKLIGHT_SOURCE_DIR, "/tests/golden/images/grey12.png");
  const ProcessResult result = work.run({"classify", deep, "--weights", work.network(), "--json"});
  CHECK(contains(result.err, "of 16 bits per sample 12 are used"));
  CHECK(Json::parse(result.out)["images"][0]["notes"].size() == 1);
}

TEST_CASE("pictures: a panel calls a class by its index where its font cannot write the name") {
  const Workspace work;
  std::string labels;
  for (int i = 0; i < 10; ++i) labels += i == 3 ? "猫\n" : "class number " + std::to_string(i) + "\n";
  const ProcessResult result = work.run({"explain", work.picture("a.png"), "--weights", work.network(),
                                         "--labels", work.file("l.txt", labels), "--class", "3", "--format",
                                         "panel", "--json", "--out", work.str("out")});
  CHECK(result.exit_code == 0);
  CHECK(contains(result.err, "the panel names class 3 by its index"));
  const Json image = Json::parse(result.out)["images"][0];
  REQUIRE(image["notes"].size() == 1);
  CHECK(contains(image["notes"][0].get<std::string>(), "class 3"));
}

TEST_CASE("pictures: /dev/stdin is read as a dash is, from a pipe and from a file") {
  const Workspace work;
  const std::string picture = work.picture("a.png"), net = work.network();
  const auto shell = [&](const std::string& script) {
    return run_process({"/bin/bash", "-c", script, BACKLIGHT_PROGRAM}, {.folder = work.str("")});
  };
  const Json expected = work.run_json({"classify", picture, "--weights", net})["images"][0]["predictions"];
  for (const char* name : {"-", "/dev/stdin", "/proc/self/fd/0"}) {
    ProcessOptions redirected;
    redirected.input = read_text(picture);
    CHECK(work.run_json({"classify", name, "--weights", net}, 0, redirected)["images"][0]["predictions"] ==
          expected);
    const ProcessResult piped =
        shell("cat a.png | \"$0\" classify --json --weights net.safetensors " + std::string(name));
    CHECK(Json::parse(piped.out)["images"][0]["predictions"] == expected);
  }
  const Json two = Json::parse(shell("mkfifo pipe; cat a.png > pipe & \"$0\" classify --json --weights "
                                     "net.safetensors pipe <(cat a.png)")
                                   .out);
  REQUIRE(two["images"].size() == 2);
  for (const Json& image : two["images"]) CHECK(image["predictions"] == expected);
}

TEST_CASE("pictures: a folder's pictures are known by their first bytes as by their names") {
  const Workspace work;
  const std::string images = text(BACKLIGHT_SOURCE_DIR, "/tests/golden/images/");
  for (const char* name : {"rgb.bmp", "rgb.jpg", "plain.jpg", "rgba.png", "grey.gif"})
    work.file("in/" + std::string(name) + "-without-extension", read_text(images + name));
  work.file("in/text", "BMI of the patients: 21, 25, 19, 30");
  work.file("in/paper", "%PDF-1.7");
  REQUIRE(mkfifo(work.str("in/pipe.png").c_str(), 0600) == 0);
  fs::create_symlink("nowhere", work / "in/dangling.png");
  const Json json = work.run_json({"classify", work.str("in"), "--weights", work.network()});
  CHECK(json["images"].size() == 5);
  CHECK(json["files_left_out"]["not_pictures"] == 4);
}

TEST_CASE("pictures: a batch goes on past what is no file") {
  const Workspace work;
  const std::string picture = work.picture("a.png");
  REQUIRE(symlink("loop.png", work.str("loop.png").c_str()) == 0);
  const Json json = work.run_json({"classify", work.str("loop.png"), "/dev/zero", std::string(300, 'n'),
                                   picture, "--weights", work.network()},
                                  6);
  CHECK(json["images"].size() == 1);
  REQUIRE(json["errors"].size() == 3);
  for (const Json& error : json["errors"]) CHECK(error["kind"] == "bad_input");
}
