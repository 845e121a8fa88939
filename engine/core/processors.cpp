#include "engine/core/processors.hpp"

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace backlight {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, separator);) parts.push_back(part);
  return parts;
}

bool lists_cpu(const std::string& controllers) {
  const std::vector<std::string> names = split(controllers, ',');
  return std::ranges::find(names, "cpu") != names.end();
}

/// Where a hierarchy of control groups is mounted, and which of its groups is seen there.
struct Mount {
  std::string point, group;
  bool second_version;
};

/// The kernel writes a blank within a path as \040.
std::string unescaped(const std::string& text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    int code = 0;
    const char* digits = text.data() + i + 1;
    const bool escape = text[i] == '\\' && i + 3 < text.size() &&
                        std::from_chars(digits, digits + 3, code, 8).ptr == digits + 3;
    plain += escape ? static_cast<char>(code) : text[i];
    if (escape) i += 3;
  }
  return plain;
}

/// Lines of /proc/self/mountinfo (proc_pid_mountinfo(5)):
///   36 35 98:0 /group /mount/point options [more …] - type source superoptions
std::vector<Mount> mounts(const fs::path& root) {
  std::vector<Mount> found;
  std::ifstream file(root / "proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    const std::vector<std::string> fields = split(line, ' ');
    const auto dash = static_cast<std::size_t>(std::ranges::find(fields, "-") - fields.begin());
    if (dash < 6 || dash + 3 >= fields.size()) continue;
    const bool second = fields[dash + 1] == "cgroup2";
    if (second || (fields[dash + 1] == "cgroup" && lists_cpu(fields[dash + 3])))
      found.push_back({unescaped(fields[4]), unescaped(fields[3]), second});
  }
  return found;
}

/// The first numbers of a file; `max`, and whatever else is none, is infinite.
std::vector<double> numbers_of(const fs::path& path) {
  std::vector<double> numbers;
  std::ifstream file(path);
  for (std::string word; numbers.size() < 2 && file >> word;) {
    std::istringstream in(word);
    double number = 0;
    numbers.push_back(in >> number ? number : HUGE_VAL);
  }
  return numbers;
}

/// What one group grants; infinite where it sets no limit.
double quota_of(const fs::path& group, bool second_version) {
  std::vector<double> numbers;
  if (second_version) {
    numbers = numbers_of(group / "cpu.max");
  } else {
    for (const char* name : {"cpu.cfs_quota_us", "cpu.cfs_period_us"})
      for (const double number : numbers_of(group / name)) numbers.push_back(number);
  }
  const bool limited = numbers.size() == 2 && numbers[0] > 0 && numbers[1] > 0 && numbers[1] < HUGE_VAL;
  return limited ? numbers[0] / numbers[1] : HUGE_VAL;
}

/// The least that a group and those above it grant, up to the one that is mounted.
double nested_quota(const fs::path& root, const Mount& mount, const std::string& group) {
  // Where the mount shows another part of the hierarchy, what it shows at its top is the best answer.
  const fs::path below = fs::path(group).lexically_relative(mount.group);
  fs::path at = root / fs::path(mount.point).relative_path();
  double least = quota_of(at, mount.second_version);
  for (const fs::path& part : below) {
    if (part == "..") break;
    at /= part;
    least = std::min(least, quota_of(at, mount.second_version));
  }
  return least;
}

}  // namespace

std::optional<double> control_group_quota(const fs::path& root) {
  const std::vector<Mount> all = mounts(root);
  double least = HUGE_VAL;
  // /proc/self/cgroup (cgroups(7)): number:controllers:group, in version 2 without controllers
  std::ifstream file(root / "proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (!controllers.empty() && !lists_cpu(controllers)) continue;
    for (const Mount& mount : all)
      if (mount.second_version == controllers.empty())
        least = std::min(least, nested_quota(root, mount, line.substr(second + 1)));
  }
  if (least == HUGE_VAL) return std::nullopt;
  return least;
}

int usable_processors(const fs::path& root) {
  int processors = static_cast<int>(std::thread::hardware_concurrency());
  // The kernel refuses a mask that is smaller than its own, which may be for more processors than there are.
  for (int size = 1024; size <= 1 << 20; size *= 2) {
    std::vector<cpu_set_t> mask(static_cast<std::size_t>(size) / CPU_SETSIZE);
    const std::size_t bytes = mask.size() * sizeof(cpu_set_t);
    if (sched_getaffinity(0, bytes, mask.data()) != 0) continue;
    processors = CPU_COUNT_S(bytes, mask.data());
    break;
  }
  if (const auto quota = control_group_quota(root))
    processors = std::min(processors, static_cast<int>(std::ceil(std::min(*quota, 1e6))));
  return std::max(processors, 1);
}

}  // namespace backlight
