// Timings of whole networks: which are given, and that there are none of an emulated card.
#include <doctest/doctest.h>

#include <sstream>
#include <string>
#include <vector>

#include "engine/core/error.hpp"
#include "engine/runtime/cuda/devices.hpp"
#include "support/device.hpp"
#include "tools/bench/networks.hpp"

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

bool emulated() {
  return test_device().kind == Device::Kind::cuda && cuda::devices().build == cuda::Build::emulated;
}

}  // namespace

TEST_SUITE("device") {
  TEST_CASE("bench network: a line of milliseconds per forward pass") {
    const NetworkOptions options{.device = test_device(), .threads = 1, .repeat = 3, .batch = 2};
    const auto write = [&](std::ostream& out) { bench_network("resnet20_cifar", Job::guided_grad_cam, options, false, out); };
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
