#include "engine/core/isa.hpp"

#include <string>

#include "engine/core/error.hpp"
#include "engine/core/nearest.hpp"

namespace backlight::cpu {

std::string_view name_of(Isa isa) {
  switch (isa) {
    case Isa::portable:
      return "portable";
    case Isa::avx2:
      return "avx2";
    case Isa::avx512:
      return "avx512";
  }
  throw Error(ErrorKind::internal, "an instruction set without a name");
}

bool available(Isa isa) {
#ifdef __x86_64__
  if (isa == Isa::avx512) return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl");
  if (isa == Isa::avx2) return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#endif
  return isa == Isa::portable;
}

Isa best_isa() {
  for (const Isa isa : kIsas)
    if (available(isa)) return isa;
  return Isa::portable;
}

Isa isa_named(std::string_view name) {
  if (name == "auto") return best_isa();
  std::vector<std::string> names{"auto"};
  for (const Isa isa : kIsas) {
    if (name == name_of(isa)) return isa;
    names.emplace_back(name_of(isa));
  }
  throw Error(ErrorKind::usage, "unknown instruction set '", name, "'", did_you_mean(name, names),
              "; expected auto, avx512, avx2, portable");
}

void require_available(Isa isa) {
  if (available(isa)) return;
  std::string others;
  for (const Isa other : kIsas)
    if (available(other)) others += (others.empty() ? "" : " and ") + std::string(name_of(other));
  throw Error(ErrorKind::unsupported, "kernels for ", name_of(isa),
              " were asked for, which this processor or this build does not have: it has ", others);
}

}  // namespace backlight::cpu
