#include "weights/zip.hpp"

#include <zlib.h>

#include <algorithm>
#include <cctype>
#include <optional>
#include <utility>

#include "weights/byte_reader.hpp"
#include "weights/pickle.hpp"

namespace backlight::weights {
namespace {

constexpr std::uint32_t kLocalHeader = 0x04034b50, kCentralHeader = 0x02014b50, kEnd = 0x06054b50,
                        kEnd64 = 0x06064b50, kEnd64Locator = 0x07064b50;
constexpr std::size_t kEndSize = 22, kLocatorSize = 20, kLocalSize = 30;
constexpr std::uint32_t kIn64 = 0xffffffff;

template <class... Parts>
[[noreturn]] void damaged(const Parts&... parts) {
  throw Error(ErrorKind::bad_input, "damaged zip archive: ", parts...);
}

struct Directory {
  std::uint64_t entries, size, offset;
};

/// Where the end record says that the directory lies. Its comment must reach exactly to the file's end.
Directory find_directory(std::span<const std::byte> file) {
  std::optional<std::size_t> end;
  for (std::size_t comment = 0; comment <= 0xffff && comment + kEndSize <= file.size() && !end; ++comment) {
    const std::size_t at = file.size() - kEndSize - comment;
    ByteReader record(file.subspan(at, kEndSize), "the zip end record");
    if (record.read<std::uint32_t>() != kEnd) continue;
    record.take(kEndSize - 6);
    if (record.read<std::uint16_t>() == comment) end = at;
  }
  if (!end) {
    throw Error(ErrorKind::bad_input,
                "truncated: it begins as a zip archive of PyTorch but its directory, which ",
                "stands at the end, is not among the ", file.size(), " bytes; download it again");
  }
  ByteReader record(file.subspan(*end, kEndSize), "the zip end record");
  record.take(4);
  const auto disk = record.read<std::uint16_t>(), directory_disk = record.read<std::uint16_t>();
  record.take(2);
  Directory found{record.read<std::uint16_t>(), 0, 0};
  found.size = record.read<std::uint32_t>();
  found.offset = record.read<std::uint32_t>();
  if ((disk != 0 && disk != 0xffff) || (directory_disk != 0 && directory_disk != 0xffff)) {
    throw Error(ErrorKind::unsupported, "a zip archive in several parts");
  }
  std::uint64_t directory_end = *end;
  const bool in64 = found.entries == 0xffff || found.size == kIn64 || found.offset == kIn64;
  if (*end >= kLocatorSize) {
    ByteReader locator(file.subspan(*end - kLocatorSize, kLocatorSize), "the ZIP64 locator");
    if (locator.read<std::uint32_t>() == kEnd64Locator) {
      locator.take(4);
      const auto at = locator.read<std::uint64_t>();
      if (at > *end - kLocatorSize)
        damaged("its ZIP64 end record would lie at ", at, ", beyond its own locator");
      ByteReader record64(file.subspan(at, *end - kLocatorSize - at), "the ZIP64 end record");
      if (record64.read<std::uint32_t>() != kEnd64) damaged("no ZIP64 end record where its locator points");
      record64.take(8 + 2 + 2 + 4 + 4 + 8);
      const auto entries = record64.read<std::uint64_t>(), size = record64.read<std::uint64_t>(),
                 offset = record64.read<std::uint64_t>();
      if ((found.entries != 0xffff && found.entries != entries) ||
          (found.size != kIn64 && found.size != size) || (found.offset != kIn64 && found.offset != offset)) {
        damaged("its two end records contradict each other");
      }
      found = {entries, size, offset};
      directory_end = at;
    } else if (in64) {
      damaged("its ZIP64 end record is missing");
    }
  }
  if (found.offset > directory_end || found.size != directory_end - found.offset) {
    damaged("a directory of ", found.size, " bytes at ", found.offset,
            " does not end where the end record begins, at ", directory_end);
  }
  return found;
}

/// The fields that a central header leaves to its ZIP64 extra field, in the order in which they stand there.
void read_zip64(std::span<const std::byte> extra, std::initializer_list<std::uint64_t*> fields) {
  const bool wanted = std::any_of(fields.begin(), fields.end(), [](auto* field) { return *field == kIn64; });
  ByteReader reader(extra, "a zip member's extra field");
  while (wanted && reader.remaining() >= 4) {
    const auto id = reader.read<std::uint16_t>(), size = reader.read<std::uint16_t>();
    ByteReader block(reader.take(size), "a zip member's ZIP64 field");
    if (id != 1) continue;
    for (std::uint64_t* field : fields) {
      if (*field == kIn64) *field = block.read<std::uint64_t>();
    }
    return;
  }
  if (wanted) damaged("a member's ZIP64 sizes are missing");
}

std::string folded(std::string name) {
  for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return name;
}

struct InflateStream {
  z_stream z{};
  InflateStream() {
    if (inflateInit2(&z, -MAX_WBITS) != Z_OK)
      throw Error(ErrorKind::resources, "out of memory: cannot inflate");
  }
  InflateStream(const InflateStream&) = delete;
  ~InflateStream() { inflateEnd(&z); }
};

/// zlib counts in 32 bits, so both sides go through it in pieces.
std::vector<std::byte> inflate_member(const ZipMember& member) {
  constexpr std::size_t kPiece = std::size_t{1} << 30;
  std::vector<std::byte> out(member.size);
  InflateStream stream;
  std::span<const std::byte> in = member.stored;
  std::size_t produced = 0;
  int status = Z_OK;
  while (status == Z_OK) {
    const auto given = std::min(in.size(), kPiece), room = std::min(out.size() - produced, kPiece);
    std::byte none{};
    stream.z.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(in.data()));
    stream.z.avail_in = static_cast<uInt>(given);
    stream.z.next_out = reinterpret_cast<Bytef*>(room > 0 ? out.data() + produced : &none);
    stream.z.avail_out = static_cast<uInt>(room);
    status = ::inflate(&stream.z, Z_NO_FLUSH);
    const std::size_t used = given - stream.z.avail_in, made = room - stream.z.avail_out;
    in = in.subspan(used);
    produced += made;
  }
  if (status != Z_STREAM_END || produced != out.size() || !in.empty()) {
    damaged("member ", printable(member.name), " does not inflate to the ", member.size,
            " bytes it declares");
  }
  const auto crc = ::crc32_z(0, reinterpret_cast<const Bytef*>(out.data()), out.size());
  if (crc != member.crc)
    damaged("the checksum of member ", printable(member.name), " is wrong; download it again");
  return out;
}

}  // namespace

ZipArchive::ZipArchive(std::shared_ptr<const FileBytes> file, const CheckpointLimits& limits)
    : file_(std::move(file)), limits_(limits) {
  const Directory directory = find_directory(file_->bytes());
  if (directory.entries > limits_.zip_entries) {
    throw Error(ErrorKind::bad_input, "a zip archive of ", directory.entries, " members; at most ",
                limits_.zip_entries, " are read");
  }
  ByteReader reader(file_->bytes().subspan(directory.offset, directory.size), "the zip directory");
  std::vector<std::uint64_t> local_headers;
  for (std::uint64_t i = 0; i < directory.entries; ++i) {
    if (reader.read<std::uint32_t>() != kCentralHeader) damaged("entry ", i, " of its directory is none");
    reader.take(4);
    const auto flags = reader.read<std::uint16_t>(), method = reader.read<std::uint16_t>();
    reader.take(4);
    ZipMember member;
    member.crc = reader.read<std::uint32_t>();
    std::uint64_t stored = reader.read<std::uint32_t>();
    member.size = reader.read<std::uint32_t>();
    const auto name_size = reader.read<std::uint16_t>(), extra_size = reader.read<std::uint16_t>(),
               comment_size = reader.read<std::uint16_t>();
    reader.take(8);
    std::uint64_t local = reader.read<std::uint32_t>();
    member.name = reader.take_text(name_size);
    read_zip64(reader.take(extra_size), {&member.size, &stored, &local});
    reader.take(comment_size);
    const std::string name = printable(member.name);
    if (member.name.find('\0') != std::string::npos) damaged("a member's name holds a zero byte");
    if (flags & 1) throw Error(ErrorKind::unsupported, "member ", name, " of the zip archive is encrypted");
    if (method != 0 && method != 8) {
      throw Error(ErrorKind::unsupported, "member ", name, " is compressed by method ", method,
                  "; expected stored (0) or deflated (8)");
    }
    member.deflated = method == 8;
    if (!member.deflated && stored != member.size) damaged("member ", name, " is stored but has two sizes");
    if (stored > file_->bytes().size()) damaged("member ", name, " is said to take ", stored, " bytes");
    if (member.deflated && member.size / limits_.unfold_ratio > stored) {
      throw Error(ErrorKind::bad_input, "member ", name, " would inflate from ", stored, " to ", member.size,
                  " bytes; a ratio above ", limits_.unfold_ratio, " is refused as a zip bomb");
    }
    member.stored = file_->bytes().first(stored);
    members_.push_back(std::move(member));
    local_headers.push_back(local);
  }
  if (reader.remaining() != 0) damaged("its directory holds more than its ", directory.entries, " entries");
  locate(local_headers, directory.offset);
}

/// Sets each member's bytes, which lie behind its local header, and checks that no two overlap.
void ZipArchive::locate(const std::vector<std::uint64_t>& local_headers, std::uint64_t directory_offset) {
  const std::span<const std::byte> before_directory = file_->bytes().first(directory_offset);
  struct Extent {
    std::uint64_t begin, end;
    std::size_t member;
  };
  std::vector<Extent> extents;
  for (std::size_t i = 0; i < members_.size(); ++i) {
    ZipMember& member = members_[i];
    if (local_headers[i] > directory_offset)
      damaged("member ", printable(member.name), " begins behind the directory");
    ByteReader local(before_directory.subspan(local_headers[i]), "a zip member");
    if (local.read<std::uint32_t>() != kLocalHeader)
      damaged("no member where the directory says ", printable(member.name));
    local.take(kLocalSize - 8);
    const auto name_size = local.read<std::uint16_t>(), extra_size = local.read<std::uint16_t>();
    if (local.take_text(name_size) != member.name) {
      damaged("the directory and the local header disagree on the name of ", printable(member.name));
    }
    local.take(extra_size);
    member.stored = local.take(member.stored.size());
    extents.push_back({local_headers[i], local_headers[i] + local.position(), i});
  }
  std::sort(extents.begin(), extents.end(),
            [](const Extent& a, const Extent& b) { return a.begin < b.begin; });
  for (std::size_t i = 1; i < extents.size(); ++i) {
    if (extents[i].begin < extents[i - 1].end) {
      damaged("members ", printable(members_[extents[i - 1].member].name), " and ",
              printable(members_[extents[i].member].name), " overlap");
    }
  }
  std::sort(members_.begin(), members_.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  std::vector<std::string> names;
  for (const ZipMember& member : members_) names.push_back(folded(member.name));
  std::sort(names.begin(), names.end());
  const auto twice = std::adjacent_find(names.begin(), names.end());
  if (twice != names.end()) {
    damaged("two members are called ", printable(*twice),
            " (case aside); readers disagree on which one counts");
  }
}

const ZipMember* ZipArchive::find(std::string_view name) const {
  const auto at =
      std::lower_bound(members_.begin(), members_.end(), name,
                       [](const ZipMember& member, std::string_view wanted) { return member.name < wanted; });
  return at != members_.end() && at->name == name ? &*at : nullptr;
}

SharedBytes ZipArchive::read(const ZipMember& member) const {
  if (!member.deflated) return {file_, member.stored};
  const std::lock_guard lock(mutex_);
  if (inflated_member_ != &member) {
    inflated_.reset();
    inflated_member_ = nullptr;
    inflated_ = std::make_shared<const std::vector<std::byte>>(inflate_member(member));
    inflated_member_ = &member;
  }
  return {inflated_, *inflated_};
}

}  // namespace backlight::weights
