// That timing launches what it should, in the order it should. The times themselves mean nothing here.

#include "engine/runtime/device.hpp"
#include "modes.hpp"
#include "tools/bench/kernel_timing.hpp"

using namespace backlight;
using namespace backlight::bench;
using namespace backlight::test;

namespace {

constexpr TimingOptions kSmall{.repeat = 2, .copy_bytes = 4096, .product_extent = 16};

}  // namespace

TEST_CASE("kernel timing: three calls to warm up and ten a warm measurement and one a cold one") {
  in_every_mode([] {
    Context device({Device::Kind::cuda}, 1);
    int calls = 0;
    Tensor x = device.zeros({64});
    const KernelTimes times = time_enqueued(device, 5, [&] {
      ++calls;
      x = device.zeros({64});
    });
    CHECK(calls == 3 + 5 * 10 + 5);
    CHECK(times.cold_us >= 0);
    CHECK(times.warm_us >= 0);
  });
}

TEST_CASE("kernel timing: the card's copy and product and launch are measured") {
  in_every_mode([] {
    Context device({Device::Kind::cuda}, 1);
    const Card card = measure_card(device, kSmall);
    CHECK(card.name == "emulated device");
    CHECK(card.copy_gb_per_s > 0);
    CHECK(card.product_gflop_per_s > 0);
    CHECK(card.launch_us >= 0);
  });
}

TEST_CASE("kernel timing: every version of a topic is timed on every shape") {
  const FreshDevice fresh;
  Context device({Device::Kind::cuda}, 1);
  TimingOptions options = kSmall;
  options.repeat = 1;
  options.largest_bytes = 1 << 20;
  const KernelReport report = timed_report(device, "gradient_gap", options);
  REQUIRE(report.card);
  CHECK(report.rows.size() == 2 * 7);
  for (const KernelRow& row : report.rows) {
    CAPTURE(row.version);
    REQUIRE(row.times);
    CHECK(row.times->cold_us >= 0);
    CHECK(row.counts.has_value());
  }
  CHECK(emulator::take_report() == "");
}
