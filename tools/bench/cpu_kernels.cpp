#include "tools/bench/cpu_kernels.hpp"

#include <algorithm>
#include <functional>
#include <iomanip>
#include <ostream>
#include <string>
#include <vector>

#include "kernels/study/cpu_convolution/ladder.hpp"
#include "kernels/study/cpu_product/ladder.hpp"
#include "tools/bench/peak.hpp"
#include "tools/bench/random.hpp"

namespace backlight::bench {
namespace {

struct Rung {
  std::string name;
  bool all_threads;
  std::function<void()> run;
  double least_ms = 0;
};

struct Problem {
  std::string topic, shape;
  Cost cost;
  std::vector<Tensor> arrays = {};
  std::vector<Rung> rungs = {};
};

Tensor uniform(const Shape& shape) {
  Tensor tensor(shape);
  fill_uniform(tensor, 1, -1, 1);
  return tensor;
}

Problem product(const study::cpu_product::Params& p, Context& one, Context& all) {
  Problem problem{"cpu_product", text(p.m, "×", p.n, "×", p.k), study::cpu_product::cost(p)};
  problem.arrays.push_back(uniform({p.m, p.k}));
  problem.arrays.push_back(uniform({p.k, p.n}));
  problem.arrays.push_back(uniform({p.m, p.n}));
  const float *a = problem.arrays[0].data<float>(), *b = problem.arrays[1].data<float>();
  float* const c = problem.arrays[2].data<float>();
  for (const auto& version : study::cpu_product::kLadder) {
    Context& context = version.all_threads ? all : one;
    problem.rungs.push_back(
        {version.name, version.all_threads, [=, &context, &version] { version.run(context, p, a, b, c); }});
  }
  return problem;
}

Problem convolution(const study::cpu_convolution::Params& p, Context& one, Context& all) {
  Problem problem{"cpu_convolution", text(p.in, "×", p.height, "×", p.width, " to ", p.out),
                  study::cpu_convolution::cost(p)};
  problem.arrays.push_back(uniform({p.out, p.in, 3, 3}));
  problem.arrays.push_back(uniform({p.in, p.plane()}));
  problem.arrays.push_back(uniform({p.out, p.plane()}));
  const float *w = problem.arrays[0].data<float>(), *x = problem.arrays[1].data<float>();
  float* const y = problem.arrays[2].data<float>();
  for (const auto& version : study::cpu_convolution::kLadder) {
    const auto convolve = version.run(version.all_threads ? all : one, p, w);
    problem.rungs.push_back({version.name, version.all_threads, [=] { convolve(x, y); }});
  }
  return problem;
}

}  // namespace

bool bench_cpu_kernels(std::string_view filter, int rounds, int threads, std::ostream& out) {
  Context one({}, 1), all({}, threads);
  std::vector<Problem> problems;
  problems.push_back(convolution({64, 64, 56, 56}, one, all));
  problems.push_back(convolution({256, 256, 14, 14}, one, all));
  problems.push_back(product({512, 512, 512}, one, all));
  problems.push_back(product({512, 196, 4608}, one, all));
  std::erase_if(problems, [&](const Problem& p) { return p.topic.find(filter) == std::string::npos; });
  if (problems.empty()) return false;

  Peak one_peak = measure_peak(one, 3), all_peak = measure_peak(all, 3);
  for (Problem& problem : problems) {
    for (Rung& rung : problem.rungs) rung.run();
    for (int round = 0; round < rounds; ++round)
      for (Rung& rung : problem.rungs) {
        const double ms = time_once(rung.run);
        rung.least_ms = round == 0 ? ms : std::min(rung.least_ms, ms);
      }
    one_peak = best(one_peak, measure_peak(one, 3));
    all_peak = best(all_peak, measure_peak(all, 3));
  }

  out << std::fixed << std::setprecision(1) << "By " << cpu::name_of(all.isa()) << ": at most "
      << one_peak.gflop_per_s << " GFLOP/s and " << one_peak.gb_per_s << " GB/s read with one thread, "
      << all_peak.gflop_per_s << " and " << all_peak.gb_per_s << " with " << all.threads()
      << ". The least of " << rounds
      << " rounds; operations are the equation's, of which Winograd's algorithm needs fewer.\n\n"
         "| topic | shape | version | ms | GFLOP/s | of peak |\n|---|---|---|--:|--:|--:|\n";
  for (const Problem& problem : problems)
    for (const Rung& rung : problem.rungs) {
      const double rate = static_cast<double>(problem.cost.flops) / rung.least_ms * 1e-6;
      out << "| " << problem.topic << " | " << problem.shape << " | " << rung.name << " | "
          << std::setprecision(2) << rung.least_ms << " | " << std::setprecision(1) << rate << " | "
          << 100 * rate / (rung.all_threads ? all_peak : one_peak).gflop_per_s << " % |\n";
    }
  return true;
}

}  // namespace backlight::bench
