// The processes that share one run: those that mpirun started, or this one alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>

namespace backlight::tools {

class Ranks {
 public:
  /// Joins the others where mpirun started this process. Throws Error(unsupported) where it did and this program was
  /// built without MPI: it would do all of the work as often as it was started.
  Ranks();

  bool first() const { return rank_ == 0; }
  /// How many of them run on this machine, and which of those this is, from 0.
  int here() const { return here_; }
  int rank_here() const { return rank_here_; }

  /// Calls work(task) once for each task, on whichever rank is free, and done(task, what work returned) in the order of
  /// the tasks on the first rank, whose `tasks` count. A signal that any rank took down ends it, behind what was begun:
  /// returns its number on the first rank, 0 otherwise. Once for all: the ranks part at its end. A rank that leaves
  /// before, by an exception, too, is for mpirun to notice, which ends the others.
  int share(std::span<const std::size_t> tasks, const std::function<std::string(std::size_t task)>& work,
            const std::function<void(std::size_t task, const std::string& answer)>& done);

 private:
  int rank_ = 0, size_ = 1, rank_here_ = 0, here_ = 1;
};

}  // namespace backlight::tools
