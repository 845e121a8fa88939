// Threads that share the work of one caller.
#pragma once

#include <cstdint>
#include <memory>

#include "engine/core/function_ref.hpp"

namespace backlight {

/// Work that is the same on every item, done by whichever thread is free.
class ThreadPool {
 public:
  /// `threads` counts the caller too; 0 takes all the processors this process may use. Throws Error(usage)
  /// for a negative number, Error(resources) where the system starts no more threads.
  explicit ThreadPool(int threads = 0);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int size() const;

  /// Calls fn(item, worker) once for every item in [0, items), worker in [0, size()), and returns when all
  /// are done. The first exception of an item is rethrown. An item must not call run() of the same pool.
  void run(std::int64_t items, FunctionRef<void(std::int64_t item, int worker)> fn);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace backlight
