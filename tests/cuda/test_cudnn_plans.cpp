// The installed cuDNN itself plans every convolution of four networks, for a device that is only described by
// a file: real heuristics, real engines, real execution plans, no GPU. What cannot be checked so is their
// speed and result.
#include <doctest/doctest.h>

#include <fstream>
#include <iostream>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include "emulator/cudnn_misuse.hpp"
#include "kernels/conv2d/plan_cuda.hpp"
#include "kernels/conv2d_cases.hpp"
#include "models/registry.hpp"

using namespace backlight;
using namespace backlight::cuda;
using namespace backlight::test;

namespace {

constexpr std::size_t kWorkspaceLimit = std::size_t{1} << 30;

/// An H100; or, with another compute capability, a device that is like it otherwise.
CudnnDescriptor device(int capability = 900) {
  std::ifstream file(BACKLIGHT_SOURCE_DIR "/tests/cuda/h100.json");
  std::stringstream text;
  text << file.rdbuf();
  std::string json = text.str();
  const std::string version = "\"deviceVer\": 900";
  const std::size_t at = json.find(version);
  REQUIRE(at != std::string::npos);
  return cudnn_device(json.replace(at, version.size(), "\"deviceVer\": " + std::to_string(capability)));
}

/// The convolutions of a network that differ.
std::set<Conv2dParams> convolutions(std::string_view name, std::int64_t batch) {
  const Network network = build_model(name, 1000);
  const int size = model_info(name).preprocessing.input_size;
  const std::vector<Shape> shapes = network.shapes({batch, 3, size, size});
  std::set<Conv2dParams> all;
  for (NodeId id = 1; id < network.size(); ++id)
    if (const auto p = conv2d_params(*network.node(id).layer,
                                     shapes[static_cast<std::size_t>(network.node(id).inputs[0])]))
      all.insert(*p);
  return all;
}

/// Plans of each kind, by the number of cuDNN's engine, and how many problems had none.
struct Tally {
  std::map<std::int64_t, int> engines;
  int without = 0;
  std::size_t workspace_bytes = 0;
};

class Planner {
 public:
  explicit Planner(CudnnDescriptor where) : device_(std::move(where)) {}

  /// True where cuDNN has a plan.
  bool plan(const std::string& kind, const ConvProblem& problem) {
    const std::vector<ConvPlan> plans = conv_plans(problem, device_, kWorkspaceLimit, 1);
    Tally& tally = tallies_[kind];
    if (plans.empty()) {
      ++tally.without;
      std::cout << "no plan: " << problem << '\n';
      return false;
    }
    ++tally.engines[plans[0].engine];
    tally.workspace_bytes = std::max(tally.workspace_bytes, plans[0].workspace_bytes);
    return true;
  }

  ~Planner() {
    for (const auto& [kind, tally] : tallies_) {
      std::cout << kind << ": " << tally.without << " without a plan, at most "
                << (tally.workspace_bytes >> 10) << " KiB of workspace; plans by engine:";
      for (const auto& [engine, count] : tally.engines) std::cout << " " << count << " by " << engine;
      std::cout << '\n';
    }
  }

 private:
  CudnnDescriptor device_;
  std::map<std::string, Tally> tallies_;
};

/// All that the engine asks for in one precision. Forward and both gradients must have plans; of what is
/// fused, the CHECK says what was found to be there.
void plan_all(Planner& planner, const Conv2dParams& p, Precision precision) {
  for (const ConvDirection direction :
       {ConvDirection::forward, ConvDirection::backward_data, ConvDirection::backward_filter})
    CHECK(planner.plan(direction == ConvDirection::forward         ? "forward"
                       : direction == ConvDirection::backward_data ? "backward_data"
                                                                   : "backward_filter",
                       {.params = p, .direction = direction, .precision = precision}));
  if (precision == Precision::f16) return;  // bias and ReLU go with the conversion to float32
  CHECK(planner.plan("forward + bias", {.params = p, .precision = precision, .bias = true}));
  CHECK(planner.plan("forward + bias + relu",
                     {.params = p, .precision = precision, .bias = true, .relu = true}));
  CHECK(planner.plan("forward + residual + bias + relu",
                     {.params = p, .precision = precision, .residual = true, .bias = true, .relu = true}));
}

void plan_network(std::string_view name, Precision precision) {
  Planner planner(device());
  for (const std::int64_t batch : {1, 8}) {
    const std::set<Conv2dParams> all = convolutions(name, batch);
    std::cout << name << ", batch " << batch << ": " << all.size() << " different convolutions\n";
    CHECK(all.size() >= 5);
    for (const Conv2dParams& p : all) plan_all(planner, p, precision);
  }
}

}  // namespace

#define PLAN_NETWORK(name)                                                                     \
  TEST_CASE("real cuDNN plans " name " in float32") { plan_network(name, Precision::strict); } \
  TEST_CASE("real cuDNN plans " name " with TF32") { plan_network(name, Precision::tf32); }    \
  TEST_CASE("real cuDNN plans " name " in float16") { plan_network(name, Precision::f16); }
PLAN_NETWORK("alexnet")
PLAN_NETWORK("vgg16")
PLAN_NETWORK("resnet50")
PLAN_NETWORK("efficientnet_lite0")

TEST_CASE("real cuDNN plans every shape of the parity tests") {
  Planner planner(device());
  for (const Conv2dCase& c : kConv2dCases) {
    CAPTURE(c.name);
    const Conv2dParams p = params_of(c, conv2d(c.x[1], c.out, c.options)->output_shape({&c.x, 1}));
    for (const Precision precision : {Precision::strict, Precision::tf32, Precision::f16})
      plan_all(planner, p, precision);
  }
}

TEST_CASE("real cuDNN plans alexnet for every compute capability") {
  for (const int capability : {750, 800, 860, 890, 900, 1000, 1200}) {
    CAPTURE(capability);
    Planner planner(device(capability));
    for (const Conv2dParams& p : convolutions("alexnet", 1)) plan_all(planner, p, Precision::strict);
  }
}

TEST_CASE("real cuDNN refuses a device that is not described well") {
  CHECK_THROWS_WITH_AS(cudnn_device("{}x"), doctest::Contains("cudnnBackendFinalize"), Error);
}

// The emulated library runs the same checks in tests/emulator/test_cudnn.cpp.
TEST_CASE("real cuDNN answers misuse as the emulated one does") {
  check_tensor_misuse();
  check_operation_misuse();
  check_plan_misuse();
}
