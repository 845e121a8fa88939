// backlight-bench: how long networks, single convolutions, the study's kernels and the processor's peak take
// on this machine.

#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>
#include <map>
#include <string>
#include <vector>

#include "engine/run/run.hpp"
#include "kernels/conv2d/conv2d_layer.hpp"
#include "tools/bench/kernels.hpp"
#include "tools/bench/networks.hpp"
#include "tools/bench/peak.hpp"
#include "tools/bench/random.hpp"
#include "tools/bench/timing.hpp"

using namespace backlight;
using namespace backlight::bench;

namespace {

/// A convolution of one of the networks.
struct ConvCase {
  const char* name;
  std::int64_t in, out, extent;
  Conv2dOptions options;
};
const ConvCase kConvCases[] = {
    {"vgg 3x3 3-64 224", 3, 64, 224, {.kernel = 3, .padding = 1}},
    {"vgg 3x3 64-64 224", 64, 64, 224, {.kernel = 3, .padding = 1}},
    {"vgg 3x3 128-128 112", 128, 128, 112, {.kernel = 3, .padding = 1}},
    {"vgg 3x3 256-256 56", 256, 256, 56, {.kernel = 3, .padding = 1}},
    {"vgg 3x3 512-512 28", 512, 512, 28, {.kernel = 3, .padding = 1}},
    {"vgg 3x3 512-512 14", 512, 512, 14, {.kernel = 3, .padding = 1}},
    {"resnet 3x3 512-512 7", 512, 512, 7, {.kernel = 3, .padding = 1, .bias = false}},
    {"resnet 7x7/2 3-64 224", 3, 64, 224, {.kernel = 7, .stride = 2, .padding = 3}},
    {"resnet 3x3/2 128-128 56", 128, 128, 56, {.kernel = 3, .stride = 2, .padding = 1}},
    {"resnet 1x1/2 256-512 56", 256, 512, 56, {.stride = 2, .bias = false}},
    {"resnet 1x1 64-256 56", 64, 256, 56, {.bias = false}},
    {"resnet 1x1 256-64 56", 256, 64, 56, {.bias = false}},
    {"resnet 1x1 512-128 28", 512, 128, 28, {.bias = false}},
    {"resnet 1x1 1024-256 14", 1024, 256, 14, {.bias = false}},
    {"resnet 1x1 256-1024 14", 256, 1024, 14, {.bias = false}},
    {"resnet 1x1 512-2048 7", 512, 2048, 7, {.bias = false}},
    {"resnet 1x1 2048-512 7", 2048, 512, 7, {.bias = false}},
    {"alexnet 11x11/4 3-64 224", 3, 64, 224, {.kernel = 11, .stride = 4, .padding = 2}},
    {"alexnet 5x5 64-192 27", 64, 192, 27, {.kernel = 5, .padding = 2}},
    {"lite0 depthwise 3x3 96/2 112", 96, 96, 112, {.kernel = 3, .stride = 2, .same = true, .groups = 96}},
    {"lite0 depthwise 3x3 144 56", 144, 144, 56, {.kernel = 3, .same = true, .groups = 144}},
    {"lite0 depthwise 5x5 480 14", 480, 480, 14, {.kernel = 5, .same = true, .groups = 480}},
    {"lite0 depthwise 5x5 1152 7", 1152, 1152, 7, {.kernel = 5, .same = true, .groups = 1152}},
};

void bench_conv2d(const ConvCase& c, const NetworkOptions& options) {
  Network network(c.in);
  network.add("conv", conv2d(c.in, c.out, c.options));
  randomise(network);
  Context context({}, options.threads, Precision::strict, options.isa);
  Tensor x({options.batch, c.in, c.extent, c.extent});
  fill_uniform(x, 99, -1, 1);
  const Layer& layer = *network.node(1).layer;
  const Shape shapes[] = {x.shape()};
  Tensor y = context.empty(layer.output_shape(shapes));
  Tensor dy = context.empty(y.shape());
  Tensor dx = context.empty(x.shape());
  fill_uniform(dy, 98, -1, 1);
  const Saved saved;
  const Tensor* const inputs[] = {&x};
  const Tensor* const seeds[] = {&dy};
  const Tensor* const unread[] = {nullptr};
  std::vector<const Tensor*> w;
  for (std::size_t i = 0; i < network.weights().size(); ++i) w.push_back(&network.weights()[i]);
  Tensor* const outputs[] = {&y};
  Tensor* const gradients[] = {&dx};
  const double flop = 2.0 * static_cast<double>(y.numel()) * static_cast<double>(w[0]->numel() / c.out);
  const Timing forward = time_calls(options.repeat, [&] { layer.forward({context, inputs, w, outputs}); });
  const Timing backward = time_calls(options.repeat, [&] {
    layer.backward({context, inputs, shapes, w, unread, saved, seeds, gradients, {}});
  });
  std::printf("%-30s", c.name);
  for (const Timing& timing : {forward, backward})
    std::printf(" %9.3f %7.1f %7.1f   ", timing.wall_ms, flop / timing.wall_ms * 1e-6,
                flop / timing.cpu_ms * 1e-6);
  std::printf("\n");
}

const std::map<std::string, Precision> kPrecisions{
    {"strict", Precision::strict}, {"tf32", Precision::tf32}, {"f16", Precision::f16}};

const std::map<std::string, Job> kJobs{{"forward", Job::forward},
                                       {"grad-cam", Job::grad_cam},
                                       {"class-maps", Job::class_maps},
                                       {"guided-backprop", Job::guided_backprop},
                                       {"guided-grad-cam", Job::guided_grad_cam},
                                       {"eigen-cam", Job::eigen_cam},
                                       {"eigen-map", Job::eigen_map},
                                       {"ablation-cam", Job::ablation_cam},
                                       {"score-cam", Job::score_cam},
                                       {"road", Job::road}};
const std::map<std::string, Optimisations> kOptimisations{
    {"none", Optimisations::none()}, {"exact", Optimisations::exact()}, {"all", Optimisations::all()}};

int run(int argc, char** argv) {
  CLI::App app("Timings of backlight on this machine, on random numbers", "backlight-bench");
  app.require_subcommand(1);
  NetworkOptions options;
  std::string name, device = "cpu", isa = "auto", precision = "strict", job = "forward", optimise = "all";
  std::vector<std::string> names;
  NetworkFiles files;
  Pace pace;
  const auto common = [&](CLI::App* command) {
    command->add_option("--threads", options.threads, "threads; 0 takes all processors")
        ->check(CLI::NonNegativeNumber);
    command->add_option("--isa", isa, "the CPU's kernels: avx512, avx2, portable, or auto for the widest")
        ->type_name("NAME")
        ->capture_default_str();
    command->add_option("--repeat", options.repeat, "timed calls")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    command->add_option("--batch", options.batch, "images at once")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
  };
  const auto on_device = [&](CLI::App* command) {
    common(command);
    command->add_option("--device", device, "cpu, cuda or cuda:N")->capture_default_str();
    command->add_option("--precision", precision, "how a GPU multiplies: strict, tf32 or f16")
        ->check(CLI::IsMember(kPrecisions))
        ->type_name("NAME")
        ->capture_default_str();
    command->add_option("--optimise", optimise, "as in backlight: none, exact or all")
        ->check(CLI::IsMember(kOptimisations))
        ->type_name("NAME")
        ->capture_default_str();
    command->add_flag("--autotune", options.tune, "choose cuDNN's plans by measuring them");
  };
  CLI::App* network =
      app.add_subcommand("network", "what a network does, time and again: one line each, in ms");
  network->add_option("name", name, "e.g. vgg16")->required();
  network
      ->add_option("--job", job,
                   "forward, grad-cam, class-maps, guided-backprop, guided-grad-cam, eigen-cam, eigen-map, "
                   "ablation-cam, score-cam or road")
      ->check(CLI::IsMember(kJobs))
      ->type_name("NAME")
      ->capture_default_str();
  network->add_flag(
      "--paced", pace.paced,
      "say `ready`, then wait for a line of input before each, so that a script can interleave");
  network->add_flag("--cold", pace.cold, "count the first time, too");
  network->add_option("--weights", files.weights, "a file of its weights; random ones by default");
  network->add_option("--input", files.input, "a file of raw float32, N×3×H×W; random by default");
  network->add_option("--output", files.output, "write the job's result to this .npy, replacing it");
  on_device(network);
  CLI::App* explain = app.add_subcommand(
      "explain",
      "Grad-CAM with Guided Backprop, layer by layer and replayed as a CUDA graph: a table of medians");
  explain->add_option("names", names, "e.g. resnet50 vgg16")->required();
  on_device(explain);
  CLI::App* conv = app.add_subcommand("conv2d", "convolutions of the networks, one by one");
  conv->add_option("filter", name, "only those whose name contains this");
  common(conv);
  CLI::App* peak = app.add_subcommand("peak", "rates of the micro-kernel alone and of reading memory");
  common(peak);
  KernelsOptions kernels_options;
  std::string kernels_device = "cuda";
  CLI::App* kernels =
      app.add_subcommand("kernels", "the versions of kernels/study, on a GPU if there is one, or the CPU's");
  kernels->add_option("filter", kernels_options.filter, "only topics whose name contains this");
  kernels
      ->add_option("--repeat", kernels_options.repeat,
                   "measurements each: on a GPU their median is shown [50], of the CPU the least [10]")
      ->check(CLI::PositiveNumber);
  kernels->add_option("--device", kernels_device, "cuda, cuda:N or cpu")->capture_default_str();
  kernels
      ->add_option("--threads", kernels_options.threads, "of the CPU's last versions; 0 takes all processors")
      ->check(CLI::NonNegativeNumber);
  kernels->add_option("--csv", kernels_options.csv, "also write the figures to this file");
  kernels->add_option("--svg", kernels_options.svg, "also draw them");
  kernels->add_flag("--force", kernels_options.force, "overwrite files");
  CLI11_PARSE(app, argc, argv);

  options.device = Device::parse(device);
  options.isa = cpu::isa_named(isa);
  options.precision = kPrecisions.at(precision);
  options.optimise = kOptimisations.at(optimise);
  if (network->parsed()) bench_network(name, kJobs.at(job), options, pace, std::cout, files);
  if (explain->parsed() && !bench_explanations(names, options, std::cout)) return 1;
  if (conv->parsed()) {
    std::printf("%-30s %27s   %27s\n", "", "forward: ms, GFLOP/s, by cpu", "backward to x: likewise");
    for (const ConvCase& c : kConvCases)
      if (std::string_view(c.name).find(name) != std::string_view::npos) bench_conv2d(c, options);
  }
  if (kernels->parsed()) {
    kernels_options.device = Device::parse(kernels_device);
    bench_kernels(kernels_options);
  }
  if (peak->parsed()) {
    const Context context({}, options.threads, Precision::strict, options.isa);
    const Peak best = measure_peak(context, options.repeat);
    std::printf("%.1f GFLOP/s, %.1f per second of processor time, by %s\n%.1f GB/s read\n", best.gflop_per_s,
                best.gflop_per_cpu_s, cpu::name_of(context.isa()).data(), best.gb_per_s);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "backlight-bench: %s\n", error.what());
    return 1;
  }
}
