#include "tools/evaluate/ranks.hpp"

#include <condition_variable>
#include <cstdlib>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <vector>

#include "engine/core/error.hpp"
#include "tools/backlight/interrupt.hpp"

#ifdef BACKLIGHT_WITH_MPI
#include <mpi.h>
#endif

namespace backlight::tools {
namespace {

/// By MPICH's launchers and Slurm's, or by Open MPI's.
bool started_by_mpirun() { return std::getenv("PMI_RANK") != nullptr || std::getenv("PMIX_RANK") != nullptr; }

/// On the first rank: which tasks are still to be done, and what came of the others.
class Desk {
 public:
  explicit Desk(std::span<const std::size_t> tasks) : tasks_(tasks) {}

  /// The place of the next task; -1 where there is none, or a signal came.
  std::int64_t take() {
    const std::lock_guard lock(mutex_);
    if (signal_ == 0) signal_ = interrupted_by();
    return signal_ == 0 && next_ < std::ssize(tasks_) ? next_++ : -1;
  }
  void put(std::int64_t place, std::string answer, int signal) {
    {
      const std::lock_guard lock(mutex_);
      answers_[place] = std::move(answer);
      if (signal_ == 0) signal_ = signal;
    }
    changed_.notify_one();
  }
  /// Empty where the task was not begun, or, without waiting, is not done.
  std::optional<std::string> answer(std::int64_t place, bool wait) {
    std::unique_lock lock(mutex_);
    if (wait) changed_.wait(lock, [&] { return place == next_ || answers_.contains(place); });
    const auto at = answers_.find(place);
    if (at == answers_.end()) return std::nullopt;
    return std::move(answers_.extract(at).mapped());
  }
  std::size_t task(std::int64_t place) const { return tasks_[static_cast<std::size_t>(place)]; }
  /// What ended it before its last task.
  int signal() const { return next_ < std::ssize(tasks_) ? signal_ : 0; }

 private:
  std::span<const std::size_t> tasks_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::int64_t, std::string> answers_;
  std::int64_t next_ = 0;
  int signal_ = 0;
};

#ifdef BACKLIGHT_WITH_MPI
// A rank that is free sends what came of its task, nothing at first, with the signal that it took down as the tag; it
// gets the next task, or -1. MPI's functions that wait do so by trying again and again, so the desk asks and sleeps.

void serve(Desk& desk, int size, const std::stop_token& stop) {
  std::vector<std::int64_t> places(static_cast<std::size_t>(size), -1);
  for (int others = size - 1; others > 0 && !stop.stop_requested();) {
    int waits = 0, bytes = 0;
    MPI_Status from;
    MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, MPI_COMM_WORLD, &waits, &from);
    if (waits == 0) {
      std::this_thread::sleep_for(std::chrono::microseconds(200));
      continue;
    }
    MPI_Get_count(&from, MPI_BYTE, &bytes);
    std::string answer(static_cast<std::size_t>(bytes), '\0');
    MPI_Recv(answer.data(), bytes, MPI_BYTE, from.MPI_SOURCE, from.MPI_TAG, MPI_COMM_WORLD, &from);
    std::int64_t& place = places[static_cast<std::size_t>(from.MPI_SOURCE)];
    if (place >= 0) desk.put(place, std::move(answer), from.MPI_TAG);
    place = desk.take();
    const std::int64_t task = place < 0 ? -1 : static_cast<std::int64_t>(desk.task(place));
    MPI_Send(&task, 1, MPI_INT64_T, from.MPI_SOURCE, 0, MPI_COMM_WORLD);
    if (place < 0) --others;
  }
}

void work_for_the_first(const std::function<std::string(std::size_t)>& work) {
  for (std::string answer;;) {
    MPI_Send(answer.data(), static_cast<int>(answer.size()), MPI_BYTE, 0, interrupted_by(), MPI_COMM_WORLD);
    std::int64_t task = -1;
    MPI_Recv(&task, 1, MPI_INT64_T, 0, 0, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
    if (task < 0) return;
    answer = work(static_cast<std::size_t>(task));
  }
}
#endif

}  // namespace

Ranks::Ranks() {
  if (!started_by_mpirun()) return;
#ifdef BACKLIGHT_WITH_MPI
  int provided = 0;
  MPI_Init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided);
  if (provided < MPI_THREAD_SERIALIZED)
    throw Error(ErrorKind::unsupported,
                "this MPI serves one thread of a program alone; expected one that was built "
                "with MPI_THREAD_SERIALIZED");
  MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
  MPI_Comm_size(MPI_COMM_WORLD, &size_);
  MPI_Comm machine;
  MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &machine);
  MPI_Comm_rank(machine, &rank_here_);
  MPI_Comm_size(machine, &here_);
  MPI_Comm_free(&machine);
#else
  throw Error(ErrorKind::unsupported,
              "started by mpirun, but built without MPI: each process would do all of the work; build with "
              "-DBACKLIGHT_MPI=ON, or start it without mpirun");
#endif
}

int Ranks::share(std::span<const std::size_t> tasks, const std::function<std::string(std::size_t)>& work,
                 const std::function<void(std::size_t, const std::string&)>& done) {
  Desk desk(first() ? tasks : std::span<const std::size_t>());
  if (first()) {
    std::jthread server;  // ends before the desk, and when this leaves by an exception
#ifdef BACKLIGHT_WITH_MPI
    if (size_ > 1) server = std::jthread([&](const std::stop_token& stop) { serve(desk, size_, stop); });
#endif
    std::int64_t told = 0;
    const auto tell = [&](bool wait) {
      while (const std::optional<std::string> answer = desk.answer(told, wait))
        done(desk.task(told++), *answer);
    };
    for (std::int64_t place; (place = desk.take()) >= 0; tell(false))
      desk.put(place, work(desk.task(place)), 0);
    tell(true);
    if (server.joinable()) server.join();
  }
#ifdef BACKLIGHT_WITH_MPI
  if (!first()) work_for_the_first(work);
  int joined = 0;
  MPI_Initialized(&joined);
  if (joined != 0) MPI_Finalize();
#endif
  return desk.signal();
}

}  // namespace backlight::tools
