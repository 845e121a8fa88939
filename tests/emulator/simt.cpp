// The scheduler. The threads of a block take turns on one thread of the host. A CUDA thread that never waits
// runs as a plain call; only one that waits in a barrier or a warp collective keeps the fiber it runs on.
#include "simt.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <memory>
#include <numeric>
#include <sstream>
#include <utility>
#include <vector>

#include "fiber.hpp"
#include "include/thread_index.hpp"
#include "shared_arena.hpp"

#ifdef EMULATOR_TSAN
extern "C" void __tsan_acquire(void*);
extern "C" void __tsan_release(void*);
#endif

namespace backlight::emulator {
namespace {

constexpr unsigned kMaxThreads = 1024, kWarp = 32, kMasks = 32;
#if defined(EMULATOR_ASAN) || defined(EMULATOR_TSAN)
constexpr std::size_t kStackBytes = 256 << 10;
#else
constexpr std::size_t kStackBytes = 64 << 10;
#endif
#ifdef EMULATOR_TSAN
constexpr bool kFiberPerThread = true;  // each CUDA thread must be a thread of its own to ThreadSanitizer
void acquire(void* sync) { __tsan_acquire(sync); }
void release(void* sync) { __tsan_release(sync); }
#else
constexpr bool kFiberPerThread = false;
void acquire(void*) {}
void release(void*) {}
#endif

enum class State : std::uint8_t { fresh, ready, in_barrier, in_collective, done };

struct Thread {
  State state = State::fresh;
  Fiber* fiber = nullptr;
  Location where{};
};

/// Where the lanes that share one mask meet. Two sets of values, used in turn: a lane may still read the last
/// exchange's while another has arrived at the next.
struct Meeting {
  unsigned mask = 0, arrived = 0, generation = 0;
  Collective collective{};
  Location where{};
  std::array<std::array<std::uint64_t, kWarp>, 2> values;
};

struct Warp {
  unsigned existing = 0, alive = 0, meetings = 0;
  std::array<Meeting, kMasks> meeting;
};

std::ostream& operator<<(std::ostream& out, const Location& where) {
  return out << where.file << ":" << where.line;
}
std::ostream& operator<<(std::ostream& out, const uint3& v) {
  return out << "(" << v.x << "," << v.y << "," << v.z << ")";
}

template <class... Parts>
std::string text(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return std::move(out).str();
}

/// Nothing in here allocates while CUDA threads run, except to report an error: ThreadSanitizer would take
/// the allocator's traffic for the threads' own.
class Scheduler {
 public:
  std::string run(const Grid& grid, void (*body)(void*), void* argument);
  BlockVote barrier(bool predicate, Location location);
  Lanes exchange(unsigned mask, std::uint64_t value, Collective collective, Location location);
  unsigned current() const { return current_; }
  void fail(const std::string& what);

  SharedArena shared;
  Observer* observer = nullptr;

 private:
  static void fiber_main();
  void run_block(std::size_t block);
  void start_block();
  void report_deadlock();
  void finish_thread();
  void leave_collectives();
  void open_barrier();
  void wait();
  void switch_from(Fiber& self, int next);
  Fiber* take_fiber();
  void set_current(unsigned thread);

  template <class Predicate>
  void make_ready(unsigned begin, unsigned end, Predicate&& predicate);
  void enqueue(unsigned thread) { queue_[(queue_head_ + queue_size_++) % kMaxThreads] = thread; }
  int dequeue();
  std::uint64_t random();
  std::size_t block_at(std::size_t position) const;

  Grid grid_;
  void (*body_)(void*) = nullptr;
  void* argument_ = nullptr;
  std::string error_;
  unsigned threads_in_block_ = 0, current_ = 0, done_ = 0, waiting_ = 0, generation_ = 0;
  std::size_t blocks_ = 0, block_stride_ = 1;
  std::array<BlockVote, 2> vote_{};
  std::vector<Thread> threads_;
  std::vector<Warp> warps_;
  std::array<unsigned, kMaxThreads> queue_{};
  unsigned queue_head_ = 0, queue_size_ = 0;
  std::uint64_t random_state_ = 1;
  Fiber* host_ = nullptr;
  std::vector<std::unique_ptr<Fiber>> fibers_;
  std::vector<Fiber*> idle_;
  char grid_start_ = 0,
       grid_end_ = 0;  // addresses by which ThreadSanitizer knows the order of host and threads
};

Scheduler& scheduler() {
  static Scheduler instance;
  return instance;
}

void Scheduler::fail(const std::string& what) {
  if (error_.empty()) error_ = text(what, " [block ", blockIdx, ", thread ", threadIdx, "]");
}

std::uint64_t Scheduler::random() {
  random_state_ ^= random_state_ << 13;
  random_state_ ^= random_state_ >> 7;
  return random_state_ ^= random_state_ << 17;
}

template <class Predicate>
void Scheduler::make_ready(unsigned begin, unsigned end, Predicate&& predicate) {
  for (unsigned i = begin; i < end; ++i) {
    const unsigned thread = grid_.order == Order::reverse ? begin + end - 1 - i : i;
    if (predicate(thread)) enqueue(thread);
  }
}

int Scheduler::dequeue() {
  if (queue_size_ == 0) return -1;
  unsigned& first = queue_[queue_head_];
  if (grid_.order == Order::shuffled)
    std::swap(first, queue_[(queue_head_ + random() % queue_size_) % kMaxThreads]);
  const unsigned thread = first;
  queue_head_ = (queue_head_ + 1) % kMaxThreads;
  --queue_size_;
  return static_cast<int>(thread);
}

void Scheduler::set_current(unsigned thread) {
  current_ = thread;
  const dim3 size = grid_.block;
  threadIdx = {thread % size.x, thread / size.x % size.y, thread / size.x / size.y};
}

Fiber* Scheduler::take_fiber() {
  if (idle_.empty()) {
    fibers_.push_back(
        std::make_unique<Fiber>(kStackBytes, static_cast<unsigned>(fibers_.size()), &Scheduler::fiber_main));
    idle_.push_back(fibers_.back().get());
  }
  Fiber* fiber = idle_.back();
  idle_.pop_back();
  return fiber;
}

/// Runs `next`, or the host when there is nobody to run.
void Scheduler::switch_from(Fiber& self, int next) {
  if (next < 0) return host_->resume_from(self);
  Thread& thread = threads_[static_cast<unsigned>(next)];
  if (thread.state == State::fresh) thread.fiber = take_fiber();
  set_current(static_cast<unsigned>(next));
  thread.fiber->resume_from(self);
}

void Scheduler::fiber_main() {
  Scheduler& s = scheduler();
  while (true) {  // a fiber serves thread after thread
    Thread& thread = s.threads_[s.current_];
    Fiber& self = *thread.fiber;
    thread.state = State::ready;
    acquire(&s.grid_start_);
    s.body_(s.argument_);
    release(&s.grid_end_);
    s.finish_thread();
    const int next = s.dequeue();
    if (!kFiberPerThread && next >= 0 && s.threads_[static_cast<unsigned>(next)].state == State::fresh) {
      s.threads_[static_cast<unsigned>(next)].fiber = &self;
      s.set_current(static_cast<unsigned>(next));
      continue;
    }
    if (!kFiberPerThread) s.idle_.push_back(&self);
    s.switch_from(self, next);
  }
}

void Scheduler::finish_thread() {
  threads_[current_].state = State::done;
  ++done_;
  leave_collectives();
  if (waiting_ && waiting_ + done_ == threads_in_block_) open_barrier();
}

/// Lanes that wait for the one that exits now would wait for ever.
void Scheduler::leave_collectives() {
  Warp& warp = warps_[current_ / kWarp];
  const unsigned bit = 1u << current_ % kWarp, base = current_ / kWarp * kWarp;
  warp.alive &= ~bit;
  for (unsigned i = 0; i < warp.meetings; ++i) {
    Meeting& meeting = warp.meeting[i];
    if (!meeting.arrived || !(meeting.mask & bit)) continue;
    fail(text("lane ", current_ % kWarp, " exited while other lanes wait for it in the warp collective at ",
              meeting.where));
    if (meeting.arrived != (meeting.mask & warp.alive)) continue;
    const unsigned arrived = std::exchange(meeting.arrived, 0);
    ++meeting.generation;
    make_ready(base, base + kWarp, [&](unsigned thread) {
      if (!(arrived >> (thread - base) & 1)) return false;
      threads_[thread].state = State::ready;
      return true;
    });
  }
}

void Scheduler::open_barrier() {
  if (observer) observer->barrier_opens();
  waiting_ = 0;
  vote_[++generation_ % 2] = {0, true, false};
  make_ready(0, threads_in_block_, [&](unsigned thread) {
    if (threads_[thread].state != State::in_barrier) return false;
    threads_[thread].state = State::ready;
    return true;
  });
}

/// Gives way to the others. The last to arrive may well be the first to go on.
void Scheduler::wait() {
  const unsigned self = current_;
  const int next = dequeue();
  if (next != static_cast<int>(self)) switch_from(*threads_[self].fiber, next);
}

BlockVote Scheduler::barrier(bool predicate, Location location) {
  const unsigned generation = generation_ % 2;
  Thread& self = threads_[current_];
  self.where = location;
  if (waiting_) {  // the programming model wants one textual barrier for all
    const auto other = std::ranges::find(threads_, State::in_barrier, &Thread::state);
    if (!(other->where == location))
      fail(text("divergent barrier: this thread at ", location, ", thread ", other - threads_.begin(), " at ",
                other->where));
  }
  BlockVote& vote = vote_[generation];
  vote = {vote.count + predicate, vote.all && predicate, vote.any || predicate};
  release(shared.barrier_sync(generation));
  self.state = State::in_barrier;
  if (++waiting_ + done_ == threads_in_block_) open_barrier();
  wait();
  acquire(shared.barrier_sync(generation));
  return vote;
}

Lanes Scheduler::exchange(unsigned mask, std::uint64_t value, Collective collective, Location location) {
  const unsigned lane = current_ % kWarp, base = current_ - lane;
  Warp& warp = warps_[current_ / kWarp];
  if (!(mask >> lane & 1)) fail(text("lane ", lane, " is not in the mask it passes at ", location));
  mask = (mask | 1u << lane) & warp.existing;
  if (mask & ~warp.alive) fail(text("the warp collective at ", location, " names lanes that have exited"));

  unsigned slot = 0;
  while (slot < warp.meetings && warp.meeting[slot].mask != mask) ++slot;
  if (slot == kMasks) {
    fail(text("more than ", kMasks, " different masks in one warp at ", location));
    slot = 0;
  } else if (slot == warp.meetings) {
    warp.meeting[warp.meetings++] = {.mask = mask, .values = {}};
  }
  Meeting& meeting = warp.meeting[slot];
  if (meeting.arrived && meeting.collective != collective)
    fail(text("lanes of one warp meet in different collectives: ", location, " and ", meeting.where));
  meeting.collective = collective;
  meeting.where = threads_[current_].where = location;
  meeting.arrived |= 1u << lane;
  const unsigned generation = meeting.generation % 2;
  meeting.values[generation][lane] = value;

  // Of the collectives only __syncwarp orders memory.
  void* sync = shared.warp_sync(current_ / kWarp, slot, generation);
  if (collective == Collective::syncwarp) release(sync);
  if (meeting.arrived == (mask & warp.alive)) {
    if (observer && meeting.arrived == warp.alive) observer->warp_meets(current_ / kWarp);
    const unsigned others = std::exchange(meeting.arrived, 0) & ~(1u << lane);
    ++meeting.generation;
    make_ready(base, base + kWarp, [&](unsigned thread) {
      if (!(others >> (thread - base) & 1)) return false;
      threads_[thread].state = State::ready;
      return true;
    });
  } else {
    threads_[current_].state = State::in_collective;
    wait();
  }
  if (collective == Collective::syncwarp) acquire(sync);
  return {meeting.values[generation].data(), mask};
}

std::size_t Scheduler::block_at(std::size_t position) const {
  switch (grid_.order) {
    case Order::forward:
      return position;
    case Order::reverse:
      return blocks_ - 1 - position;
    case Order::shuffled:
      return (position * block_stride_ + grid_.seed) % blocks_;
  }
  return position;
}

void Scheduler::start_block() {
  const unsigned n = threads_in_block_;
  std::ranges::fill(threads_, Thread{});
  for (unsigned w = 0; w < warps_.size(); ++w) {
    const unsigned lanes = std::min(n - w * kWarp, kWarp);
    warps_[w].existing = warps_[w].alive = lanes == kWarp ? ~0u : (1u << lanes) - 1;
    warps_[w].meetings = 0;
  }
  done_ = waiting_ = generation_ = queue_head_ = queue_size_ = 0;
  vote_[0] = {0, true, false};
  make_ready(0, n, [](unsigned) { return true; });
}

void Scheduler::report_deadlock() {
  std::ostringstream out;
  out << "deadlock: " << threads_in_block_ - done_ << " of " << threads_in_block_
      << " threads wait for ever;";
  int shown = 0;
  for (unsigned i = 0; i < threads_in_block_ && shown < 4; ++i) {
    if (threads_[i].state == State::done) continue;
    out << " thread " << i
        << (threads_[i].state == State::in_barrier ? " in the barrier at " : " in the collective at ")
        << threads_[i].where << ";";
    ++shown;
  }
  fail(out.str());
  fibers_.clear();  // the waiting threads' stacks are dropped
  idle_.clear();
}

void Scheduler::run_block(std::size_t block) {
  const dim3 size = grid_.grid;
  blockIdx = {static_cast<unsigned>(block % size.x), static_cast<unsigned>(block / size.x % size.y),
              static_cast<unsigned>(block / size.x / size.y)};
  shared.start_block(grid_.dynamic_shared_bytes);
  start_block();
  if (kFiberPerThread) {  // thread t of two blocks: two threads to ThreadSanitizer
    idle_.clear();
    for (std::size_t i = 0; i < fibers_.size(); ++i)
      idle_.push_back(fibers_[(i + block * 37) % fibers_.size()].get());
  }
  Fiber host;
  host_ = &host;
  switch_from(host, dequeue());
  if (const std::string damage = shared.finish_block(); !damage.empty()) fail(damage);
  if (done_ != threads_in_block_) report_deadlock();
  if (observer) observer->block_ends();
}

std::string Scheduler::run(const Grid& grid, void (*body)(void*), void* argument) {
  grid_ = grid;
  body_ = body;
  argument_ = argument;
  error_.clear();
  blockDim = grid.block;
  gridDim = grid.grid;
  threads_in_block_ = grid.block.x * grid.block.y * grid.block.z;
  blocks_ = std::size_t{grid.grid.x} * grid.grid.y * grid.grid.z;
  random_state_ = grid.seed * 0x9e3779b97f4a7c15u | 1;
  block_stride_ = random() % blocks_ + 1;
  while (std::gcd(block_stride_, blocks_) != 1) ++block_stride_;
  threads_.resize(threads_in_block_);
  warps_.resize((threads_in_block_ + kWarp - 1) / kWarp);
  if (kFiberPerThread) {  // made by the host: what created a fiber happened before it
    idle_.clear();
    while (fibers_.size() < threads_in_block_) take_fiber();
  }
  if (observer) observer->grid_starts(grid);
  release(&grid_start_);
  for (std::size_t i = 0; i < blocks_ && error_.empty(); ++i) run_block(block_at(i));
  acquire(&grid_end_);
  return error_;
}

}  // namespace

std::string run_grid(const Grid& grid, void (*body)(void*), void* argument) {
  return scheduler().run(grid, body, argument);
}
void observe(Observer* observer) { scheduler().observer = observer; }
unsigned thread_index() { return scheduler().current(); }
bool in_shared_memory(const void* address) { return scheduler().shared.contains(address); }
unsigned lane_index() { return scheduler().current() % kWarp; }
BlockVote block_barrier(bool predicate, Location location) {
  return scheduler().barrier(predicate, location);
}
Lanes warp_exchange(unsigned mask, std::uint64_t value, Collective collective, Location location) {
  return scheduler().exchange(mask, value, collective, location);
}

std::uint64_t block_serial = 0;
void* allocate_shared(SharedArray& array, std::size_t bytes) {
  std::string error;
  void* address = scheduler().shared.allocate(array, bytes, error);
  if (!error.empty()) scheduler().fail(error);
  return address;
}
void* dynamic_shared_memory() { return scheduler().shared.dynamic(); }

}  // namespace backlight::emulator
