// Checkpoints of other people's code bases, read as PyTorch reads them
// (tests/golden/make_real_checkpoints.py).
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "support/skip.hpp"
#include "weights/checkpoint.hpp"
#include "weights/families.hpp"
#include "weights/support.hpp"

using namespace backlight;
using nlohmann::json;
using test::golden_file;
using test::refusal;

namespace {

const std::filesystem::path kRealFolder = std::filesystem::path(BACKLIGHT_SHARED_DATA) / "checkpoints/real";

struct Sum {
  double sum = 0, magnitude = 0;
};

/// The finite values, each times its place modulo 101 plus one.
Sum weighted_sum(const StoredTensor& tensor) {
  Sum out;
  const Tensor values = tensor.to_f32();
  std::size_t place = 0;
  for (const float value : values.values()) {
    const double weighted = double{value} * static_cast<double>(place++ % 101 + 1);
    if (!std::isfinite(value)) continue;
    out.sum += weighted;
    out.magnitude += std::abs(weighted);
  }
  return out;
}

void check_contents(const Checkpoint& checkpoint, const json& expected) {
  REQUIRE(checkpoint.chosen());
  CHECK(checkpoint.candidates()[*checkpoint.chosen()].path == expected["path"].get<std::string>());
  std::vector<std::string> names;
  Sum all;
  for (const StoredTensor& tensor : checkpoint.as_stored()) {
    names.push_back(tensor.name());
    const Sum own = weighted_sum(tensor);
    all.sum += own.sum;
    all.magnitude += own.magnitude;
  }
  REQUIRE(names.size() == expected["tensors"].get<std::size_t>());
  std::ranges::sort(names);
  CHECK(names.front() == expected["first"].get<std::string>());
  CHECK(names.back() == expected["last"].get<std::string>());
  CHECK(std::abs(all.sum - expected["sum"].get<double>()) <= 1e-9 * all.magnitude);
}

}  // namespace

TEST_CASE("real checkpoints: every one is read as PyTorch reads it or refused for the right reason") {
  if (!std::filesystem::exists(kRealFolder)) return test::skip("the real checkpoints are not there");
  const json files = json::parse(std::ifstream(golden_file("real.json")));
  CHECK(files.size() == 76);
  for (const auto& [name, expected] : files.items()) {
    CAPTURE(name);
    const std::string why = refusal([&] {
      const Checkpoint checkpoint = Checkpoint::open(kRealFolder / name);
      REQUIRE_FALSE(expected.contains("refused"));
      check_contents(checkpoint, expected);
    });
    CAPTURE(why);
    CHECK(why.empty() == !expected.contains("refused"));
    if (!expected.contains("refused")) continue;
    for (const json& word : expected["refused"])
      CHECK(why.find(word.get<std::string>()) != std::string::npos);
  }
}

TEST_CASE("real checkpoints: networks that are not built here are said to be what they are") {
  if (!std::filesystem::exists(kRealFolder)) return test::skip("the real checkpoints are not there");
  const std::pair<const char*, const char*> kFamilies[] = {
      {"timm_mobilenetv3_small_050.pth", "a MobileNetV3 (timm's keys)"},
      {"yolo_fastestv2_backbone.pth", "a ShuffleNetV2"},
      {"lpips_v01_alex.pth", "the linear heads of LPIPS, without the network below them"},
      {"facenet_mtcnn_rnet.pt", "an MTCNN (R-Net), which detects faces"},
      {"cifar_net_tutorial.pth", ""}};
  for (const auto& [file, family] : kFamilies) {
    CAPTURE(file);
    CHECK(unbuilt_family(Checkpoint::open(kRealFolder / file).as_stored()) == family);
  }
}
