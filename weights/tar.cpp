#include "weights/tar.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

#include "weights/byte_reader.hpp"
#include "weights/pickle.hpp"

namespace backlight::weights {
namespace {

constexpr std::size_t kBlock = 512, kNameSize = 100, kSizeAt = 124, kSizeSize = 12, kSumAt = 148,
                      kSumSize = 8, kTypeAt = 156;
constexpr std::size_t kMostMembers = 1000;

std::optional<std::uint64_t> octal(std::string_view digits) {
  std::uint64_t value = 0;
  std::size_t i = 0;
  while (i < digits.size() && digits[i] == ' ') ++i;
  const std::size_t first = i;
  for (; i < digits.size() && digits[i] >= '0' && digits[i] <= '7'; ++i)
    value = value << 3 | (digits[i] - '0');
  const bool ended = i == digits.size() || digits[i] == ' ' || digits[i] == '\0';
  return i > first && ended ? std::optional(value) : std::nullopt;
}

bool checksum_holds(std::span<const std::byte> header) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < kBlock; ++i) {
    const bool in_sum = i >= kSumAt && i < kSumAt + kSumSize;
    sum += in_sum ? ' ' : std::to_integer<std::uint64_t>(header[i]);
  }
  return octal(as_text(header.subspan(kSumAt, kSumSize))) == sum;
}

}  // namespace

bool is_tar(std::span<const std::byte> file) {
  return file.size() >= kBlock && file[0] != std::byte{0} && checksum_holds(file.first(kBlock));
}

std::map<std::string, std::span<const std::byte>> read_tar(std::span<const std::byte> file) {
  std::map<std::string, std::span<const std::byte>> members;
  ByteReader reader(file, "the tar archive");
  for (std::size_t count = 0; reader.remaining() > 0; ++count) {
    const auto header = reader.take(kBlock);
    if (header[0] == std::byte{0}) break;  // the archive ends with empty blocks
    const auto size = octal(as_text(header.subspan(kSizeAt, kSizeSize)));
    if (!checksum_holds(header) || !size || count == kMostMembers) {
      throw Error(ErrorKind::bad_input, "damaged tar archive: no member header at offset ",
                  reader.position() - kBlock);
    }
    const auto content = reader.take(*size);
    reader.take(std::min<std::uint64_t>((kBlock - *size % kBlock) % kBlock, reader.remaining()));
    const char type = static_cast<char>(header[kTypeAt]);
    if (type != '0' && type != '\0') continue;
    std::string_view name = as_text(header.first(kNameSize));
    name = name.substr(0, name.find('\0'));
    if (name.starts_with("./")) name.remove_prefix(2);
    if (!members.emplace(name, content).second) {
      throw Error(ErrorKind::bad_input, "damaged tar archive: member ", printable(name), " appears twice");
    }
  }
  return members;
}

}  // namespace backlight::weights
