// study_counters: runs every version of every topic on its counted shapes in the emulator and writes what it
// counted as comma-separated values, the contents of kernels/study/counters.csv.
#include <cstdio>

#include "counters.hpp"
#include "engine/runtime/device.hpp"
#include "kernels/study/study.hpp"

using namespace backlight;

int main() {
  try {
    Context context({Device::Kind::cuda}, 1);
    std::printf("# counted by the emulator, compiled by g++ %d\n", __GNUC__);
    std::printf(
        "topic,version,shape,bytes,flops,blocks,threads,global_loads,global_stores,load_sectors,store_"
        "sectors,"
        "shared_accesses,bank_conflicts,partial_accesses,barriers,warp_collectives\n");
    for (const study::Topic& topic : study::topics()) {
      for (const study::Case& c : topic.cases) {
        if (!c.counted) continue;
        const auto run = c.prepare(context);
        for (std::size_t v = 0; v < topic.versions.size(); ++v) {
          context.synchronize();
          const emulator::Counting counting;
          run(v);
          context.synchronize();
          const emulator::Counters& n = counting.counters();
          if (n.launches == 0) continue;  // a library's call: no kernel of ours
          std::printf("%s", text(topic.name, ",", topic.versions[v], ",", c.shape, ",", c.cost.bytes, ",",
                                 c.cost.flops, ",", n.blocks, ",", n.threads, ",", n.global_loads, ",",
                                 n.global_stores, ",", n.load_sectors, ",", n.store_sectors, ",",
                                 n.shared_accesses, ",", n.bank_conflicts, ",", n.partial_accesses, ",",
                                 n.barriers, ",", n.warp_collectives, "\n")
                                .c_str());
        }
      }
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "study_counters: %s\n", error.what());
    return 1;
  }
}
