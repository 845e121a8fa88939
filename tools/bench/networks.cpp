#include "tools/bench/networks.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <iomanip>
#include <iostream>
#include <map>
#include <memory>
#include <sstream>

#include "engine/core/error.hpp"
#include "engine/evaluate/road.hpp"
#include "engine/explain/display.hpp"
#include "engine/explain/explanation_graph.hpp"
#include "engine/explain/methods.hpp"
#include "engine/explain/methods/per_image.hpp"
#include "engine/image/write.hpp"
#include "engine/runtime/cuda/devices.hpp"
#include "kernels/upsample/upsample.hpp"
#include "models/model.hpp"
#include "tools/bench/allocations.hpp"
#include "tools/bench/random.hpp"
#include "tools/bench/timing.hpp"
#include "weights/file_bytes.hpp"

namespace backlight::bench {
namespace {

Context timed_context(const NetworkOptions& options) {
  if (options.device.kind == Device::Kind::cuda && cuda::devices().build == cuda::Build::emulated)
    throw Error(ErrorKind::unsupported, "in this build ", options.device,
                " is the processor, whose times say nothing about a card: build with -DBACKLIGHT_CUDA=REAL");
  Context context(options.device, options.threads, options.precision, options.isa);
  context.tune(options.tune);
  return context;
}

std::shared_ptr<const Program> program_for(Programs& programs, const Context& context, const Tensor& x) {
  return programs.get(context, std::vector<TensorType>{{x.dtype(), x.shape()}}, {});
}

/// What is asked about, of every image.
constexpr std::int64_t kClass = 7;

Network network_of(const std::string& name, const std::string& weights) {
  if (!weights.empty()) return load_model(weights, {.model = name}).network;
  Network network = build_model(name, 1000);
  randomise(network);
  return network;
}

Tensor input_of(const std::string& name, std::int64_t batch, const std::string& file) {
  const std::int64_t size = model_info(name).preprocessing.input_size;
  Tensor x({batch, 3, size, size});
  if (file.empty()) {
    fill_uniform(x, 99, -1, 1);
    return x;
  }
  const weights::FileBytes content = weights::open_file(file);
  if (content.bytes().size() != x.bytes())
    throw Error(ErrorKind::bad_input, file, ": has ", content.bytes().size(), " bytes, but float32 of ",
                x.shape(), " are ", x.bytes(), "; --batch says how many images there are");
  std::memcpy(x.raw(), content.bytes().data(), x.bytes());
  return x;
}

/// A network in the context's memory, and an input for it in the host's.
struct Subject {
  Subject(const std::string& name, const Context& context, std::int64_t batch, const NetworkFiles& files = {})
      : network(network_of(name, files.weights)), x(input_of(name, batch, files.input)) {
    network.to(context);
  }
  Network network;
  Tensor x;
};

/// size×size: the gradients of every score.
Tensor identity(std::int64_t size) {
  Tensor one = Tensor::zeros({size, size});
  for (std::int64_t i = 0; i < size; ++i) one.data<float>()[i * size + i] = 1;
  return one;
}

/// Guided Grad-CAM as captum has it, N×C×H×W in the host's memory: so are the gradients and the maps (N×h×w).
Tensor guided_products(const Tensor& gradients, const Tensor& maps) {
  Tensor products(gradients.shape());
  auto next = products.values().begin();
  for (std::size_t n = 0; n < static_cast<std::size_t>(gradients.shape()[0]); ++n) {
    const Tensor product = guided_product(image_of(gradients, n), image_of(maps, n), Preset::captum);
    next = std::ranges::copy(product.values(), next).out;
  }
  return products;
}

const std::map<Job, const char*> kMethods{
    {Job::eigen_cam, "eigen-cam"}, {Job::ablation_cam, "ablation-cam"}, {Job::score_cam, "score-cam"}};

/// Maps of a method, N×h×w in the host's memory.
Tensor maps_of(std::string_view name, Probe& probe, NodeId layer) {
  const Question question{.target = {.classes = std::vector<std::int64_t>(
                                         static_cast<std::size_t>(probe.input().shape()[0]), kClass)},
                          .layer = layer};
  const std::vector<Result> results = find_method(name).explain(probe, question);
  const Shape& one = results.front().map->map.shape();
  Tensor maps({std::ssize(results), one[0], one[1]});
  auto next = maps.values().begin();
  for (const Result& result : results) next = std::ranges::copy(result.map->map.values(), next).out;
  return maps;
}

/// Smooth, and without equal values: H×W.
Tensor road_map(const Tensor& x) {
  constexpr std::int64_t kBlocks = 7;
  const std::int64_t height = x.shape()[2], width = x.shape()[3], rows = height / kBlocks,
                     columns = width / kBlocks;
  Tensor means({kBlocks, kBlocks});
  for (std::int64_t block = 0; block < means.numel(); ++block) {
    const float* const first = x.data<float>() + block / kBlocks * rows * width + block % kBlocks * columns;
    double sum = 0;
    for (std::int64_t y = 0; y < rows; ++y)
      for (std::int64_t column = 0; column < columns; ++column) sum += first[y * width + column];
    means.data<float>()[block] = static_cast<float>(sum / static_cast<double>(rows * columns));
  }
  return upsample(means, height, width, Upsampling::bilinear);
}

Tensor road_changes(Probe& probe) {
  const Scorer scorer(probe, {.classes = {kClass}});
  const Road found = road(scorer, road_map(probe.input()),
                          {.noise = std::vector<double>(static_cast<std::size_t>(scorer.channels()), 0.0),
                           .protocol = RoadProtocol::pytorch_grad_cam});
  Tensor changes({2, std::ssize(found.shares)});
  float* next = changes.data<float>();
  for (const RoadCurve* curve : {&found.morf, &found.lerf})
    for (const double score : curve->scores) *next++ = static_cast<float>(score - found.before);
  return changes;
}

}  // namespace

NetworkTimes time_network(const std::string& name, Context& context, const NetworkOptions& options) {
  const Subject subject(name, context, options.batch);
  const NodeId layer = subject.network.find(model_info(name).default_layers.pytorch_grad_cam);
  const std::vector<std::int64_t> classes(static_cast<std::size_t>(options.batch), kClass);
  const Tensor x = context.copy(subject.x);
  NetworkTimes times{};
  Programs programs(subject.network, options.optimise);
  times.forward_ms = time_calls(options.repeat, [&] {
                       const Run run(program_for(programs, context, x), context, tensors(context.copy(x)));
                       context.synchronize();
                     }).wall_ms;
  const auto explain = [&] {
    Explanation explanation(programs, context, context.copy(subject.x), {layer},
                            /*input_gradient=*/true);
    const Seed target = explanation.target(classes);
    const ClassMap map = explanation.grad_cam(layer, target);
    const Tensor gradient = explanation.gradient(target, BackwardRule::guided);
    context.synchronize();
  };
  times.explanation_ms = time_calls(options.repeat, explain).wall_ms;
  if (options.device.kind != Device::Kind::cuda) {
    const Allocations before{context.fresh_blocks(), heap_allocations()};
    explain();
    times.second = {context.fresh_blocks() - before.blocks, heap_allocations() - before.heap};
    return times;
  }
  ExplanationGraph graph(subject.network, subject.x.shape(),
                         {.layer = layer, .gradient = BackwardRule::guided}, options.device,
                         options.precision);
  times.replayed_ms = time_calls(options.repeat, [&] {
                        graph.run(subject.x, classes);
                        graph.context().synchronize();
                      }).wall_ms;
  return times;
}

void bench_network(const std::string& name, Job job, const NetworkOptions& options, Pace pace,
                   std::ostream& out, const NetworkFiles& files) {
  Context context = timed_context(options);
  const Subject subject(name, context, options.batch, files);
  const NodeId layer = subject.network.find(model_info(name).default_layers.pytorch_grad_cam);
  const std::vector<std::int64_t> classes(static_cast<std::size_t>(options.batch), kClass);
  Programs programs(subject.network, options.optimise);
  Tensor every_class;
  const auto make_probe = [&] {
    return std::make_unique<Probe>(programs, context, context.copy(subject.x), std::vector{layer},
                                   /*input_gradient=*/false, /*tails=*/job == Job::ablation_cam);
  };
  const std::unique_ptr<Probe> there = job == Job::eigen_map ? make_probe() : nullptr;
  const auto once = [&]() -> Tensor {
    if (job == Job::forward) {
      const Run run(program_for(programs, context, subject.x), context, tensors(context.copy(subject.x)));
      return context.to_host(run.output());
    }
    if (there) return maps_of("eigen-cam", *there, layer);
    if (const auto method = kMethods.find(job); method != kMethods.end())
      return maps_of(method->second, *make_probe(), layer);
    if (job == Job::road) return road_changes(*make_probe());
    const bool at_input = job == Job::guided_backprop || job == Job::guided_grad_cam;
    Explanation explanation(programs, context, context.copy(subject.x), {layer}, at_input);
    if (job == Job::class_maps) {
      if (!every_class.defined()) every_class = identity(explanation.scores().shape()[1]);
      return context.to_host(explanation.grad_cams(layer, every_class).map);
    }
    const Seed target = explanation.target(classes);
    Tensor map, gradient;
    if (job != Job::guided_backprop) map = context.to_host(explanation.grad_cam(layer, target).map);
    if (job == Job::grad_cam) return map;
    gradient = context.to_host(explanation.gradient(target, BackwardRule::guided));
    return job == Job::guided_backprop ? std::move(gradient) : guided_products(gradient, map);
  };
  const auto keep = [&](const Tensor& result) {
    if (!files.output.empty()) write_npy(files.output, result);
  };
  if (!pace.cold) keep(once());
  if (pace.paced) out << "ready" << std::endl;
  std::string line;
  for (int i = 0; i < options.repeat; ++i) {
    if (pace.paced && !std::getline(std::cin, line)) return;
    const auto begin = std::chrono::steady_clock::now();
    const Tensor result = once();
    const std::chrono::duration<double, std::milli> elapsed = std::chrono::steady_clock::now() - begin;
    if (pace.cold && i == 0) keep(result);
    out << std::fixed << std::setprecision(4) << elapsed.count() << std::endl;
  }
}

bool bench_explanations(const std::vector<std::string>& names, const NetworkOptions& options,
                        std::ostream& out) {
  Context context = timed_context(options);
  out << "| network | forward ms | explanation ms | replayed ms | times as fast | new blocks | heap calls |\n"
         "|---|---|---|---|---|---|---|\n";
  bool all = true;
  for (const std::string& name : names) {
    std::ostringstream row;
    row << std::fixed << std::setprecision(3) << "| " << name << " | ";
    try {
      const NetworkTimes times = time_network(name, context, options);
      row << times.forward_ms << " | " << times.explanation_ms << " | ";
      if (times.replayed_ms)
        row << *times.replayed_ms << " | " << std::setprecision(2)
            << times.explanation_ms / *times.replayed_ms;
      else
        row << " | ";
      if (times.second)
        row << " | " << times.second->blocks << " | " << times.second->heap;
      else
        row << " | | ";
    } catch (const Error& error) {
      row << "failed: " << error.what() << " | | | | | ";
      all = false;
    }
    out << row.str() << " |" << std::endl;
  }
  return all;
}

}  // namespace backlight::bench
