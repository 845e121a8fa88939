#include <doctest/doctest.h>

#include "engine/core/version.hpp"
#include "engine/explain/methods.hpp"
#include "engine/runtime/cuda/devices.hpp"
#include "support/sanitized.hpp"
#include "support/skip.hpp"
#include "tools/program.hpp"

using namespace backlight;
using namespace backlight::test;

TEST_CASE("usage: every command explains itself with examples") {
  const Workspace work;
  for (const std::string command : {"explain", "classify", "caption", "ask", "methods", "layers", "inspect",
                                    "convert", "train", "scenes", "devices"}) {
    CAPTURE(command);
    const ProcessResult help = work.run({command, "--help"});
    CHECK(help.exit_code == 0);
    CHECK(help.err.empty());
    CHECK(contains(help.out, "backlight " + command));
    CHECK(contains(help.out, "Examples:"));
    for (std::size_t begin = 0, end; (end = help.out.find('\n', begin)) != std::string::npos; begin = end + 1)
      CHECK(end - begin <= 110);
  }
  const ProcessResult help = work.run({"--help"});
  CHECK(help.exit_code == 0);
  CHECK(contains(help.out, "Exit codes"));
  CHECK(contains(help.out, "128 + N"));
}

TEST_CASE("usage: the version is the build's") {
  const ProcessResult result = Workspace().run({"--version"});
  CHECK(result.exit_code == 0);
  CHECK(result.out == "backlight " + std::string(version()) + "\n");
}

TEST_CASE("usage: what is mistyped is told with what it resembles") {
  struct Case {
    std::vector<std::string> arguments;
    std::string suggestion;
  };
  const Workspace work;
  const std::string net = work.network(), picture = work.picture("a.png");
  const std::vector<Case> cases = {
      {{"explian", picture}, "explain"},
      {{"explain", picture, "--clas", "1"}, "--class"},
      {{"explain", picture, "--treads=2"}, "--threads"},
      {{"explain", picture, "--method", "grad-can"}, "grad-cam"},
      {{"explain", picture, "--method", "grad-cam,guided-backprp"}, "guided-backprop"},
      {{"explain", picture, "--preset", "captun"}, "captum"},
      {{"explain", picture, "--format", "overlaj"}, "overlay"},
      {{"explain", picture, "--fit", "strech"}, "stretch"},
      {{"explain", picture, "--weights", net, "--preprocessing", "imagenett"}, "imagenet"},
      {{"explain", picture, "--weights", net, "--class", "airplain"}, "airplane"},
      {{"explain", picture, "--weights", net, "--layer", "layr3"}, "layer3"},
      {{"explain", picture, "--weights", net, "--model", "resnet20_cifer"}, "resnet20_cifar"},
      {{"layers", "--model", "resnet5O"}, "resnet50"},
      {{"convert", net, "-o", work.str("o.safetensors"), "--dtype", "fp16"}, "f16"},
  };
  for (const Case& c : cases) {
    const ProcessResult result = work.run(c.arguments);
    CAPTURE(c.arguments);
    CAPTURE(result.err);
    CHECK(result.exit_code == 2);
    CHECK(result.out.empty());
    CHECK(contains(result.err, "did you mean"));
    CHECK(contains(result.err, "\"" + c.suggestion + "\""));
  }
  CHECK_FALSE(fs::exists("backlight-out"));
}

TEST_CASE("usage: a file whose name begins with a dash is reached behind two dashes") {
  const Workspace work;
  const std::string net = work.network();
  work.picture("-a.png");
  const ProcessOptions inside{.folder = work.str("")};
  const ProcessResult taken = work.run({"classify", "-a.png", "--weights", net}, inside);
  CHECK(taken.exit_code == 2);
  CHECK(contains(taken.err, "`backlight classify ... -- -a.png`"));
  CHECK(contains(work.run({"-a.png"}, inside).err, "`backlight ... -- -a.png`"));
  CHECK(work.run({"classify", "--weights", net, "--", "-a.png"}, inside).exit_code == 0);
}

TEST_CASE("usage: an argument that is empty is told with the option that it is of") {
  const Workspace work;
  const std::string picture = work.picture("a.png");
  for (const auto& [arguments, whose] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"explain", picture, "--out", ""}, "--out is empty"},
           {{"explain", picture, "--out="}, "--out is empty"},
           {{"classify", ""}, "an argument is empty"},
           {{"convert", picture, "-o", ""}, "-o is empty"}}) {
    const ProcessResult result = work.run(arguments);
    CHECK(result.exit_code == 2);
    CHECK(contains(result.err, "backlight: error: " + whose + "; expected a value"));
  }
}

TEST_CASE("usage: numbers out of range and missing arguments are refused") {
  const Workspace work;
  const std::string net = work.network(), picture = work.picture("a.png");
  const std::vector<std::vector<std::string>> cases = {
      {},
      {"explain"},
      {"inspect"},
      {"convert", net},
      {"classify", picture, "--weights", net, "--top-k", "0"},
      {"classify", picture, "--weights", net, "--top-k", "-3"},
      {"classify", picture, "--weights", net, "--top-k", "many"},
      {"classify", picture, "--weights", net, "--top-k", "99999999999999999999"},
      {"explain", picture, "--weights", net, "--top-k", "0"},
      {"explain", picture, "--weights", net, "--threads", "-1"},
      {"explain", picture, "--weights", net, "--threads", "0"},
      {"explain", picture, "--weights", net, "--class", "99999"},
      {"explain", picture, "--weights", net, "--class", "-1"},
      {"explain", picture, "--weights", net, "--class", ""},
      {"explain", picture, "--weights", net, "--layer", ""},
      {"explain", picture, "--weights", net, "--device", "tpu"},
      {"layers", "--model", "resnet18", "--input-size", "0"},
      {"layers", "--model", "resnet18", "--input-size", "100000"},
      {"inspect", net, "--limit", "-1"},
      {"explain", picture, "--weights", net, "-q", "-v"},
      {"classify", "-", "-", "--weights", net},
  };
  for (const auto& arguments : cases) {
    const ProcessResult result = work.run(arguments);
    CAPTURE(arguments);
    CAPTURE(result.err);
    CHECK(result.exit_code == 2);
    CHECK(result.out.empty());
    CHECK(contains(result.err, "error:"));
  }
}

TEST_CASE("usage: a device that is not there is refused rather than replaced") {
  const cuda::Devices there = cuda::devices();
  const bool absent = there.build == cuda::Build::absent;
  const Workspace work;
  const std::string device = text("cuda:", there.found.size());
  const ProcessResult result =
      work.run({"classify", work.picture("a.png"), "--weights", work.network(), "--device", device});
  CHECK(result.exit_code == (absent ? 4 : 5));
  CHECK(result.out.empty());
  CHECK(contains(result.err, absent                ? "this build of backlight has no CUDA"
                             : there.found.empty() ? "no CUDA device can be used"
                                                   : "device " + device + " was asked for"));
}

TEST_CASE("usage: auto computes on the CPU where there is no GPU and says so once to who asks") {
  const cuda::Devices there = cuda::devices();
  if (there.build == cuda::Build::real && !there.found.empty()) return skip("there is a GPU");
  const Workspace work;
  const std::vector<std::string> arguments{"classify", work.picture("a.png"), work.picture("b.png"),
                                           "--weights", work.network()};
  const auto err_with = [&](const std::vector<std::string>& more) {
    std::vector<std::string> all = arguments;
    all.insert(all.end(), more.begin(), more.end());
    const ProcessResult result = work.run(all);
    CHECK(result.exit_code == 0);
    return result.err;
  };
  const std::string why =
      there.build != cuda::Build::real
          ? ""
          : text("no CUDA device can be used (", there.obstacle, "): computing on the CPU\n");
  const std::string done = "2 of 2 pictures done, 0 failed\n";
  CHECK(err_with({}) == done);
  CHECK(err_with({"--device", "auto"}) == why + done);
  const std::string talkative = err_with({"-v"});
  const std::size_t at = talkative.find(why);
  CHECK(at != std::string::npos);
  if (!why.empty()) CHECK(talkative.find(why, at + 1) == std::string::npos);
}

TEST_CASE("usage: no library of CUDA's is loaded at the start") {
  // The loader names what it would load, as ldd does, and ends.
  const ProcessResult result =
      Workspace().run({"--version"}, {.environment = {{"LD_TRACE_LOADED_OBJECTS", "1"}}});
  CHECK(contains(result.out, "libc.so"));
  for (const char* library : {"libcudnn", "libcublas", "libcuda"}) CHECK(!contains(result.out, library));
}

TEST_CASE("usage: threads that the system does not start are named with what to do" *
          doctest::skip(test::sanitized())) {
  const Workspace work;
  const ProcessResult result =
      work.run({"classify", work.picture("a.png"), "--weights", work.network(), "--threads", "1024"},
               {.address_space = std::size_t{1} << 30});
  CHECK(result.exit_code == 5);
  CHECK(result.out.empty());
  CHECK(contains(result.err, "error: "));
  CHECK(contains(result.err, " of 1024 could not be started"));
  CHECK(result.err.find('\n') == result.err.size() - 1);
}

TEST_CASE("usage: only a GPU rounds its factors") {
  const Workspace work;
  const ProcessResult result = work.run({"classify", work.picture("a.png"), "--weights", work.network(),
                                         "--device", "cpu", "--precision", "tf32"});
  CHECK(result.exit_code == 4);
  CHECK(contains(result.err, "the CPU computes in float32 only"));
}

TEST_CASE("usage: the instructions that compute are chosen by name and told") {
  const Workspace work;
  const std::string net = work.network(), picture = work.picture("a.png");
  const auto classify = [&](const std::string& isa) {
    return std::vector<std::string>{"classify", picture, "--weights", net, "--device", "cpu", "--isa", isa};
  };
  for (const cpu::Isa isa : cpu::kIsas) {
    const std::string name(cpu::name_of(isa));
    if (cpu::available(isa)) {
      CHECK(work.run_json(classify(name))["isa"] == name);
    } else {
      const ProcessResult refused = work.run(classify(name));
      CHECK(refused.exit_code == 4);
      CHECK(contains(refused.err, "kernels for " + name));
    }
  }
  CHECK(work.run_json(classify("auto"))["isa"] == cpu::name_of(cpu::best_isa()));
  const ProcessResult unknown = work.run(classify("sse9"));
  CHECK(unknown.exit_code == 2);
  CHECK(contains(unknown.err, "unknown instruction set 'sse9'"));
  CHECK(work.run_json({"devices"})["devices"][0]["isa"][0] == cpu::name_of(cpu::best_isa()));
}

TEST_CASE("devices: lists the processor and what CUDA found or why it found nothing") {
  const cuda::Devices there = cuda::devices();
  const Workspace work;
  const Json json = work.run_json({"devices"});
  CHECK(json["schema"] == "backlight.devices");
  REQUIRE(json["devices"].size() == 1 + there.found.size());
  CHECK(json["devices"][0]["device"] == "cpu");
  CHECK(json["devices"][0]["threads"] >= 1);
  CHECK(json["obstacle"].is_null() == !there.found.empty());
  const ProcessResult table = work.run({"devices"});
  CHECK(table.exit_code == 0);
  CHECK(contains(table.out, "cpu"));
  CHECK(contains(table.out, there.found.empty() ? "no CUDA device: " + there.obstacle : "cuda:0"));
}

TEST_CASE("methods: lists what the library has and explain takes each by its name") {
  const Workspace work;
  const Json json = work.run_json({"methods"});
  CHECK(json["schema"] == "backlight.methods");
  const ProcessResult table = work.run({"methods"});
  CHECK(table.exit_code == 0);
  const std::string help = work.run({"explain", "--help"}).out;
  REQUIRE(json["methods"].size() == methods().size());
  std::vector<std::string> explain{
      "explain", work.picture("a.png"), "--weights", work.network(), "--class", "1",
      "--out",   work.str("out"),     "--masks",   "20"};
  for (std::size_t i = 0; i < methods().size(); ++i) {
    const Method& method = methods()[i];
    const Json& entry = json["methods"][i];
    CHECK(entry["name"] == method.name);
    CHECK(entry["summary"] == method.summary);
    CHECK(entry["paper"] == method.paper);
    CHECK(entry["needs"] == Json{{"layer", method.needs.layer},
                                 {"cam_head", method.needs.cam_head},
                                 {"input_gradient", method.needs.input_gradient}});
    CHECK(entry["forwards"] == method.forwards);
    CHECK(entry["backwards"] == method.backwards);
    CHECK(entry["tails"] == (method.tails.empty() ? Json() : Json(method.tails)));
    CHECK(entry["passes"] == (method.passes.empty() ? Json() : Json(method.passes)));
    CHECK(contains(table.out, "1 tail per channel"));
    CHECK(contains(table.out, "1 forward, 1 forward per window"));
    CHECK(entry["counterfactual"] == method.counterfactual);
    CHECK(entry["class_dependent"] == method.class_dependent);
    CHECK(entry["eigen_smooth"] == method.smoothable);
    REQUIRE(entry["presets"].size() == method.presets.size());
    for (std::size_t k = 0; k < method.presets.size(); ++k)
      CHECK(entry["presets"][k] == name_of(method.presets[k]));
    CHECK(contains(table.out, method.name));
    CHECK(contains(table.out, method.paper));
    CHECK(contains(help, method.summary));
    if (method.name == "grad-cam++")
      CHECK(contains(table.out, "paper, paper-code, pytorch-grad-cam, torch-cam"));
    explain.insert(explain.end(), {"--method", std::string(method.name)});
  }
  const Json results = work.run_json(explain)["images"][0]["results"];
  REQUIRE(results.size() == methods().size());
  for (std::size_t i = 0; i < methods().size(); ++i) {
    CHECK(results[i]["method"] == methods()[i].name);
    const Method& method = methods()[i];
    CHECK(results[i]["map"].is_null() !=
          (method.needs.layer || method.needs.cam_head || !method.gives_gradient({})));
    CHECK(results[i]["gradient"].is_null() != method.gives_gradient({}));
    CHECK(results[i]["completeness"].is_null() !=
          (method.name == "integrated-gradients" || method.name == "gradient-shap" || method.is_defined_for));
  }
}

TEST_CASE("usage: without weights one line says how to get them") {
  const Workspace work;
  for (const std::string command : {"explain", "classify"}) {
    const ProcessResult result = work.run({command, work.picture("a.png")});
    CHECK(result.exit_code == 5);
    CHECK(result.out.empty());
    CHECK(contains(result.err, "tools/fetch_weights efficientnet_lite0"));
    CHECK(result.err.find('\n') == result.err.size() - 1);
  }
  CHECK(contains(work.run({"classify", work.picture("a.png"), "--model", "resnet50"}).err,
                 "tools/fetch_weights resnet50"));
}

TEST_CASE("usage: without a cache or a home one line says that there is nowhere to look") {
  const Workspace work;
  const ProcessResult result =
      work.run({"classify", work.picture("a.png")}, {.environment = {{"HOME", ""}, {"XDG_CACHE_HOME", ""}}});
  CHECK(result.exit_code == 5);
  CHECK(contains(result.err, "neither XDG_CACHE_HOME nor HOME is set"));
  CHECK(contains(result.err, "--weights"));
}

TEST_CASE("usage: a full disk behind stdout is an error and a reader that left is one too") {
  const Workspace work;
  const ProcessResult full = work.run({"layers", "--model", "resnet18"}, {.stdout_path = "/dev/full"});
  CHECK(full.exit_code == 5);
  CHECK(contains(full.err, "standard output"));
  CHECK(work.run({"--version"}, {.stdout_path = "/dev/full"}).exit_code == 5);

  ProcessOptions closed;
  closed.closed_stdout = true;
  const ProcessResult result =
      work.run({"explain", work.picture("in/a.png"), work.picture("in/b.png"), "--weights", work.network(),
                "--class", "1", "--out", work.str("out")},
               closed);
  CHECK(result.exit_code == 5);
  CHECK(work.names_in("out").size() == 2);
}

TEST_CASE("usage: messages have no colour when they go to a file") {
  const Workspace work;
  const ProcessResult result =
      work.run({"classify", work.str("missing.png"), "--weights", work.network(), "--device", "cpu"},
               {.environment = {{"TERM", "xterm"}}});
  CHECK(result.exit_code == 3);
  CHECK(result.err.starts_with("backlight: error: "));
  CHECK_FALSE(contains(result.err, "\33"));
}

TEST_CASE("usage: a name neither drives the terminal nor forges a line") {
  const Workspace work;
  const std::string evil = "a\33[2J\nbacklight: error: forged", net = work.network();
  work.file(evil, "no picture");
  work.picture("in/a.png");
  work.file("in/" + evil + ".png", "no picture");
  const std::vector<std::vector<std::string>> cases = {
      {"classify", work.str(evil), "--weights", net},
      {"classify", work.str("in"), "--weights", net},
      {"classify", work.str("missing" + evil), "--weights", net},
      {"inspect", work.str(evil)},
      {"layers", "--weights", work.str(evil)},
      {"convert", work.str(evil), "-o", work.str("o")},
      {"explain", "a.png", "--" + evil},
      {"explain", "a.png", "--preset", evil},
      {"explain", "a.png", "--class", evil, "--weights", net},
  };
  for (const auto& arguments : cases) {
    const ProcessResult result = work.run(arguments);
    CAPTURE(arguments);
    CAPTURE(result.err);
    CHECK(result.exit_code != 0);
    CHECK(contains(result.err, "forged"));
    CHECK_FALSE(contains(result.err, "\33"));
    CHECK_FALSE(contains(result.err, "\nbacklight: error: forged"));
  }
}

TEST_CASE("usage: an error says which picture it is about and says it once") {
  const Workspace work;
  const std::string net = work.network_of_overflow();
  work.picture("s");
  work.picture("t");
  const ProcessOptions inside{.folder = work.str("")};
  CHECK(work.run({"classify", "s", "--weights", net}, inside)
            .err.starts_with("backlight: error: s: the score"));
  const std::string both = work.run({"classify", "s", "t", "--weights", net}, inside).err;
  CHECK(contains(both, "error: s: the score"));
  CHECK(contains(both, "error: t: the score"));
  work.file("u", "no picture");
  CHECK(contains(work.run({"classify", "u", "--weights", net}, inside).err, "error: u: is not a picture"));
  const ProcessResult piped = work.run({"classify", "-", "t", "--weights", net}, inside);
  CHECK(contains(piped.err, "error: standard input: the file is empty"));
}
