// backlight bench: which kernels it names, and that its figures fit each other.
#include <doctest/doctest.h>

#include <algorithm>

#include "engine/core/isa.hpp"
#include "tools/program.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

std::vector<std::string> bench_of(const std::string& network, const std::vector<std::string>& more) {
  std::vector<std::string> arguments{"bench", network, "--repeat", "2", "--threads", "1"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

const Json& layer_named(const Json& bench, const std::string& name) {
  for (const Json& layer : bench["layers"])
    if (layer["name"] == name) return layer;
  FAIL("there is no layer " << name);
  return bench;
}

}  // namespace

TEST_CASE("bench: layers have the kernels that run, and their figures add up") {
  const Workspace work;
  const Json bench = work.run_json(bench_of("resnet20_cifar", {"--isa", "portable"}));
  CHECK(bench["schema"] == "backlight.bench");
  CHECK(bench["isa"] == "portable");
  CHECK(bench["weights"].is_null());
  CHECK(bench["input_shape"] == Json({1, 3, 32, 32}));
  const double gflop_per_s = bench["peak"]["gflop_per_s"], gb_per_s = bench["peak"]["gb_per_s"];
  CHECK(gflop_per_s > 0);
  CHECK(gb_per_s > 0);
  double least = 0;
  std::int64_t operations = 0, bytes = 0;
  for (const Json& layer : bench["layers"]) {
    CAPTURE(layer.dump());
    CHECK(layer["pass"] == "forward");
    const double ms = layer["least_ms"], done = layer["executed_operations"], moved = layer["bytes"];
    CHECK(ms > 0);
    CHECK(layer["median_ms"] >= ms);
    CHECK(layer["gb_per_s"].get<double>() == doctest::Approx(moved / ms * 1e-6));
    const double floor = std::max(done / gflop_per_s, moved / gb_per_s) * 1e-6;
    CHECK(layer["share_of_peak"].get<double>() == doctest::Approx(floor / ms));
    CHECK(layer["bound"] == (done / gflop_per_s > moved / gb_per_s ? "arithmetic" : "memory"));
    least += ms;
    operations += layer["operations"].get<std::int64_t>();
    bytes += layer["bytes"].get<std::int64_t>();
  }
  CHECK(least <= bench["total"]["least_ms"].get<double>());
  CHECK(bench["total"]["operations"] == operations);
  CHECK(bench["total"]["bytes"] == bytes);

  // 3×3 filters for 16 channels of 32×32: of the picture's three, too few for Winograd's algorithm, and of sixteen.
  const Json& first = bench["layers"][0];
  CHECK(first["kernel"] == "gemm of patches");
  CHECK(first["operations"] == 2 * 32 * 32 * 16 * 27);
  CHECK(first["executed_operations"] == first["operations"]);
  CHECK(first["shape"] == Json({1, 16, 32, 32}));
  const Json& second = bench["layers"][1];
  CHECK(second["kernel"] == "winograd F(4x4)");
  CHECK(second["operations"] == 2 * 32 * 32 * 16 * 16 * 9);
  CHECK(second["executed_operations"] == 2 * 36 * 8 * 8 * 16 * 16);
}

TEST_CASE("bench: options change the kernels, and the gradient's are shown, too") {
  const Workspace work;
  const Json exact = work.run_json(bench_of("resnet20_cifar", {"--optimise", "exact"}));
  CHECK(exact["isa"] == cpu::name_of(cpu::best_isa()));
  for (const Json& layer : exact["layers"]) CHECK(layer["kernel"] != "winograd F(4x4)");
  const Json map = work.run_json(bench_of("squeezenet1_1", {"--job", "grad-cam"}));
  const Json& last = map["layers"].back();
  CHECK(last["pass"] == "backward");
  CHECK(layer_named(map, "features.0")["pass"] == "forward");
  const ProcessResult table = work.run(bench_of("resnet20_cifar", {"--isa", "portable"}));
  CHECK(table.exit_code == 0);
  CHECK(contains(table.out, "winograd F(4x4) portable"));
  CHECK(contains(table.out, "\ntotal"));
  CHECK(work.run(bench_of("resnet2O_cifar", {})).exit_code == 2);
  CHECK(work.run(bench_of("resnet20_cifar", {"--job", "train"})).exit_code == 2);
}
