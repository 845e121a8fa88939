#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <limits>
#include <thread>

#include "engine/run/run.hpp"
#include "engine/train/init.hpp"
#include "engine/train/trainer.hpp"
#include "kernels/layers.hpp"
#include "models/scenes/batch.hpp"
#include "models/scenes/scene.hpp"
#include "models/scenes_net.hpp"
#include "support/compare.hpp"
#include "support/gradcheck.hpp"
#include "support/random.hpp"

using namespace backlight;
using namespace backlight::test;

namespace fs = std::filesystem;

namespace {

constexpr std::int64_t kClasses = 4, kWidth = 2, kSteps = 6;
const std::map<std::string, std::string> kSettings{{"data", "random"}};

/// Ten images of 16×16 with two labels each; another batch for every step.
Batch batch_of(std::int64_t step) {
  Batch batch{random_tensor({10, 3, 16, 16}, "batch" + std::to_string(step)), {}, 2};
  for (std::uint64_t i = 0; i < 20; ++i)
    batch.labels.push_back(
        static_cast<std::int64_t>(random_bits(static_cast<std::uint64_t>(step), i) % kClasses));
  return batch;
}

struct TrainingRun {
  explicit TrainingRun(int threads = 1,
               TrainerOptions options = {.steps = kSteps, .warmup = 2, .learning_rate = 0.05})
      : context({}, threads),
        network(scenes_net(kClasses, kWidth)),
        trainer((initialise(network, 3), network), context, options) {}

  void train(std::int64_t until = kSteps) {
    while (trainer.steps_done() < until) trainer.step(batch_of(trainer.steps_done()));
  }

  Context context;
  Network network;
  Trainer trainer;
};

/// Names of the parameters and running statistics that are not equal to the last bit.
std::vector<std::string> different(const Network& a, const Network& b) {
  std::vector<std::string> names;
  const auto pa = a.parameters(), pb = b.parameters();
  for (std::size_t i = 0; i < pa.size(); ++i)
    if (!same_bits(*pa[i].tensor, *pb[i].tensor)) names.push_back(pa[i].name);
  return names;
}

/// The identity, whose backward throws on demand.
class FailsBackward final : public Layer {
 public:
  static inline bool failing = false;

  Shape output_shape(std::span<const Shape> x) const override { return x[0]; }
  Needs needs(bool) const override { return {}; }
  void forward(const ForwardArgs& a) const override { a.context.copy(*a.x[0], *a.y[0]); }
  void backward(const BackwardArgs& a) const override {
    if (failing) throw Error(ErrorKind::resources, "backward failed");
    a.context.copy(*a.dy[0], *a.dx[0]);
  }
};

/// A path in a directory of this test alone, which is removed at the end with what a killed writer left in
/// it.
struct TemporaryFile {
  explicit TemporaryFile(const std::string& name)
      : directory(fs::temp_directory_path() / ("backlight_" + std::to_string(getpid()) + "_" + name)),
        path(directory / "file") {
    fs::create_directory(directory);
  }
  ~TemporaryFile() { fs::remove_all(directory); }
  fs::path directory, path;
};

}  // namespace

TEST_CASE("training: the gradient of a whole residual network with batch norm in training mode") {
  Network network = scenes_net(3, 1);
  initialise(network, 11);
  const auto result =
      gradcheck(network, random_tensor({3, 3, 9, 9}, "trainer.x"), {.training = true, .seed = 1});
  CAPTURE(result.where);
  CHECK(result.checked > 800);
  CHECK(result.worst <= 1e-6);
}

TEST_CASE("training: the loss is the mean cross-entropy over the labels of each image") {
  TrainingRun run;
  const Batch batch = batch_of(0);
  Run pass(run.network, run.context, batch.x.clone(), {.training = true});
  double expected = 0;
  for (std::size_t i = 0; i < batch.labels.size(); ++i) {
    const float* scores = pass.output().data<float>() + static_cast<std::int64_t>(i / 2) * kClasses;
    double sum = 0;
    for (std::int64_t k = 0; k < kClasses; ++k) sum += std::exp(static_cast<double>(scores[k]));
    expected += (std::log(sum) - scores[batch.labels[i]]) / static_cast<double>(batch.labels.size());
  }
  CHECK(run.trainer.step(batch_of(0)) == doctest::Approx(expected).epsilon(1e-5));
}

TEST_CASE("training: eight scenes are learnt by heart") {
  Context context({}, 2);
  Network network = scenes_net(10, 8);
  initialise(network, 1);
  constexpr std::int64_t kFitSteps = 60;
  Trainer trainer(network, context, {.steps = kFitSteps, .warmup = 5, .learning_rate = 0.05});
  std::vector<Image> images;
  std::vector<std::int64_t> labels;
  for (std::uint64_t i = 0; i < 8; ++i) {
    scenes::Scene scene = scenes::render_scene(1, i);
    images.push_back(std::move(scene.image));
    labels.push_back(scene.objects.front().label);
  }
  double first = 0, last = 0;
  while (trainer.steps_done() < kFitSteps) {
    last = trainer.step({scenes::to_input(context, images), labels});
    if (trainer.steps_done() == 1) first = last;
  }
  CHECK(first >= 1);
  CHECK(last <= 0.05);
}

TEST_CASE("training: a step that fails in backward changes neither weights nor running statistics") {
  Context context({}, 1);
  Network network(3), before(3);
  for (Network* n : {&network, &before}) {
    n->add("conv", conv2d(3, 4, {.kernel = 3, .bias = false}));
    n->add("norm", batch_norm2d(4));
    n->add("faulty", std::make_unique<FailsBackward>());
    n->add("pool", adaptive_avg_pool2d(1));
    n->add("flatten", flatten());
    n->add("fc", linear(4, kClasses));
    initialise(*n, 3);
  }
  Trainer trainer(network, context, {.steps = kSteps, .learning_rate = 0.05});
  FailsBackward::failing = true;
  CHECK_THROWS_WITH_AS(trainer.step(batch_of(0)), "backward failed", Error);
  CHECK(different(network, before) == std::vector<std::string>{});
  CHECK(trainer.steps_done() == 0);
  FailsBackward::failing = false;
  trainer.step(batch_of(0));
  CHECK(different(network, before) == std::vector<std::string>{"conv.weight", "norm.weight", "norm.bias",
                                                               "norm.running_mean", "norm.running_var",
                                                               "fc.weight", "fc.bias"});
}

TEST_CASE("training: the same seed gives the same bits on any number of threads") {
  TrainingRun one(1), again(1), three(3);
  one.train();
  again.train();
  three.train();
  CHECK(different(one.network, again.network) == std::vector<std::string>{});
  CHECK(different(one.network, three.network) == std::vector<std::string>{});

  Network start = scenes_net(kClasses, kWidth);
  initialise(start, 3);
  CHECK(different(one.network, start).size() == one.network.parameters().size());
}

TEST_CASE("training: the scenes of a step are the same on any number of threads") {
  Context one({}, 1), three({}, 3);
  const scenes::TrainingSet set{.seed = 4, .scenes = 50, .batch = 6};
  const Batch a = scenes::training_batch(one, set, 7), b = scenes::training_batch(three, set, 7);
  CHECK(same_bits(a.x, b.x));
  CHECK(a.labels == b.labels);
  CHECK_FALSE(same_bits(a.x, scenes::training_batch(one, set, 8).x));
}

TEST_CASE("training: saved and taken up again it ends in the same bits") {
  const TemporaryFile file("resume.safetensors");
  TrainingRun whole, half, rest;
  whole.train();
  half.train(3);
  half.trainer.save(file.path, kSettings);
  rest.trainer.restore(file.path, kSettings);
  CHECK(rest.trainer.steps_done() == 3);
  CHECK(rest.trainer.learning_rate() == half.trainer.learning_rate());
  rest.train();
  CHECK(different(whole.network, rest.network) == std::vector<std::string>{});
}

TEST_CASE("training: killed at any moment it resumes from its checkpoint to the same bits") {
  const TemporaryFile file("kill.safetensors");
  const fs::path path = file.path;
  const TrainerOptions options{.steps = 400, .warmup = 2, .learning_rate = 0.05};
  const auto train_with_checkpoints = [&](TrainingRun& run) {
    if (fs::exists(path)) run.trainer.restore(path, kSettings);
    while (run.trainer.steps_done() < options.steps) {
      run.trainer.step(batch_of(run.trainer.steps_done()));
      run.trainer.save(path, kSettings);
    }
  };
  int killed = 0;
  for (int attempt = 0; attempt < 3; ++attempt) {
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      TrainingRun run(1, options);
      train_with_checkpoints(run);
      _exit(0);
    }
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (!fs::exists(path) && std::chrono::steady_clock::now() < deadline)
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    std::this_thread::sleep_for(std::chrono::milliseconds(5 + 7 * attempt));
    kill(child, SIGKILL);
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    killed += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  }
  CHECK(killed >= 1);
  REQUIRE(fs::exists(path));

  TrainingRun resumed(1, options), whole(1, options);
  train_with_checkpoints(resumed);
  whole.train(options.steps);
  CHECK(different(whole.network, resumed.network) == std::vector<std::string>{});
}

TEST_CASE("training: a checkpoint of other options or another network is refused and changes nothing") {
  const TemporaryFile file("refuse.safetensors");
  TrainingRun run;
  run.train(2);
  run.trainer.save(file.path, kSettings);

  TrainingRun other_rate(1, {.steps = kSteps, .warmup = 2, .learning_rate = 0.06}), untouched;
  CHECK_THROWS_WITH_AS(other_rate.trainer.restore(file.path, kSettings),
                       doctest::Contains("training.learning_rate 0.05"), Error);
  CHECK_THROWS_WITH_AS(untouched.trainer.restore(file.path, {{"data", "photographs"}}),
                       doctest::Contains("data random"), Error);
  CHECK_THROWS_AS(untouched.trainer.restore(file.path, {{"data", "random"}, {"batch", "3"}}), Error);

  Context context({}, 1);
  Network wider = scenes_net(kClasses, 3);
  initialise(wider, 3);
  Trainer trainer(wider, context, {.steps = kSteps, .warmup = 2, .learning_rate = 0.05});
  CHECK_THROWS_WITH_AS(trainer.restore(file.path, kSettings), doctest::Contains("conv1.weight"), Error);
  CHECK(trainer.steps_done() == 0);

  const TemporaryFile text("no_checkpoint");
  std::ofstream(text.path) << "no checkpoint";
  CHECK_THROWS_AS(untouched.trainer.restore(text.path, kSettings), Error);
  const TrainingRun fresh;
  CHECK(untouched.trainer.steps_done() == 0);
  CHECK(different(untouched.network, fresh.network) == std::vector<std::string>{});
}

TEST_CASE("training: a loss that is not finite is reported and changes nothing") {
  TrainingRun run;
  const TrainingRun fresh;
  Batch batch = batch_of(0);
  batch.x.values()[5] = std::numeric_limits<float>::quiet_NaN();
  CHECK_THROWS_WITH_AS(run.trainer.step(std::move(batch)), doctest::Contains("learning rate"), Error);
  CHECK(run.trainer.steps_done() == 0);
  CHECK(different(run.network, fresh.network) == std::vector<std::string>{});
}

TEST_CASE("training: invalid options and batches are refused") {
  Context context({}, 1);
  Network network = scenes_net(kClasses, kWidth);
  CHECK_THROWS_AS(Trainer(network, context, {.steps = 0}), Error);
  CHECK_THROWS_AS(Trainer(network, context, {.steps = 5, .warmup = 5}), Error);
  CHECK_THROWS_AS(Trainer(network, context, {.steps = 5, .learning_rate = 0}), Error);
  CHECK_THROWS_AS(Trainer(network, context, {.steps = 5, .learning_rate = std::nan("")}), Error);

  TrainingRun run;
  Batch batch = batch_of(0);
  batch.labels.pop_back();
  CHECK_THROWS_AS(run.trainer.step(std::move(batch)), Error);
  run.train();
  CHECK_THROWS_AS(run.trainer.step(batch_of(0)), Error);
  CHECK_THROWS_AS(scenes::training_batch(context, {.batch = 0}, 0), Error);
  CHECK_THROWS_AS(scenes::training_batch(context, {.scenes = 0}, 0), Error);
}
