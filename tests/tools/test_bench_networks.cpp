// Timings of whole networks: which are given, and that there are none of an emulated card.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include "engine/core/error.hpp"
#include "engine/evaluate/road.hpp"
#include "engine/explain/explanation.hpp"
#include "engine/explain/methods.hpp"
#include "engine/image/write.hpp"
#include "engine/runtime/cuda/devices.hpp"
#include "kernels/upsample/upsample.hpp"
#include "models/registry.hpp"
#include "support/device.hpp"
#include "support/temporary_folder.hpp"
#include "tools/bench/networks.hpp"
#include "tools/bench/random.hpp"
#include "weights/safetensors.hpp"

using namespace backlight;
using namespace backlight::bench;
using namespace backlight::test;

namespace {

/// The lines that `write` writes.
template <class Write>
std::vector<std::string> lines_of(Write&& write) {
  std::ostringstream out;
  write(out);
  std::istringstream in(out.str());
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

std::vector<std::string> cells_of(const std::string& row) {
  std::istringstream in(row.substr(1));
  std::vector<std::string> cells;
  for (std::string cell; std::getline(in, cell, '|');) cells.push_back(cell);
  return cells;
}

std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

bool emulated() {
  return test_device().kind == Device::Kind::cuda && cuda::devices().build == cuda::Build::emulated;
}

}  // namespace

TEST_SUITE("device") {
  TEST_CASE("bench network: a line of milliseconds per forward pass") {
    const NetworkOptions options{.device = test_device(), .threads = 1, .repeat = 3, .batch = 2};
    const auto write = [&](std::ostream& out) {
      bench_network("resnet20_cifar", Job::guided_grad_cam, options, {}, out);
    };
    if (emulated()) {
      std::ostringstream out;
      CHECK_THROWS_WITH_AS(write(out), doctest::Contains("say nothing about a card"), Error);
      CHECK(out.str() == "");
      return;
    }
    const std::vector<std::string> lines = lines_of(write);
    REQUIRE(lines.size() == 3);
    for (const std::string& line : lines) CHECK(std::stod(line) > 0);
  }

  TEST_CASE("bench explain: a replay is timed on CUDA alone") {
    const NetworkOptions options{.device = test_device(), .threads = 1, .repeat = 1};
    Context context(options.device, options.threads);
    const NetworkTimes times = time_network("resnet20_cifar", context, options);
    CHECK(times.forward_ms > 0);
    CHECK(times.explanation_ms > 0);
    if (times.replayed_ms) CHECK(*times.replayed_ms > 0);
    CHECK(times.replayed_ms.has_value() == (options.device.kind == Device::Kind::cuda));
    REQUIRE(times.second.has_value() == (options.device.kind == Device::Kind::cpu));
    if (times.second) CHECK(times.second->blocks == 0);
    if (times.second) CHECK(times.second->heap > 0);
  }

  TEST_CASE("bench explain: a row per network and the reason for one that fails") {
    const NetworkOptions options{.device = test_device(), .threads = 1, .repeat = 1};
    bool all = true;
    const auto write = [&](std::ostream& out) {
      all = bench_explanations({"resnet20_cifar", "no_such_network"}, options, out);
    };
    if (emulated()) {
      std::ostringstream out;
      CHECK_THROWS_WITH_AS(write(out), doctest::Contains("say nothing about a card"), Error);
      CHECK(out.str() == "");
      return;
    }
    const std::vector<std::string> lines = lines_of(write);
    REQUIRE(lines.size() == 4);
    CHECK_FALSE(all);
    const std::vector<std::string> cells = cells_of(lines[2]);
    REQUIRE(cells.size() == 7);
    CHECK(cells[0] == " resnet20_cifar ");
    CHECK(std::stod(cells[1]) > 0);
    CHECK(std::stod(cells[2]) > 0);
    CHECK(lines[3].find("failed: ") != std::string::npos);
    CHECK(cells_of(lines[3]).size() == 7);
  }
}

TEST_CASE("bench network: the result is that of the weights and the input that are given") {
  const TemporaryFolder folder;
  const auto path = [&](const char* name) { return (folder.path() / name).string(); };
  Network network = build_model("resnet20_cifar", 10);
  randomise(network);
  std::vector<TensorToWrite> tensors;
  for (const NamedParameter& p : network.parameters()) {
    // Other than without a file, and so that maps have what speaks for the class.
    if (p.name == model_info("resnet20_cifar").classifier + ".weight") fill_uniform(*p.tensor, 50, 0, 1);
    tensors.push_back({p.name, p.tensor});
  }
  write_safetensors(path("weights.safetensors"), tensors);
  Tensor x({2, 3, 32, 32});
  fill_uniform(x, 49, -1, 1);
  std::ofstream(path("input"), std::ios::binary)
      .write(static_cast<const char*>(x.raw()), static_cast<long>(x.bytes()));

  NetworkOptions options{.threads = 1, .repeat = 1, .batch = 2, .optimise = Optimisations::exact()};
  bool cold = false;
  const auto result = [&](Job job) {
    std::filesystem::remove(path("result.npy"));
    std::ostringstream out;
    bench_network("resnet20_cifar", job, options, {.cold = cold}, out,
                  {path("weights.safetensors"), path("input"), path("result.npy")});
    return bytes_of(path("result.npy"));
  };
  const auto npy = [](const Tensor& tensor) {
    const auto bytes = encode_npy(tensor);
    return std::string(bytes.begin(), bytes.end());
  };

  Context context({}, 1);
  const NodeId layer = network.find(model_info("resnet20_cifar").default_layers.pytorch_grad_cam);
  Programs programs(network, options.optimise);
  Explanation explanation(programs, context, context.copy(x), {layer}, true);
  const Seed target = explanation.target(std::vector<std::int64_t>{7, 7});
  const Tensor map = explanation.grad_cam(layer, target).map.clone();
  const Tensor gradient = explanation.gradient(target, BackwardRule::guided).clone();
  REQUIRE(map.shape() == Shape{2, 8, 8});
  CHECK(result(Job::forward) == npy(explanation.scores()));
  CHECK(result(Job::grad_cam) == npy(map));
  CHECK(result(Job::guided_backprop) == npy(gradient));
  Tensor product = gradient.clone();
  for (std::int64_t i = 0; i < product.numel(); ++i) {
    const std::int64_t n = i / (3 * 32 * 32), row = i / 32 % 32, column = i % 32;
    product.values()[static_cast<std::size_t>(i)] *=
        std::max(0.0F, map.values()[static_cast<std::size_t>((n * 8 + row / 4) * 8 + column / 4)]);
  }
  CHECK(result(Job::guided_grad_cam) == npy(product));
  CHECK(std::ranges::any_of(product.values(), [](float value) { return value != 0; }));

  const auto map_of = [&](const char* method) {
    Probe probe(programs, context, context.copy(x), {layer}, false, /*tails=*/true);
    Tensor maps({2, 8, 8});
    auto to = maps.values().begin();
    for (const Result& each :
         find_method(method).explain(probe, {.target = {.classes = {7, 7}}, .layer = layer}))
      to = std::ranges::copy(each.map->map.values(), to).out;
    return npy(maps);
  };
  for (const bool first_counts : {false, true}) {
    cold = first_counts;
    CHECK(result(Job::eigen_cam) == map_of("eigen-cam"));
    CHECK(result(Job::eigen_map) == map_of("eigen-cam"));
    CHECK(result(Job::score_cam) == map_of("score-cam"));
    CHECK(result(Job::ablation_cam) == map_of("ablation-cam"));
  }
  CHECK(map_of("eigen-cam") != map_of("score-cam"));
  CHECK_THROWS_WITH_AS(result(Job::road), doctest::Contains("there are 2 pictures"), Error);

  CHECK_THROWS_WITH_AS(result(Job::class_maps), doctest::Contains("expected one image"), Error);
  options.batch = 1;
  std::ofstream(path("input"), std::ios::binary)
      .write(static_cast<const char*>(x.raw()), static_cast<long>(x.bytes() / 2));
  const std::string maps = result(Job::class_maps);
  const std::size_t one = 8 * 8 * sizeof(float);
  REQUIRE(maps.size() > 10 * one);
  CHECK(maps.substr(maps.size() - 3 * one, one) == std::string(static_cast<const char*>(map.raw()), one));

  // ROAD by a map of 7×7 means of the first channel's blocks, of 4×4 pixels here.
  Tensor picture({1, 3, 32, 32}), means({7, 7});
  std::copy_n(x.values().begin(), picture.numel(), picture.values().begin());
  for (std::size_t block = 0; block < 49; ++block) {
    double sum = 0;
    for (std::size_t i = 0; i < 16; ++i)
      sum += picture.values()[(block / 7 * 4 + i / 4) * 32 + block % 7 * 4 + i % 4];
    means.values()[block] = static_cast<float>(sum / 16);
  }
  Probe probe(programs, context, context.copy(picture), {layer}, false);
  const Road expected = road(Scorer(probe, {.classes = {7}}), upsample(means, 32, 32, Upsampling::bilinear),
                             {.noise = {0, 0, 0}, .protocol = RoadProtocol::pytorch_grad_cam});
  Tensor changes({2, 9});
  for (std::size_t i = 0; i < 9; ++i) {
    changes.values()[i] = static_cast<float>(expected.morf.scores[i] - expected.before);
    changes.values()[9 + i] = static_cast<float>(expected.lerf.scores[i] - expected.before);
  }
  CHECK(result(Job::road) == npy(changes));

  std::ofstream(path("input"), std::ios::binary) << "short";
  CHECK_THROWS_WITH_AS(result(Job::forward), doctest::Contains("input: has 5 bytes, but float32 of"), Error);
}
