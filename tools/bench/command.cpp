// backlight bench: where a network's time goes on this processor, layer by layer.
#include <CLI/CLI.hpp>
#include <memory>

#include "tools/backlight/commands.hpp"
#include "tools/backlight/common.hpp"
#include "tools/backlight/result_json.hpp"
#include "tools/backlight/scores.hpp"
#include "tools/backlight/table.hpp"
#include "tools/bench/layer_times.hpp"
#include "tools/bench/random.hpp"

namespace backlight::tools {
namespace {

using bench::LayerTime;
using bench::LayerTimes;
using bench::PassTime;
using bench::Peak;

enum class BenchJob { forward, grad_cam };
constexpr std::array<std::pair<std::string_view, BenchJob>, 2> kBenchJobs{
    {{"forward", BenchJob::forward}, {"grad-cam", BenchJob::grad_cam}}};

struct BenchOptions {
  NetworkOptions network;
  DeviceOptions device{.device = "cpu", .optimise = "all"};
  std::string job = "forward";
  int repeat = 20;
  std::int64_t batch = 1;
  bool json = false;
  Console console;
};

/// What was timed and how fast it could have been.
struct Bench {
  std::string architecture, weights;
  Shape input;
  std::string job;
  int repeat;
  int threads;
  std::string_view isa;
  Peak peak;
  LayerTimes times;
};

/// By the least time: the shortest undisturbed pass says most about the kernel.
struct Rates {
  double gflop_per_s, gb_per_s, share;
  const char* bound;
};

Rates rates_of(const Peak& peak, std::int64_t operations, std::int64_t executed, std::int64_t bytes,
               double ms) {
  const bench::LeastTime floor = least_time(peak, static_cast<double>(executed), static_cast<double>(bytes));
  return {static_cast<double>(operations) / ms * 1e-6, static_cast<double>(bytes) / ms * 1e-6, floor.ms / ms,
          floor.bound};
}

/// The floor is a sum of the layers' own, which one bound does not describe.
Rates whole_rates(const Bench& bench, std::int64_t& operations, std::int64_t& bytes) {
  double floor = 0;
  for (const LayerTime& layer : bench.times.layers) {
    operations += layer.operations;
    bytes += layer.bytes;
    floor += least_time(bench.peak, static_cast<double>(layer.executed), static_cast<double>(layer.bytes)).ms;
  }
  const double ms = bench.times.whole.least_ms;
  return {static_cast<double>(operations) / ms * 1e-6, static_cast<double>(bytes) / ms * 1e-6, floor / ms,
          ""};
}

std::vector<std::string> cells(std::vector<std::string> names, const PassTime& time, const Rates& rates,
                               std::int64_t operations, std::int64_t bytes) {
  const bool computes = operations > 0;
  for (const std::string& cell :
       {decimal(time.median_ms, 3), decimal(time.least_ms, 3),
        computes ? decimal(static_cast<double>(operations) * 1e-9, 3) : "",
        computes ? decimal(rates.gflop_per_s, 1) : "", decimal(static_cast<double>(bytes) * 1e-6, 2),
        decimal(rates.gb_per_s, 1), percent(rates.share), std::string(rates.bound)})
    names.push_back(cell);
  return names;
}

std::string bench_text(const Bench& bench) {
  Table table({"layer", "kind", "kernel", "shape", "ms", "least", "GFLOP", "GFLOP/s", "MB", "GB/s", "of peak",
               "bound"});
  for (std::size_t column = 4; column < 11; ++column) table.align_right(column);
  for (const LayerTime& layer : bench.times.layers) {
    const Rates rates =
        rates_of(bench.peak, layer.operations, layer.executed, layer.bytes, layer.time.least_ms);
    table.add(cells({layer.name, layer.kind + (layer.backward ? ", backward" : ""),
                     layer.kernel.empty() ? "" : text(layer.kernel, " ", bench.isa), text(layer.shape)},
                    layer.time, rates, layer.operations, layer.bytes));
  }
  std::int64_t operations = 0, bytes = 0;
  const Rates rates = whole_rates(bench, operations, bytes);
  table.add(cells({"total", bench.job, "", text(bench.input)}, bench.times.whole, rates, operations, bytes));
  return text(bench.architecture, ", ", bench.weights.empty() ? "random weights" : bench.weights, ", ",
              counted(static_cast<std::size_t>(bench.threads), "thread"), ", ", bench.isa, ": at most ",
              decimal(bench.peak.gflop_per_s, 1), " GFLOP/s and ", decimal(bench.peak.gb_per_s, 1),
              " GB/s read, measured now\n\n", table.str());
}

Json times_json(const PassTime& time, const Rates& rates, std::int64_t operations, std::int64_t bytes) {
  return {{"median_ms", time.median_ms},
          {"least_ms", time.least_ms},
          {"operations", operations},
          {"gflop_per_s", rates.gflop_per_s},
          {"bytes", bytes},
          {"gb_per_s", rates.gb_per_s},
          {"share_of_peak", rates.share}};
}

Json bench_json(const Bench& bench) {
  Json json = document("bench");
  json["architecture"] = bench.architecture;
  json["weights"] = bench.weights.empty() ? Json() : Json(bench.weights);
  json["input_shape"] = bench.input.extents();
  json["job"] = bench.job;
  json["repeat"] = bench.repeat;
  json["threads"] = bench.threads;
  json["isa"] = bench.isa;
  json["peak"] = {{"gflop_per_s", bench.peak.gflop_per_s}, {"gb_per_s", bench.peak.gb_per_s}};
  json["layers"] = Json::array();
  for (const LayerTime& layer : bench.times.layers) {
    const Rates rates =
        rates_of(bench.peak, layer.operations, layer.executed, layer.bytes, layer.time.least_ms);
    Json entry = times_json(layer.time, rates, layer.operations, layer.bytes);
    entry["name"] = layer.name;
    entry["kind"] = layer.kind;
    entry["pass"] = layer.backward ? "backward" : "forward";
    entry["kernel"] = layer.kernel.empty() ? Json() : Json(layer.kernel);
    entry["shape"] = layer.shape.extents();
    entry["executed_operations"] = layer.executed;
    entry["bound"] = rates.bound;
    json["layers"].push_back(std::move(entry));
  }
  std::int64_t operations = 0, bytes = 0;
  const Rates rates = whole_rates(bench, operations, bytes);
  json["total"] = times_json(bench.times.whole, rates, operations, bytes);
  return json;
}

void run_bench(BenchOptions& options) {
  const BenchJob job = parse_choice("job", options.job, kBenchJobs);
  const Optimisations optimise = optimisations(options.device, /*pictures=*/2);
  Context context = make_context(options.device, options.console);
  BareModel model = load_or_build_network(options.network, options.console);
  if (options.network.weights.empty()) bench::randomise(model.network);
  const Preprocessing& how = model.info.preprocessing;
  Tensor x({options.batch, how.channels, how.input_size, how.input_size});
  bench::fill_uniform(x, 1, -1, 1);
  std::optional<NodeId> layer;
  if (job == BenchJob::grad_cam) layer = model.network.find(model.info.default_layers.pytorch_grad_cam);
  Programs programs(model.network, optimise);
  const int measurements = std::min(options.repeat, 10);
  const Peak before = bench::measure_peak(context, measurements);
  LayerTimes times = bench::time_layers(programs, context, x, layer, options.repeat);
  const Peak peak = best(before, bench::measure_peak(context, measurements));
  const Bench done{model.info.name,   options.network.weights,     x.shape(), options.job,     options.repeat,
                   context.threads(), cpu::name_of(context.isa()), peak,      std::move(times)};
  options.console.print(options.json ? dump(bench_json(done)) : bench_text(done));
}

constexpr const char* kBenchFooter = R"(Examples:
  backlight bench resnet50
  backlight bench vgg16 --isa avx2 --threads 1
  backlight bench --weights my-vgg.pth --job grad-cam --json)";

}  // namespace

void add_bench_command(CLI::App& app) {
  auto options = std::make_shared<BenchOptions>();
  CLI::App& command = *app.add_subcommand(
      "bench",
      "Time a network layer by layer on this processor: by which kernel, how fast, how near to its peak");
  command.add_option("network", options->network.model, "A network's name [efficientnet_lite0]")
      ->type_name("NAME");
  add_network_options(command, options->network);
  for (const char* of_a_file : {"--key", "--prefix", "--ignore-unused"})
    command.get_option(of_a_file)->needs("--weights");
  command.add_option("--job", options->job, "What to time: forward, grad-cam (at pytorch-grad-cam's layer)")
      ->type_name("NAME")
      ->capture_default_str();
  command.add_option("--repeat", options->repeat, "Passes to time, after one that is not counted")
      ->check(CLI::Range(1, 100000))
      ->option_text("N [20]");
  command.add_option("--batch", options->batch, "Pictures at once, of random numbers")
      ->check(CLI::Range(1, 1024))
      ->option_text("N [1]");
  command
      .add_option("--threads", options->device.threads,
                  "Threads to use [all processors that the process may use]")
      ->group("Computation")
      ->option_text("N")
      ->check(CLI::Range(1, 1024));
  add_isa_option(command, options->device.isa);
  add_optimise_option(command, options->device);
  command.add_flag("--json", options->json, "Print JSON (see tools/README.md) instead of a table");
  options->console.add_options(command);
  command.footer(kBenchFooter);
  command.callback([options] { run_bench(*options); });
}

}  // namespace backlight::tools
