// The report on the study's kernels: figures, tables, plot; and `backlight-bench kernels`.
#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "support/process.hpp"
#include "support/temporary_folder.hpp"
#include "tools/bench/kernel_report.hpp"

using namespace backlight;
using namespace backlight::bench;
using namespace backlight::test;

namespace {

const Card kCard{"Card <one> & \"two\"", 1000, 10000, 2};

KernelRow row(std::string version, Cost cost) {
  return {"topic", std::move(version), "1×2", cost, std::nullopt, std::nullopt, std::nullopt};
}

/// Two versions, of which one was timed.
KernelReport timed() {
  KernelReport report;
  report.card = kCard;
  report.rows = {row("v1_slow", {10'000'000, 1000}), row("v2_unknown", {10'000'000, 1000})};
  report.rows[0].times = KernelTimes{20, 8};
  report.rows[0].resources = KernelResources{40, 2048};
  return report;
}

/// What is wrong with it as XML of elements, attributes and text; nothing if it is well-formed.
std::string fault_in(const std::string& xml) {
  std::vector<std::string> open;
  std::size_t at = 0;
  while (at < xml.size()) {
    const std::size_t begin = xml.find('<', at);
    const std::string text = xml.substr(at, begin == std::string::npos ? begin : begin - at);
    for (std::size_t i = text.find('&'); i != std::string::npos; i = text.find('&', i + 1))
      if (text.find(';', i) == std::string::npos) return "an unescaped & in: " + text;
    if (text.find('>') != std::string::npos) return "an unescaped > in: " + text;
    if (begin == std::string::npos) break;
    const std::size_t end = xml.find('>', begin);
    if (end == std::string::npos) return "a tag without end";
    const std::string tag = xml.substr(begin + 1, end - begin - 1);
    if (std::ranges::count(tag, '"') % 2 != 0) return "an open quotation in: " + tag;
    const std::string name = tag.substr(0, tag.find_first_of(" /", 1));
    if (tag.starts_with('/')) {
      if (open.empty() || "/" + open.back() != tag) return "closes what is not open: " + tag;
      open.pop_back();
    } else if (!tag.ends_with('/')) {
      open.push_back(name);
    }
    at = end + 1;
  }
  return open.empty() ? "" : "never closed: " + open.back();
}

std::size_t lines_with(const std::string& text, std::string_view part) {
  std::istringstream in(text);
  std::size_t count = 0;
  for (std::string line; std::getline(in, line);) count += line.find(part) != std::string::npos;
  return count;
}

}  // namespace

TEST_CASE("kernel report: the committed counters give figures for every topic and a library's version") {
  const KernelReport report = static_report("");
  CHECK(!report.card);
  for (const char* topic : {"gradient_gap", "guided_relu", "sgemm", "upsampling", "weighted_sum"}) {
    CAPTURE(topic);
    const auto rows = std::ranges::count(report.rows, topic, &KernelRow::topic);
    CHECK(rows >= 5);
  }
  for (const KernelRow& r : report.rows) {
    CAPTURE(r.version);
    REQUIRE(r.counts);
    CHECK(r.cost.bytes > 0);
    CHECK(*traffic_ratio(r) >= 0.9);
  }
}

TEST_CASE("kernel report: a filter keeps the topics whose name contains it") {
  const KernelReport report = static_report("sgemm");
  CHECK(report.rows.size() >= 7);
  CHECK(std::ranges::all_of(report.rows, [](const KernelRow& r) { return r.topic == "sgemm"; }));
  CHECK(static_report("no such topic").rows.empty());
}

TEST_CASE("kernel report: coalesced access asks for an eighth of the sectors of a strided one") {
  double strided = 0, coalesced = 0;
  for (const KernelRow& r : static_report("guided_relu").rows) {
    if (r.version == "v1_one_stretch_per_thread") strided = *traffic_ratio(r);
    if (r.version == "v3_no_branch") coalesced = *traffic_ratio(r);
  }
  CHECK(strided == 8 * coalesced);
  CHECK(coalesced == 1);
}

TEST_CASE("kernel report: the least time is the larger of memory and arithmetic or marked as latency") {
  const Floor memory = floor_of({10'000'000, 1000}, kCard);
  CHECK(memory.us == doctest::Approx(10));
  CHECK(std::string(memory.bound) == "memory");
  const Floor arithmetic = floor_of({1000, 1'000'000'000}, kCard);
  CHECK(arithmetic.us == doctest::Approx(100));
  CHECK(std::string(arithmetic.bound) == "arithmetic");
  CHECK(std::string(floor_of({1000, 1000}, kCard).bound) == "latency");
}

TEST_CASE("kernel report: without times the table says so and why") {
  KernelReport report = static_report("upsampling");
  report.untimed_because = "the reason";
  const std::string table = to_markdown(report);
  CHECK(table.find("No time was measured: the reason.") != std::string::npos);
  CHECK(table.find("µs") == std::string::npos);
  CHECK(lines_with(table, "| v5_sixteen_byte_stores |") == 2);
  CHECK(fault_in(to_svg(report)) == "");
}

TEST_CASE("kernel report: times come with the share that is the least time") {
  const std::string table = to_markdown(timed());
  CHECK(table.find("No time was measured") == std::string::npos);
  CHECK(table.find("10.00 µs, bound by memory") != std::string::npos);
  CHECK(table.find("| v1_slow | 20.00 | 50 % | 8.00 | 125 % | 40 | 2,048 |") != std::string::npos);
  CHECK(table.find("| v2_unknown | – | – | – | – |") != std::string::npos);
}

TEST_CASE("kernel report: every line of the csv has the title's number of cells") {
  KernelReport report = timed();
  const KernelReport counted = static_report("");
  report.rows.insert(report.rows.end(), counted.rows.begin(), counted.rows.end());
  std::istringstream in(to_csv(report));
  std::string line;
  REQUIRE(std::getline(in, line));
  const auto commas = std::ranges::count(line, ',');
  CHECK(commas == 19);
  std::size_t lines = 0;
  for (; std::getline(in, line); ++lines) {
    CAPTURE(line);
    CHECK(std::ranges::count(line, ',') == commas);
  }
  CHECK(lines == report.rows.size());
  CHECK(lines_with(to_csv(report), ",20.000,8.000") == 1);
}

TEST_CASE("kernel report: the plot is well-formed and names no version that has no figure") {
  const std::string plot = to_svg(timed());
  CHECK(fault_in(plot) == "");
  CHECK(plot.find("Card &lt;one&gt; &amp; &quot;two&quot;") != std::string::npos);
  CHECK(plot.find("v1_slow") != std::string::npos);
  CHECK(plot.find("topic, 1×2, bound by memory") != std::string::npos);
  CHECK(plot.find("v2_unknown") == std::string::npos);
  CHECK(fault_in("<a><b></a></b>") != "");
  CHECK(fault_in("<a>1 & 2</a>") != "");
}

TEST_CASE("backlight-bench kernels: prints what is known and writes the files it is asked for") {
  const TemporaryFolder folder;
  const std::string csv = (folder.path() / "k.csv").string(), svg = (folder.path() / "k.svg").string();
  const auto run = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {BACKLIGHT_BENCH, "kernels"});
    return run_process(arguments);
  };
  const ProcessResult result = run({"gradient", "--repeat", "2", "--csv", csv, "--svg", svg});
  CHECK(result.err == "");
  REQUIRE(result.exit_code == 0);
  CHECK(lines_with(result.out, "| v6_sixteen_byte_loads |") >= 2);
  const bool measured = result.out.find("No time was measured: ") == std::string::npos;
  CHECK(measured == (result.out.find("cold µs") != std::string::npos));
  std::ifstream in(svg);
  std::ostringstream plot;
  plot << in.rdbuf();
  CHECK(fault_in(plot.str()) == "");
  CHECK(plot.str().find("v6_sixteen_byte_loads") != std::string::npos);
  CHECK(std::filesystem::file_size(csv) > 500);

  const ProcessResult again = run({"gradient", "--csv", csv});
  CHECK(again.exit_code != 0);
  CHECK(again.err.find(": exists; --force") != std::string::npos);
  CHECK(run({"gradient", "--repeat", "2", "--csv", csv, "--force"}).exit_code == 0);
  CHECK(run({"nothing"}).err.find("no topic's name contains 'nothing'") != std::string::npos);
  CHECK(run({"gradient", "--repeat", "2", "--csv", (folder.path() / "no/folder/k.csv").string()})
            .err.find("cannot be written") != std::string::npos);
}

TEST_CASE("backlight-bench kernels: times the processor's ladders beside its peak") {
  const auto run = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {BACKLIGHT_BENCH, "kernels", "--device", "cpu", "--threads", "1"});
    return run_process(arguments);
  };
  const ProcessResult result = run({"product", "--repeat", "1"});
  CHECK(result.err == "");
  REQUIRE(result.exit_code == 0);
  CHECK(lines_with(result.out, "GFLOP/s and ") == 1);
  CHECK(lines_with(result.out, "| cpu_product | 512×512×512 | v1_as_written | ") == 1);
  CHECK(lines_with(result.out, "| v5_register_tile | ") == 2);
  CHECK(lines_with(result.out, "| library | ") == 2);
  CHECK(lines_with(result.out, "cpu_convolution") == 0);
  CHECK(run({"sgemm"}).err.find("on the CPU there are cpu_convolution, cpu_product") != std::string::npos);
  CHECK(run({"--csv", "k.csv"}).err.find("--csv and --svg are of the GPU's ladders") != std::string::npos);
}
