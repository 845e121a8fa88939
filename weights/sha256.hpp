// SHA-256 (FIPS 180-4).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace backlight {

/// `fastest` uses the processor's SHA instructions where it has them.
enum class Sha256Code : std::uint8_t { fastest, portable };

/// Hashes bytes given in pieces.
class Sha256 {
 public:
  explicit Sha256(Sha256Code code = Sha256Code::fastest) : code_(code) {}
  void update(std::span<const std::byte> bytes);
  /// 64 lower-case hexadecimal digits. Call once, last.
  std::string hex();

 private:
  void compress(const std::byte* blocks, std::size_t count);

  Sha256Code code_;
  std::array<std::uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                         0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::byte, 64> block_{};
  std::size_t filled_ = 0;
  std::uint64_t total_ = 0;
};

std::string sha256_hex(std::span<const std::byte> bytes);

}  // namespace backlight
