#include <doctest/doctest.h>

#include <atomic>
#include <stdexcept>
#include <vector>

#include "engine/device.hpp"

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
