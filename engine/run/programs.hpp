// The programs of one network, made once for each kind of input and question.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "engine/run/program.hpp"

namespace backlight {

/// Shared by threads. Keeps the programs that were asked for last.
class Programs {
 public:
  /// The network must outlive it. Its weights may change: what was folded from others is made anew.
  explicit Programs(const Network& network, Optimisations optimise = Optimisations::all(),
                    std::size_t limit = 8)
      : network_(network), optimise_(optimise), limit_(limit) {}

  const Network& network() const { return network_; }
  /// For the context's device; `options.optimise` is the one given at the start. Throws as Program does.
  std::shared_ptr<const Program> get(const Context& context, std::span<const TensorType> inputs,
                                     ProgramOptions options);

 private:
  struct Entry {
    Device device;
    cpu::Isa isa;
    std::vector<TensorType> inputs;
    ProgramOptions asked;
    std::shared_ptr<const Program> program;
  };

  const Network& network_;
  Optimisations optimise_;
  std::size_t limit_;
  std::mutex mutex_;
  std::list<Entry> entries_;  ///< the one asked for last in front
};

}  // namespace backlight
