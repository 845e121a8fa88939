// The real program with `--device cuda`, its CUDA emulated, against the same program on the CPU.
#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>

#include "models/weights_location.hpp"
#include "support/compare.hpp"
#include "support/public_files.hpp"
#include "support/skip.hpp"
#include "tools/program.hpp"
#include "weights/checkpoint.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

ProcessResult run_emulated(const Workspace& work, std::vector<std::string> arguments, int devices = 1) {
  arguments.insert(arguments.begin(), BACKLIGHT_EMULATED_PROGRAM);
  return run_process(arguments, {.environment = {{"XDG_CACHE_HOME", work.str("cache")},
                                                 {"BACKLIGHT_EMULATOR_DEVICES", std::to_string(devices)}}});
}

/// max |a − b| / max |b|; infinity for a NaN or unequal shapes.
double relative_error(const NpyArray& a, const NpyArray& b) {
  if (a.shape != b.shape) return std::numeric_limits<double>::infinity();
  double worst = 0, largest = 1e-30;
  for (std::size_t i = 0; i < a.values.size(); ++i) {
    const double difference = std::abs(double{a.values[i]} - double{b.values[i]});
    if (!(difference <= std::numeric_limits<double>::max())) return std::numeric_limits<double>::infinity();
    worst = std::max(worst, difference);
    largest = std::max(largest, std::abs(double{b.values[i]}));
  }
  return worst / largest;
}

/// The share of pixels whose 8-bit samples differ by more than one level.
double share_beyond_one_level(const std::string& a, const std::string& b) {
  const Image ours = read_image(a), theirs = read_image(b);
  REQUIRE(ours.rgb.size() == theirs.rgb.size());
  std::size_t beyond = 0;
  for (std::size_t i = 0; i < ours.rgb.size(); ++i) beyond += std::abs(ours.rgb[i] - theirs.rgb[i]) > 1;
  return static_cast<double>(beyond) / static_cast<double>(ours.rgb.size());
}

/// Explains one picture on both devices and compares every result.
void check_same(const Workspace& work, const std::string& weights, const std::string& picture,
                const std::string& methods) {
  const auto arguments = [&](const std::string& device) {
    return std::vector<std::string>{
        "explain", picture,          "--weights", weights, "--method", methods,   "--format", "overlay,npy",
        "--out",   work.str(device), "--device",  device,  "--json",   "--top-k", "1",        "--quiet"};
  };
  const ProcessResult on_cpu = work.run(arguments("cpu"));
  REQUIRE(on_cpu.exit_code == 0);
  const auto start = std::chrono::steady_clock::now();
  const ProcessResult on_cuda = run_emulated(work, arguments("cuda"));
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  CAPTURE(on_cuda.err);
  REQUIRE(on_cuda.exit_code == 0);
  CHECK(on_cuda.err.empty());  // the emulator reports there what was left or went wrong
  const Json cpu = Json::parse(on_cpu.out), cuda = Json::parse(on_cuda.out);
  MESSAGE(cuda["model"]["architecture"].get<std::string>(), ", ", methods,
          " on emulated CUDA: ", seconds.count(), " s");
  CHECK(cuda["device"] == "cuda:0");
  const Json &theirs = cpu["images"][0], &ours = cuda["images"][0];
  CHECK(ours["predictions"][0]["index"] == theirs["predictions"][0]["index"]);
  REQUIRE(ours["results"].size() == theirs["results"].size());
  REQUIRE(ours["results"].size() >= 1);
  for (std::size_t i = 0; i < ours["results"].size(); ++i) {
    const Json &a = ours["results"][i], &b = theirs["results"][i];
    CAPTURE(a["method"].get<std::string>());
    CHECK(relative_error(read_npy(a["files"]["npy"].get<std::string>()),
                         read_npy(b["files"]["npy"].get<std::string>())) <= 1e-4);
    CHECK(share_beyond_one_level(a["files"]["overlay"].get<std::string>(),
                                 b["files"]["overlay"].get<std::string>()) <= 1e-3);
  }
}

const std::string kEveryMethod =
    "grad-cam,guided-backprop,deconvnet,guided-grad-cam,deconv-grad-cam,cam,gradient";
const std::string kPhotograph = BACKLIGHT_SOURCE_DIR "/tests/images/chelsea.png";

}  // namespace

TEST_SUITE("device") {
  TEST_CASE("program on cuda: a CIFAR ResNet explains a photograph as on the CPU by every method") {
    const std::filesystem::path weights =
        std::filesystem::path(BACKLIGHT_SHARED_DATA) / "checkpoints" / "resnet20-12fca82f.th";
    if (!std::filesystem::exists(weights)) return skip("there is no " + weights.filename().string());
    check_same(Workspace(), weights.string(), kPhotograph, kEveryMethod);
  }

  TEST_CASE("program on cuda: the network that ships explains a photograph as on the CPU by every method") {
    const auto weights = shipped_weights("backlight_scenes");
    REQUIRE(weights.has_value());
    check_same(Workspace(), weights->string(), kPhotograph, kEveryMethod);
  }

  TEST_CASE("program on cuda: EfficientNet-Lite0 explains a photograph as on the CPU") {
    const auto weights = cached_weights("efficientnet_lite0");
    if (!weights) return skip("run tools/fetch_weights efficientnet_lite0");
    check_same(Workspace(), weights->string(), kPhotograph, "grad-cam,guided-backprop,guided-grad-cam");
  }
}

TEST_CASE("program on cuda: a folder's later pictures are replayed to the bits of the first") {
  const Workspace work;
  const std::string net = work.network();
  for (const char* name : {"photos/a.png", "photos/b.png", "photos/c.png"}) {
    std::filesystem::create_directories(work / "photos");
    std::filesystem::copy_file(kPhotograph, work / name);
  }
  const ProcessResult result = run_emulated(
      work, {"explain", work.str("photos"), "--weights", net, "--method", kEveryMethod, "--top-k", "2",
             "--format", "npy", "--device", "cuda", "--json", "--quiet", "--out", work.str("out")});
  CAPTURE(result.err);
  REQUIRE(result.exit_code == 0);
  CHECK(result.err.empty());
  const Json json = Json::parse(result.out);
  REQUIRE(json["images"].size() == 3);
  const Json& first = json["images"][0]["results"];
  REQUIRE(first.size() == 14);
  for (std::size_t picture = 1; picture < 3; ++picture)
    for (std::size_t i = 0; i < first.size(); ++i) {
      const auto values = [&](const Json& one) {
        return read_npy(one["files"]["npy"].get<std::string>()).values;
      };
      CHECK(values(json["images"][picture]["results"][i]) == values(first[i]));
    }
}

TEST_CASE("program on cuda: tuned plans and TF32 explain almost the same and the document says so") {
  const Workspace work;
  const std::string net = work.network();
  const auto explain = [&](std::vector<std::string> options) {
    std::vector<std::string> arguments{"explain", kPhotograph, "--weights", net,
                                       "--class", "3",         "--format",  "npy",
                                       "--json",  "--force",   "--out",     work.str("out")};
    arguments.insert(arguments.end(), options.begin(), options.end());
    const ProcessResult result = run_emulated(work, arguments);
    CAPTURE(result.err);
    REQUIRE(result.exit_code == 0);
    const Json json = Json::parse(result.out);
    return std::pair{json["precision"].get<std::string>(),
                     read_npy(json["images"][0]["results"][0]["files"]["npy"].get<std::string>())};
  };
  const auto [cpu, expected] = explain({"--device", "cpu"});
  CHECK(cpu == "strict");
  const auto [tf32, rounded] = explain({"--device", "cuda", "--autotune", "--precision", "tf32"});
  CHECK(tf32 == "tf32");
  CHECK(relative_error(rounded, expected) <= 2e-2);
  CHECK(relative_error(rounded, expected) > 1e-6);
}

// Rounding grows from step to step; tests/cuda/test_training.cpp holds single steps to 1e-4.
TEST_CASE("program on cuda: training ends where it ends on the CPU") {
  const Workspace work;
  const auto arguments = [&](const std::string& device) {
    return std::vector<std::string>{"train",      "--out",    work.str(device + ".safetensors"),
                                    "--steps",    "3",        "--batch",
                                    "4",          "--scenes", "8",
                                    "--evaluate", "2",        "--device",
                                    device};
  };
  REQUIRE(work.run(arguments("cpu")).exit_code == 0);
  const ProcessResult result = run_emulated(work, arguments("cuda"));
  CAPTURE(result.err);
  REQUIRE(result.exit_code == 0);
  const Checkpoint ours = Checkpoint::open(work.str("cuda.safetensors"));
  const Checkpoint theirs = Checkpoint::open(work.str("cpu.safetensors"));
  REQUIRE(ours.tensors().size() == theirs.tensors().size());
  for (const StoredTensor& tensor : theirs.tensors()) {
    CAPTURE(tensor.name());
    const StoredTensor* found = ours.find(tensor.name());
    REQUIRE(found != nullptr);
    CHECK(test::relative_error(found->to_f32(), tensor.to_f32()) <= 1e-2);
  }
}

TEST_CASE("program on cuda: maps are measured as on the CPU") {
  const Workspace work;
  REQUIRE(work.run({"scenes", "--count", "1", "--objects", "2", "--out", work.str("scenes")}).exit_code == 0);
  const auto evaluate = [&](const std::string& device) {
    return std::vector<std::string>{"evaluate",
                                    work.str("scenes"),
                                    "--model",
                                    "backlight_scenes",
                                    "--device",
                                    device,
                                    "--out",
                                    work.str(device),
                                    "--method",
                                    "grad-cam,guided-backprop",
                                    "--points",
                                    "3",
                                    "--measure",
                                    "localization,pointing,energy,drop,insertion,deletion,road,infidelity,"
                                    "sensitivity,sparseness,randomization"};
  };
  CHECK(work.run(evaluate("cpu")).exit_code == 0);
  const ProcessResult on_cuda = run_emulated(work, evaluate("cuda"));
  CAPTURE(on_cuda.err);
  REQUIRE(on_cuda.exit_code == 0);
  const Json ours = Json::parse(read_text(work / "cuda/evaluation.json")),
             theirs = Json::parse(read_text(work / "cpu/evaluation.json"));
  CHECK(ours["device"] == "cuda:0");
  REQUIRE(ours["results"].size() == theirs["results"].size());
  std::size_t compared = 0;
  for (std::size_t i = 0; i < ours["results"].size(); ++i)
    for (std::size_t k = 0; k < ours["results"][i]["statistics"].size(); ++k) {
      const Json &a = ours["results"][i]["statistics"][k], &b = theirs["results"][i]["statistics"][k];
      CAPTURE(ours["results"][i]["method"].get<std::string>());
      CAPTURE(a["name"].get<std::string>());
      REQUIRE(a["value"].is_null() == b["value"].is_null());
      if (a["value"].is_null()) continue;
      const double value = b["value"];
      CHECK(std::abs(a["value"].get<double>() - value) <= 1e-3 * std::max(1.0, std::abs(value)));
      ++compared;
    }
  CHECK(compared > 100);
}

TEST_CASE("program on cuda: words and answers are explained as on the CPU") {
  const Workspace work;
  const auto check = [&](const std::string& command, const std::vector<std::string>& options) {
    const auto run = [&](const std::string& device) {
      std::vector<std::string> arguments{command, kPhotograph};
      arguments.insert(arguments.end(), options.begin(), options.end());
      arguments.insert(arguments.end(), {"--device", device, "--json", "--format", "npy", "--out",
                                         work.str(command + device)});
      const ProcessResult result = device == "cpu" ? work.run(arguments) : run_emulated(work, arguments);
      CAPTURE(result.err);
      REQUIRE(result.exit_code == 0);
      CHECK(result.err.empty());
      return Json::parse(result.out);
    };
    const Json cpu = run("cpu"), cuda = run("cuda");
    CHECK(cuda["device"] == "cuda:0");
    const Json &theirs = cpu["images"][0], &ours = cuda["images"][0];
    CHECK(ours.value("caption", "") == theirs.value("caption", ""));
    REQUIRE(ours["maps"].size() == theirs["maps"].size());
    REQUIRE(ours["maps"].size() >= 2);
    for (std::size_t i = 0; i < ours["maps"].size(); ++i)
      for (const auto& [format, file] : ours["maps"][i]["files"].items())
        CHECK(relative_error(read_npy(file.get<std::string>()),
                             read_npy(theirs["maps"][i]["files"][format].get<std::string>())) <= 1e-4);
  };
  check("caption", {"--weights", work.language_model(language::LanguageTask::caption), "--word", "all",
                    "--sentence", "--guided"});
  check("ask",
        {"what colour is the star", "--weights", work.language_model(language::LanguageTask::coattention),
         "--answer", "red", "--attention", "--layer", "layer1,layer2"});
  // Of other people, behind a ResNet and a VGG.
  check("caption", {"--weights", public_file("decoder.ckpt"), "--cnn",
                    filled_file(work / "encoder", keys_of("small tutorial.encoder")), "--vocabulary",
                    public_file("vocab.pkl"), "--text", "a red star", "--word", "all"});
  check("ask", {"what is a star?", "--weights", filled_file(work / "vqa", keys_of("small basic_vqa")),
                "--vocabulary", public_file("vocab_questions.txt"), "--answer-names",
                public_file("vocab_answers.txt"), "--answer", "yes,no"});
}

TEST_CASE("program on cuda: the emulated device is listed and auto leaves it alone") {
  const Workspace work;
  const ProcessResult devices = run_emulated(work, {"devices"});
  CHECK(devices.exit_code == 0);
  CHECK(contains(devices.out, "cuda:0"));
  CHECK(contains(devices.out, "emulated device"));
  const ProcessResult result =
      run_emulated(work, {"classify", work.picture("a.png"), "--weights", work.network(), "--json"});
  REQUIRE(result.exit_code == 0);
  CHECK(Json::parse(result.out)["device"] == "cpu");
}

TEST_CASE("program on cuda: every device is listed and computes the same when it is named") {
  const Workspace work;
  const ProcessResult listed = run_emulated(work, {"devices", "--json"}, 2);
  REQUIRE(listed.exit_code == 0);
  const Json devices = Json::parse(listed.out)["devices"];
  REQUIRE(devices.size() == 3);
  CHECK(devices[1]["device"] == "cuda:0");
  CHECK(devices[2]["device"] == "cuda:1");
  CHECK(devices[2]["multiprocessors"] != devices[1]["multiprocessors"]);
  CHECK(devices[2]["memory_bytes"] == std::size_t{8} << 30);

  const std::string picture = work.picture("a.png"), network = work.network();
  const auto classify = [&](const std::string& device) {
    return run_emulated(work, {"classify", picture, "--weights", network, "--json", "--device", device}, 2);
  };
  Json answers[2];
  for (const int index : {0, 1}) {
    const std::string name = "cuda:" + std::to_string(index);
    const ProcessResult result = classify(name);
    CAPTURE(result.err);
    REQUIRE(result.exit_code == 0);
    answers[index] = Json::parse(result.out);
    CHECK(answers[index]["device"] == name);
  }
  CHECK(answers[1]["images"][0]["predictions"] == answers[0]["images"][0]["predictions"]);

  const ProcessResult refused = classify("cuda:7");
  CHECK(refused.exit_code == 5);
  CHECK(refused.out.empty());
  CHECK(contains(refused.err, "device cuda:7 was asked for, but this machine has 2 CUDA devices"));
}
