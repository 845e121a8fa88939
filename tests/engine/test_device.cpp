#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include "engine/runtime/device.hpp"
#include "support/sanitized.hpp"
#include "support/scarcity.hpp"

using namespace backlight;

TEST_CASE("device: names are parsed and anything else is refused") {
  CHECK(Device::parse("cpu") == Device{});
  CHECK(Device::parse("cuda") == Device{Device::Kind::cuda, 0});
  CHECK(Device::parse("cuda:3") == Device{Device::Kind::cuda, 3});
  CHECK(text(Device::parse("cuda:3")) == "cuda:3");
  for (const char* name : {"", "gpu", "cuda:", "cuda:x", "cuda:-1", "cuda:1 ", "CPU"})
    CHECK_THROWS_WITH_AS(Device::parse(name), doctest::Contains("expected cpu, cuda or cuda:N"), Error);
}

TEST_CASE("thread pool: threads do every item once and use only valid worker numbers") {
  for (const int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    CHECK(pool.size() == threads);
    for (const std::int64_t items : {0, 1, 2, 7, 1000}) {
      std::vector<std::atomic<int>> done(static_cast<std::size_t>(items));
      std::atomic<bool> valid = true;
      pool.run(items, [&](std::int64_t item, int worker) {
        ++done[static_cast<std::size_t>(item)];
        if (worker < 0 || worker >= threads) valid = false;
      });
      CHECK(valid);
      for (const auto& count : done) CHECK(count == 1);
    }
  }
}

TEST_CASE("thread pool: the exception of an item reaches the caller and the threads work on") {
  ThreadPool pool(3);
  CHECK_THROWS_AS(pool.run(100,
                           [](std::int64_t item, int) {
                             if (item == 13) throw std::runtime_error("13");
                           }),
                  std::runtime_error);
  std::atomic<int> sum = 0;
  pool.run(10, [&](std::int64_t item, int) { sum += static_cast<int>(item); });
  CHECK(sum == 45);
}

static_assert(!std::is_copy_constructible_v<Context> && !std::is_copy_assignable_v<Context>);
static_assert(std::is_nothrow_move_constructible_v<Context> && std::is_nothrow_move_assignable_v<Context>);

TEST_CASE("thread pool: threads that the system does not start are an error and end nothing" *
          doctest::skip(test::sanitized())) {
  std::array<int, 2> report{};
  REQUIRE(pipe(report.data()) == 0);
  const pid_t child = fork();
  if (child == 0) {
    const test::Scarcity scarcity(std::size_t{1} << 30);  // each thread has a stack
    std::string what = "started";
    try {
      const Context context({}, 1024);
    } catch (const Error& error) {
      what = text(static_cast<int>(error.kind()), " ", error.what());
      ThreadPool few(2);  // which are there still
      std::atomic<int> done = 0;
      few.run(10, [&](std::int64_t, int) { ++done; });
      if (done != 10) what = "the pool does not work";
    }
    const bool written = write(report[1], what.data(), what.size()) == static_cast<ssize_t>(what.size());
    _exit(written ? 0 : 1);
  }
  close(report[1]);
  std::string what(1000, ' ');
  const ssize_t size = read(report[0], what.data(), what.size());
  close(report[0]);
  what.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  int status = -1;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(status == 0);
  CAPTURE(what);
  CHECK(what.starts_with("5 thread "));
  CHECK(
      what.find(" of 1024 could not be started (Resource temporarily unavailable): ask for fewer threads") !=
      std::string::npos);
}

TEST_CASE("context: ranges cover every element once for any number of threads") {
  Context context({}, 3);
  std::vector<std::atomic<int>> done(1001);
  context.parallel_ranges(1001, 10, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) ++done[static_cast<std::size_t>(i)];
  });
  for (const auto& count : done) CHECK(count == 1);
  CHECK_THROWS_AS(Context({}, -1), Error);
  CHECK_THROWS_AS(Context({}, 1, Precision::tf32), Error);
}
