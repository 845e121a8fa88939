#include <doctest/doctest.h>
#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <string>
#include <utility>

#include "engine/core/processors.hpp"
#include "engine/runtime/device.hpp"
#include "support/temporary_folder.hpp"

using namespace backlight;

namespace fs = std::filesystem;

namespace {

constexpr const char* kVersion2 = "31 24 0:27 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n";
constexpr const char* kVersion1 =
    "30 24 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
    "31 24 0:27 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n";

/// A root of files to be taken for the system's.
class Machine {
 public:
  Machine(const std::string& mounts, const std::string& groups) {
    write("proc/self/mountinfo", "22 1 0:20 / /proc rw - proc proc rw\n" + mounts);
    write("proc/self/cgroup", groups);
  }
  Machine& write(const fs::path& path, const std::string& content) {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path) << content;
    return *this;
  }
  /// 0 where there is none.
  double quota() const { return control_group_quota(root_).value_or(0); }
  int usable() const { return usable_processors(root_); }

 private:
  test::TemporaryFolder folder_;
  fs::path root_ = folder_.path();
};

}  // namespace

TEST_CASE("processors: the quota of version 2 is the least of the group's and of those above") {
  Machine machine(kVersion2, "0::/user/batch/job\n");
  CHECK(machine.quota() == 0);
  machine.write("sys/fs/cgroup/user/batch/job/cpu.max", "max 100000\n");
  CHECK(machine.quota() == 0);
  machine.write("sys/fs/cgroup/user/batch/job/cpu.max", "400000 100000\n");
  CHECK(machine.quota() == 4);
  machine.write("sys/fs/cgroup/user/cpu.max", "150000 100000\n");
  CHECK(machine.quota() == 1.5);
  machine.write("sys/fs/cgroup/other/cpu.max", "10000 100000\n");
  CHECK(machine.quota() == 1.5);
  machine.write("sys/fs/cgroup/cpu.max", "50000 100000\n");  // as a container's own root has it
  CHECK(machine.quota() == 0.5);
}

TEST_CASE("processors: the quota of version 1 is the controller's of processor time") {
  Machine machine(kVersion1, "5:memory:/docker/a\n4:cpu,cpuacct:/docker/a\n0::/docker/a\n");
  CHECK(machine.quota() == 0);
  machine.write("sys/fs/cgroup/cpu,cpuacct/docker/a/cpu.cfs_period_us", "50000\n");
  machine.write("sys/fs/cgroup/cpu,cpuacct/docker/a/cpu.cfs_quota_us", "-1\n");
  CHECK(machine.quota() == 0);
  machine.write("sys/fs/cgroup/cpu,cpuacct/docker/a/cpu.cfs_quota_us", "150000\n");
  CHECK(machine.quota() == 3);
  machine.write("sys/fs/cgroup/memory/docker/a/cpu.cfs_quota_us", "1\n");
  CHECK(machine.quota() == 3);
  machine.write("sys/fs/cgroup/cpu,cpuacct/docker/cpu.cfs_period_us", "100000\n");
  machine.write("sys/fs/cgroup/cpu,cpuacct/docker/cpu.cfs_quota_us", "200000\n");
  CHECK(machine.quota() == 2);
}

TEST_CASE("processors: a container that sees a part of the hierarchy finds its group there") {
  const std::string part = "31 24 0:27 /docker/a /sys/fs/my\\040groups rw - cgroup2 cgroup2 rw\n";
  Machine inside(part, "0::/docker/a/job\n");
  inside.write("sys/fs/my groups/job/cpu.max", "300000 100000");
  CHECK(inside.quota() == 3);
  inside.write("sys/fs/my groups/cpu.max", "200000 100000");
  CHECK(inside.quota() == 2);
  Machine beside(part, "0::/docker/b\n");
  beside.write("sys/fs/my groups/cpu.max", "200000 100000").write("sys/fs/my groups/b/cpu.max", "1 100000");
  CHECK(beside.quota() == 2);
  Machine above(kVersion2, "0::/../..\n");
  above.write("sys/fs/cgroup/cpu.max", "200000 100000").write("sys/cpu.max", "1 100000");
  CHECK(above.quota() == 2);
}

TEST_CASE("processors: what is missing or makes no sense limits nothing") {
  CHECK(!control_group_quota("/nowhere"));
  for (const char* content : {"", "\n", "max", "max max", "100000", "0 100000", "-5 100000", "100000 0",
                              "a b c", "nan nan", "100000 max"}) {
    Machine machine(kVersion2, "0::/\n");
    machine.write("sys/fs/cgroup/cpu.max", content);
    CAPTURE(std::string(content));
    CHECK(machine.quota() == 0);
  }
  Machine odd("31 24\n - cgroup2\n31 24 0:27 / /a\\9 rw - cgroup2 x rw\n", "0\n0:\n::\n0::/a\n");
  CHECK(odd.quota() == 0);
}

TEST_CASE("processors: a quota leaves its processors, rounded up, and one at least") {
  Machine machine(kVersion2, "0::/\n");
  const int all = machine.usable();
  for (const auto& [content, expected] : {std::pair{"1000 100000", 1},
                                          {"100000 100000", 1},
                                          {"110000 100000", 2},
                                          {"190000 100000", 2},
                                          {"99999999999999 1", all},
                                          {"max 100000", all}}) {
    machine.write("sys/fs/cgroup/cpu.max", content);
    CAPTURE(std::string(content));
    CHECK(machine.usable() == std::min(expected, all));
  }
}

TEST_CASE("processors: all processors are those of the affinity mask and at most the quota") {
  cpu_set_t before;
  REQUIRE(sched_getaffinity(0, sizeof before, &before) == 0);
  const int usable = usable_processors();
  CHECK(usable >= 1);
  CHECK(usable <= CPU_COUNT(&before));
  if (const auto quota = control_group_quota()) CHECK(usable <= std::max(1.0, std::ceil(*quota)));
  CHECK(ThreadPool().size() == usable);
  cpu_set_t one;
  CPU_ZERO(&one);
  for (int processor = 0; processor < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++processor)
    if (CPU_ISSET(processor, &before)) CPU_SET(processor, &one);
  REQUIRE(sched_setaffinity(0, sizeof one, &one) == 0);
  CHECK(usable_processors() == 1);
  CHECK(ThreadPool().size() == 1);
  REQUIRE(sched_setaffinity(0, sizeof before, &before) == 0);
  CHECK(usable_processors() == usable);
}
