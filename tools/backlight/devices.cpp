// backlight devices: where this build can compute on this machine.
#include "engine/runtime/cuda/devices.hpp"

#include <CLI/CLI.hpp>
#include <memory>

#include "tools/backlight/commands.hpp"
#include "tools/backlight/common.hpp"
#include "tools/backlight/result_json.hpp"
#include "tools/backlight/table.hpp"

namespace backlight::tools {
namespace {

struct DevicesOptions {
  bool json = false;
  Console console;
};

std::string_view name_of(cuda::Build build) {
  switch (build) {
    case cuda::Build::absent:
      return "absent";
    case cuda::Build::real:
      return "real";
    case cuda::Build::emulated:
      return "emulated";
  }
  throw Error(ErrorKind::internal, "a build without a name");
}

std::string name_of(const cuda::DeviceInfo& device) { return text("cuda:", device.index); }

std::string capability(const cuda::DeviceInfo& device) {
  return text(device.capability_major, ".", device.capability_minor);
}

std::string as_text(const cuda::Devices& all, int threads) {
  Table table({"device", "name", "capability", "processors", "memory"});
  table.align_right(3);
  table.align_right(4);
  table.add({"cpu", "", std::string(cpu::name_of(cpu::best_isa())), std::to_string(threads), ""});
  for (const cuda::DeviceInfo& device : all.found)
    table.add({name_of(device), device.name, capability(device), std::to_string(device.multiprocessors),
               text(device.memory_bytes >> 20, " MiB")});
  std::string out = table.str();
  if (all.found.empty()) out += text("\nno CUDA device: ", all.obstacle, "\n");
  if (all.build == cuda::Build::emulated)
    out += "\nThis build emulates CUDA on the processor, for tests; `auto` does not choose it.\n";
  return out;
}

Json as_json(const cuda::Devices& all, int threads) {
  Json json = document("devices"), isas = Json::array();
  for (const cpu::Isa isa : cpu::kIsas)
    if (cpu::available(isa)) isas.push_back(cpu::name_of(isa));
  json["cuda_build"] = name_of(all.build);
  json["obstacle"] = all.found.empty() ? Json(all.obstacle) : Json();
  json["devices"] = Json::array({{{"device", "cpu"}, {"threads", threads}, {"isa", std::move(isas)}}});
  for (const cuda::DeviceInfo& device : all.found)
    json["devices"].push_back({{"device", name_of(device)},
                               {"name", device.name},
                               {"compute_capability", capability(device)},
                               {"multiprocessors", device.multiprocessors},
                               {"memory_bytes", device.memory_bytes}});
  return json;
}

void run_devices(DevicesOptions& options) {
  const cuda::Devices all = cuda::devices();
  const int threads = ThreadPool().size();
  options.console.print(options.json ? dump(as_json(all, threads)) : as_text(all, threads));
}

constexpr const char* kDevicesFooter = R"(Examples:
  backlight devices
  backlight explain photo.jpg --device cuda:1)";

}  // namespace

void add_devices_command(CLI::App& app) {
  auto options = std::make_shared<DevicesOptions>();
  CLI::App& command = *app.add_subcommand("devices", "List the devices that --device can name here");
  command.add_flag("--json", options->json, "Print JSON (see tools/README.md) instead of a table");
  options->console.add_options(command);
  command.footer(kDevicesFooter);
  command.callback([options] { run_devices(*options); });
}

}  // namespace backlight::tools
