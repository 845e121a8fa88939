// PNG files, written in strips of rows that are filtered and compressed independently, so that threads can
// share the work. Where the strips lie depends on the picture alone, and so do the bytes.
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <string>

#include "engine/image/write.hpp"
#include "engine/runtime/device.hpp"

namespace backlight {
namespace {

using ByteVector = std::vector<std::uint8_t>;

/// What a strip holds before compression, roughly: enough that beginning anew costs less than 1 % of its
/// size.
constexpr std::size_t kStripBytes = std::size_t{1} << 20;
/// zlib's fastest: of a photograph it leaves 15 % more than level 8, in a thirtieth of the time.
constexpr int kLevel = 1;
constexpr std::size_t kSamples = 3;

void append_big_endian(ByteVector& out, std::size_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<std::uint8_t>(value >> shift));
}

/// A chunk under construction: its length and checksum come last.
ByteVector open_chunk(std::string_view type) {
  ByteVector chunk(8);
  std::ranges::copy(type, chunk.begin() + 4);
  return chunk;
}

ByteVector close_chunk(ByteVector chunk) {
  const std::size_t length = chunk.size() - 8;
  for (int i = 0; i < 4; ++i) chunk[i] = static_cast<std::uint8_t>(length >> (24 - 8 * i));
  append_big_endian(chunk, crc32(0, chunk.data() + 4, static_cast<uInt>(length + 4)));
  return chunk;
}

ByteVector itxt_chunk(const PictureText& entry) {
  const auto printable = [](char c) { return c >= ' ' && c <= '~'; };
  if (entry.keyword.empty() || entry.keyword.size() > 79 || !std::ranges::all_of(entry.keyword, printable))
    throw Error(ErrorKind::bad_input, "a PNG text has the keyword \"", entry.keyword,
                "\", expected 1 to 79 printable ASCII characters");
  ByteVector chunk = open_chunk("iTXt");
  chunk.insert(chunk.end(), entry.keyword.begin(), entry.keyword.end());
  chunk.resize(chunk.size() +
               5);  // end of keyword, not compressed, method 0, no language, no translated keyword
  chunk.insert(chunk.end(), entry.text.begin(), entry.text.end());
  return close_chunk(std::move(chunk));
}

ByteVector head(const Image& image, std::span<const PictureText> texts) {
  ByteVector file = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
  ByteVector header = open_chunk("IHDR");
  append_big_endian(header, static_cast<std::size_t>(image.width));
  append_big_endian(header, static_cast<std::size_t>(image.height));
  header.insert(header.end(), {8, 2, 0, 0, 0});  // 8 bits, RGB, deflate, five filters, not interlaced
  header = close_chunk(std::move(header));
  file.insert(file.end(), header.begin(), header.end());
  for (const PictureText& entry : texts) {
    const ByteVector chunk = itxt_chunk(entry);
    file.insert(file.end(), chunk.begin(), chunk.end());
  }
  return file;
}

/// PNG's five filters of one row. `row` and `above` have three zeros before their first sample.
struct Filters {
  explicit Filters(std::size_t bytes) {
    for (ByteVector& out : filtered) out.resize(bytes);
  }

  /// The number of the filter that leaves the smallest differences, and its row.
  std::pair<std::uint8_t, const ByteVector*> best(const std::uint8_t* row, const std::uint8_t* above) {
    const std::size_t n = filtered[0].size();
    const std::uint8_t* left = row - kSamples;
    const std::uint8_t* corner = above - kSamples;
    const auto apply = [&](int filter, auto predict) {
      std::uint8_t* out = filtered[filter].data();
      for (std::size_t i = 0; i < n; ++i)
        out[i] = static_cast<std::uint8_t>(row[i] - predict(left[i], above[i], corner[i]));
    };
    apply(0, [](int, int, int) { return 0; });
    apply(1, [](int a, int, int) { return a; });
    apply(2, [](int, int b, int) { return b; });
    apply(3, [](int a, int b, int) { return (a + b) / 2; });
    apply(4, [](int a, int b, int c) {
      const int pa = std::abs(b - c), pb = std::abs(a - c), pc = std::abs(a + b - 2 * c);
      const int other = pb <= pc ? b : c;
      return pa <= std::min(pb, pc) ? a : other;
    });
    std::array<unsigned, 5> cost{};
    for (std::size_t filter = 0; filter < cost.size(); ++filter)
      for (const std::uint8_t v : filtered[filter])
        cost[filter] += static_cast<unsigned>(std::abs(static_cast<std::int8_t>(v)));
    const auto least = static_cast<std::size_t>(std::ranges::min_element(cost) - cost.begin());
    return {static_cast<std::uint8_t>(least), &filtered[least]};
  }

  std::array<ByteVector, 5> filtered;
};

struct Strip {
  ByteVector chunk;
  uLong adler = 0;
  std::size_t raw_bytes = 0;
};

/// Rows [begin, end) as an IDAT chunk: part of one deflate stream, and on a byte's boundary.
Strip compress_rows(const Image& image, int begin, int end) {
  const std::size_t row_bytes = static_cast<std::size_t>(image.width) * kSamples;
  ByteVector raw;
  raw.reserve((row_bytes + 1) * static_cast<std::size_t>(end - begin));
  Filters filters(row_bytes);
  ByteVector above(kSamples + row_bytes), row(kSamples + row_bytes);
  if (begin > 0) std::copy_n(image.at(0, begin - 1), row_bytes, above.begin() + kSamples);
  for (int y = begin; y < end; ++y) {
    std::copy_n(image.at(0, y), row_bytes, row.begin() + kSamples);
    const auto [filter, filtered] = filters.best(row.data() + kSamples, above.data() + kSamples);
    raw.push_back(filter);
    raw.insert(raw.end(), filtered->begin(), filtered->end());
    std::swap(row, above);
  }

  Strip strip{open_chunk("IDAT"), adler32_z(1, raw.data(), raw.size()), raw.size()};
  if (begin == 0) strip.chunk.insert(strip.chunk.end(), {0x78, 0x01});  // zlib's header
  constexpr int kNoHeader = -15, kMemory = 9, kFlush = 16;
  z_stream stream{};
  if (deflateInit2(&stream, kLevel, Z_DEFLATED, kNoHeader, kMemory, Z_DEFAULT_STRATEGY) != Z_OK)
    throw std::bad_alloc();
  const std::size_t written = strip.chunk.size();
  strip.chunk.resize(written + deflateBound(&stream, static_cast<uLong>(raw.size())) + kFlush);
  stream.next_in = raw.data();
  stream.avail_in = static_cast<uInt>(raw.size());
  stream.next_out = strip.chunk.data() + written;
  stream.avail_out = static_cast<uInt>(strip.chunk.size() - written);
  deflate(&stream, end == image.height ? Z_FINISH : Z_FULL_FLUSH);
  strip.chunk.resize(written + stream.total_out);
  deflateEnd(&stream);
  strip.chunk.shrink_to_fit();
  strip.chunk = close_chunk(std::move(strip.chunk));
  return strip;
}

}  // namespace

std::vector<ByteVector> encode_png_parts(const Image& image, std::span<const PictureText> texts,
                                         const Context* context) {
  require_pixels(image, "PNG");
  const std::size_t row_bytes = static_cast<std::size_t>(image.width) * kSamples + 1;
  const int rows = static_cast<int>(std::max<std::size_t>(1, kStripBytes / row_bytes));
  const int count = (image.height + rows - 1) / rows;
  std::vector<Strip> strips(static_cast<std::size_t>(count));
  std::vector<ByteVector> parts(static_cast<std::size_t>(count) + 2);
  parts.front() = head(image, texts);
  const auto compress = [&](std::int64_t i, int) {
    const int begin = static_cast<int>(i) * rows;
    strips[static_cast<std::size_t>(i)] = compress_rows(image, begin, std::min(begin + rows, image.height));
  };
  if (context)
    context->parallel_for(count, compress);
  else
    for (int i = 0; i < count; ++i) compress(i, 0);

  uLong adler = 1;
  for (std::size_t i = 0; i < strips.size(); ++i) {
    adler = adler32_combine(adler, strips[i].adler, static_cast<z_off_t>(strips[i].raw_bytes));
    parts[i + 1] = std::move(strips[i].chunk);
  }
  ByteVector end = open_chunk("IDAT");
  append_big_endian(end, adler);
  parts.back() = close_chunk(std::move(end));
  const ByteVector last = close_chunk(open_chunk("IEND"));
  parts.back().insert(parts.back().end(), last.begin(), last.end());
  return parts;
}

}  // namespace backlight
