#include "engine/core/threads.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "engine/core/error.hpp"
#include "engine/core/processors.hpp"

namespace backlight {

namespace {

/// How long a thread looks for what it waits for before it sleeps: in a network the next job follows within
/// microseconds, and waking a thread takes longer.
constexpr std::chrono::microseconds kPatience{50};

/// Whether `ready` came true while there was patience; meanwhile who else wants the processor gets it.
template <class Ready>
bool soon(const Ready& ready) {
  for (int i = 0; i < 200; ++i) {
    if (ready()) return true;
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }
  for (const auto end = std::chrono::steady_clock::now() + kPatience; std::chrono::steady_clock::now() < end;
       std::this_thread::yield())
    if (ready()) return true;
  return false;
}

}  // namespace

// One job at a time. A worker joins a job under the mutex and leaves it under the mutex, so that the job's
// fields never change while somebody works on it; only the item counter is contended.
struct ThreadPool::State {
  std::mutex mutex;
  std::condition_variable job_posted, job_left;
  std::vector<std::thread> workers;

  const FunctionRef<void(std::int64_t, int)>* fn = nullptr;
  std::int64_t items = 0;
  std::atomic<std::uint64_t> generation = 0;  ///< changes under the mutex, as does:
  std::atomic<int> active = 0;
  bool stop = false;
  std::exception_ptr failure;
  std::atomic<std::int64_t> next{0};

  ~State() {
    {
      const std::lock_guard lock(mutex);
      stop = true;
    }
    job_posted.notify_all();
    for (std::thread& worker : workers) worker.join();
  }

  void work(int worker) {
    for (std::int64_t item = next++; item < items; item = next++) {
      try {
        (*fn)(item, worker);
      } catch (...) {
        const std::lock_guard lock(mutex);
        if (!failure) failure = std::current_exception();
        next = items;
      }
    }
  }

  void loop(int worker) {
    std::uint64_t seen = 0;
    while (true) {
      soon([&] { return generation != seen; });
      std::unique_lock lock(mutex);
      job_posted.wait(lock, [&] { return stop || generation != seen; });
      if (stop) return;
      seen = generation;
      if (!fn) continue;
      ++active;
      lock.unlock();
      work(worker);
      lock.lock();
      if (--active == 0) job_left.notify_one();
    }
  }
};

ThreadPool::ThreadPool(int threads) : state_(std::make_unique<State>()) {
  if (threads < 0)
    throw Error(ErrorKind::usage, "the number of threads is ", threads, ": expected 0 or more");
  if (threads == 0) threads = usable_processors();
  int worker = 1;
  try {
    for (; worker < threads; ++worker)
      state_->workers.emplace_back([state = state_.get(), worker] { state->loop(worker); });
  } catch (const std::system_error& error) {
    throw Error(ErrorKind::resources, "thread ", worker + 1, " of ", threads, " could not be started (",
                error.code().message(), "): ask for fewer threads");
  }
}

ThreadPool::~ThreadPool() = default;

int ThreadPool::size() const { return static_cast<int>(state_->workers.size()) + 1; }

void ThreadPool::run(std::int64_t items, FunctionRef<void(std::int64_t, int)> fn) {
  State& state = *state_;
  if (items <= 1 || state.workers.empty()) {
    for (std::int64_t item = 0; item < items; ++item) fn(item, 0);
    return;
  }
  {
    const std::lock_guard lock(state.mutex);
    state.fn = &fn;
    state.items = items;
    state.failure = nullptr;
    state.next = 0;
    ++state.generation;
  }
  state.job_posted.notify_all();
  state.work(0);
  soon([&] { return state.active == 0; });
  std::unique_lock lock(state.mutex);
  state.job_left.wait(lock, [&] { return state.active == 0; });
  state.fn = nullptr;
  if (state.failure) std::rethrow_exception(std::exchange(state.failure, nullptr));
}

}  // namespace backlight
