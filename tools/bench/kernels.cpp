#include "tools/bench/kernels.hpp"

#include <cstdio>
#include <iostream>

#include "engine/core/error.hpp"
#include "engine/core/output_file.hpp"
#include "engine/image/write.hpp"
#include "engine/runtime/cuda/devices.hpp"
#include "engine/runtime/device.hpp"
#include "tools/bench/cpu_kernels.hpp"
#include "tools/bench/kernel_report.hpp"
#ifdef BACKLIGHT_BENCH_TIMES_KERNELS
#include "tools/bench/kernel_timing.hpp"
#endif

namespace backlight::bench {
namespace {

KernelReport untimed(const KernelsOptions& options, std::string because) {
  KernelReport report = static_report(options.filter);
  report.untimed_because = std::move(because);
  return report;
}

KernelReport make_report(const KernelsOptions& options) {
  const cuda::Devices devices = cuda::devices();
  if (devices.build == cuda::Build::emulated)
    return untimed(options,
                   "in this build kernels run on the processor, whose times say nothing about a card");
  if (devices.found.empty()) return untimed(options, devices.obstacle);
#ifdef BACKLIGHT_BENCH_TIMES_KERNELS
  Context context(options.device);
  return timed_report(context, options.filter, {.repeat = options.repeat > 0 ? options.repeat : 50});
#else
  return untimed(options, "this program was built without the study's kernels");
#endif
}

void refuse_existing(const std::string& path, bool force) {
  if (!force && is_taken(path)) throw Error(ErrorKind::usage, path, ": exists; --force overwrites it");
}

void write_text(const std::string& path, const std::string& text) {
  if (!path.empty()) write_file(path, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

}  // namespace

void bench_kernels(const KernelsOptions& options) {
  if (options.device.kind == Device::Kind::cpu) {
    if (!options.csv.empty() || !options.svg.empty())
      throw Error(ErrorKind::usage,
                  "--csv and --svg are of the GPU's ladders: leave them out, or --device cpu");
    if (!bench_cpu_kernels(options.filter, options.repeat > 0 ? options.repeat : 10, options.threads,
                           std::cout))
      throw Error(ErrorKind::usage, "no topic's name contains '", options.filter,
                  "'; on the CPU there are cpu_convolution, cpu_product");
    return;
  }
  refuse_existing(options.csv, options.force);
  refuse_existing(options.svg, options.force);
  const KernelReport report = make_report(options);
  if (report.rows.empty())
    throw Error(ErrorKind::usage, "no topic's name contains '", options.filter,
                "'; there are gradient_gap, guided_relu, sgemm, upsampling, weighted_sum");
  std::fputs(to_markdown(report).c_str(), stdout);
  write_text(options.csv, to_csv(report));
  write_text(options.svg, to_svg(report));
}

}  // namespace backlight::bench
