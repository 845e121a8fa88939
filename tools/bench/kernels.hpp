// The subcommand `kernels`.
#pragma once

#include <string>

namespace backlight::bench {

struct KernelsOptions {
  std::string filter;  ///< only topics whose name contains this
  int repeat = 50;
  int device = 0;        ///< the N of cuda:N
  std::string csv, svg;  ///< files to write; empty for none
  bool force = false;    ///< overwrite them
};

/// Prints the table on stdout. Throws Error(usage) for a file that is there already, Error(resources) for one
/// that cannot be written.
void bench_kernels(const KernelsOptions& options);

}  // namespace backlight::bench
