// Which instructions the CPU's matrix kernels are made of: kernels/gemm has them once for each set.
#pragma once

#include <cstdint>
#include <string_view>

namespace backlight::cpu {

enum class Isa : std::uint8_t { portable, avx2, avx512 };

/// All, the widest first.
inline constexpr Isa kIsas[] = {Isa::avx512, Isa::avx2, Isa::portable};

std::string_view name_of(Isa isa);
/// Whether this build has the kernels and this processor the instructions.
bool available(Isa isa);
/// The widest that is available.
Isa best_isa();
/// "avx512", "avx2", "portable", or "auto" for the widest that is available. Throws Error(usage) for anything else.
Isa isa_named(std::string_view name);
/// Throws Error(unsupported), naming it and those that there are, unless it is available.
void require_available(Isa isa);

}  // namespace backlight::cpu
