#include <tiffio.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>
#include <new>

#include "engine/image/codec.hpp"
#include "engine/image/container.hpp"

namespace backlight {
namespace {

/// A TIFF in memory: libtiff reads it through the functions below and leaves its first complaint here.
struct Source {
  std::span<const std::uint8_t> bytes;
  std::uint64_t at = 0;
  std::array<char, 200> complaint{};
  int complaints = 0;
  bool in_pixels = false;  ///< where warnings count, too; in the directory they are about tags

  /// libtiff has no other way to tell that memory is short.
  void require_memory() const {
    const std::string_view words = complaint.data();
    for (const char* sign : {"No space", "Out of memory", "allocate memory"})
      if (words.find(sign) != std::string_view::npos) throw std::bad_alloc();
  }
};

Source& source(thandle_t handle) { return *static_cast<Source*>(handle); }

tmsize_t read(thandle_t handle, void* to, tmsize_t count) {
  Source& from = source(handle);
  const auto rest =
      from.at < from.bytes.size() ? from.bytes.subspan(from.at) : std::span<const std::uint8_t>();
  const std::size_t taken = std::min(rest.size(), static_cast<std::size_t>(count));
  std::memcpy(to, rest.data(), taken);
  from.at += taken;
  return static_cast<tmsize_t>(taken);
}

toff_t seek(thandle_t handle, toff_t offset, int whence) {
  Source& from = source(handle);
  from.at = offset + (whence == SEEK_CUR ? from.at : whence == SEEK_END ? from.bytes.size() : 0);
  return from.at;
}

int keep_complaint(TIFF*, void* handle, const char*, const char* format, va_list values) {
  Source& from = source(handle);
  if (from.complaints++ == 0) std::vsnprintf(from.complaint.data(), from.complaint.size(), format, values);
  return 1;
}

int keep_warning(TIFF* file, void* handle, const char* module, const char* format, va_list values) {
  return source(handle).in_pixels ? keep_complaint(file, handle, module, format, values) : 1;
}

using File = std::unique_ptr<TIFF, decltype(&TIFFClose)>;

File open_tiff(Source& from) {
  constexpr tmsize_t kLargestBlock = tmsize_t{1} << 30;
  const std::unique_ptr<TIFFOpenOptions, decltype(&TIFFOpenOptionsFree)> options(TIFFOpenOptionsAlloc(),
                                                                                 &TIFFOpenOptionsFree);
  TIFFOpenOptionsSetMaxSingleMemAlloc(options.get(), kLargestBlock);
  TIFFOpenOptionsSetErrorHandlerExtR(options.get(), keep_complaint, &from);
  TIFFOpenOptionsSetWarningHandlerExtR(options.get(), keep_warning, &from);
  return {
      TIFFClientOpenExt(
          "TIFF", "r", &from, read, [](thandle_t, void*, tmsize_t) -> tmsize_t { return 0; }, seek,
          [](thandle_t) { return 0; }, [](thandle_t handle) -> toff_t { return source(handle).bytes.size(); },
          [](thandle_t handle, void** base, toff_t* size) {
            *base = const_cast<std::uint8_t*>(source(handle).bytes.data());
            *size = source(handle).bytes.size();
            return 1;
          },
          [](thandle_t, void*, toff_t) {}, options.get()),
      &TIFFClose};
}

template <class Value>
Value tag(TIFF* file, std::uint32_t which, Value fallback) {
  Value value = fallback;
  TIFFGetFieldDefaulted(file, which, &value);
  return value;
}

/// How many of a pixel's samples are colours; what comes behind is alpha or something else.
int colours(TIFF* file) {
  std::uint16_t extra = 0;
  std::uint16_t* kinds = nullptr;
  TIFFGetFieldDefaulted(file, TIFFTAG_EXTRASAMPLES, &extra, &kinds);
  return tag<std::uint16_t>(file, TIFFTAG_SAMPLESPERPIXEL, 1) - extra;
}

/// The largest 16-bit sample of a colour, which libtiff's conversion to 8 bits does not tell. Of tiles it is
/// not looked for.
int largest_sample(std::span<const std::uint8_t> bytes, std::uint32_t height) {
  Source from{bytes};
  const File opened = open_tiff(from);
  TIFF* file = opened.get();
  if (!file || TIFFIsTiled(file) || tag<std::uint16_t>(file, TIFFTAG_PLANARCONFIG, 1) != PLANARCONFIG_CONTIG)
    return 0;
  std::vector<std::uint16_t> row(static_cast<std::size_t>(TIFFScanlineSize(file)) / 2 + 1);
  const std::size_t samples = std::max<std::size_t>(tag<std::uint16_t>(file, TIFFTAG_SAMPLESPERPIXEL, 1), 1);
  const int counted = colours(file);
  std::uint16_t largest = 0;
  for (std::uint32_t y = 0; y < height; ++y) {
    if (TIFFReadScanline(file, row.data(), y) < 0) return 0;
    for (std::size_t i = 0; i < row.size(); ++i)
      if (static_cast<int>(i % samples) < counted) largest = std::max(largest, row[i]);
  }
  return largest;
}

/// libtiff multiplies colours by an alpha that is not associated with them; of one that is, they are taken as stored.
void leave_colours(TIFF* file) {
  std::uint16_t count = 0;
  std::uint16_t* kinds = nullptr;
  if (!TIFFGetField(file, TIFFTAG_EXTRASAMPLES, &count, &kinds) || count == 0) return;
  std::vector<std::uint16_t> other(kinds, kinds + count);
  if (other[0] == EXTRASAMPLE_UNASSALPHA) other[0] = EXTRASAMPLE_ASSOCALPHA;
  TIFFSetField(file, TIFFTAG_EXTRASAMPLES, count, other.data());
}

}  // namespace

ImageContainer inspect_tiff(std::span<const std::uint8_t> bytes, std::string_view name) {
  Source from{bytes};
  const File file = open_tiff(from);
  from.require_memory();
  if (!file) corrupt(name, text("the TIFF cannot be read (", from.complaint.data(), ")"));
  ImageContainer tiff;
  tiff.width = tag<std::uint32_t>(file.get(), TIFFTAG_IMAGEWIDTH, 0);
  tiff.height = tag<std::uint32_t>(file.get(), TIFFTAG_IMAGELENGTH, 0);
  if (tiff.width == 0 || tiff.height == 0) corrupt(name, "the TIFF declares no pixels");
  std::array<char, 1024> reason{};
  if (!TIFFRGBAImageOK(file.get(), reason.data()))
    throw Error(ErrorKind::unsupported, name, ": a TIFF of a kind that is not supported (", reason.data(),
                "); convert it to 8 or 16 bits of grey or RGB");
  // What libtiff takes for something else: signed samples for unsigned ones, and Lab for a display's own colours.
  if (tag<std::uint16_t>(file.get(), TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_UINT) == SAMPLEFORMAT_INT)
    throw Error(ErrorKind::unsupported, name,
                ": a TIFF of signed samples, which is not supported; convert it to unsigned ones");
  if (tag<std::uint16_t>(file.get(), TIFFTAG_PHOTOMETRIC, 0) == PHOTOMETRIC_CIELAB)
    throw Error(ErrorKind::unsupported, name,
                ": a TIFF of Lab colours, which is not supported; convert it to RGB");
  tiff.provenance.format = "TIFF";
  tiff.provenance.bit_depth = tag<std::uint16_t>(file.get(), TIFFTAG_BITSPERSAMPLE, 1);
  tiff.provenance.channels = std::min<int>(tag<std::uint16_t>(file.get(), TIFFTAG_SAMPLESPERPIXEL, 1), 4);
  tiff.provenance.palette = tag<std::uint16_t>(file.get(), TIFFTAG_PHOTOMETRIC, 0) == PHOTOMETRIC_PALETTE;
  std::uint16_t extra = 0;
  std::uint16_t* kinds = nullptr;
  if (TIFFGetField(file.get(), TIFFTAG_EXTRASAMPLES, &extra, &kinds) && extra > 0)
    tiff.provenance.alpha_dropped = kinds[0] == EXTRASAMPLE_ASSOCALPHA || kinds[0] == EXTRASAMPLE_UNASSALPHA;
  const int orientation = tag<std::uint16_t>(file.get(), TIFFTAG_ORIENTATION, 1);
  tiff.provenance.exif_orientation = orientation >= 1 && orientation <= 8 ? orientation : 1;
  tiff.frames = TIFFLastDirectory(file.get()) ? 1 : 2;
  return tiff;
}

Pixels decode_tiff(std::span<const std::uint8_t> bytes, Alpha alpha) {
  static_assert(std::endian::native == std::endian::little,
                "libtiff's pixels are R, G, B, A from the lowest byte");
  Source from{bytes};
  Pixels out;
  out.wanted = alpha;
  const File file = open_tiff(from);
  if (file && alpha == Alpha::keep) leave_colours(file.get());
  TIFFRGBAImage image;
  std::array<char, 1024> reason{};
  if (!file || !TIFFRGBAImageBegin(&image, file.get(), 1, reason.data())) {
    out.failure = reason.data();
    return out;
  }
  const std::unique_ptr<TIFFRGBAImage, decltype(&TIFFRGBAImageEnd)> end(&image, &TIFFRGBAImageEnd);
  from.complaints = 0;
  from.in_pixels = true;
  image.req_orientation = image.orientation;  // the rows as they are stored
  out.width = static_cast<int>(image.width);
  out.height = static_cast<int>(image.height);
  out.rgb.reserve(static_cast<std::size_t>(image.width) * image.height * 3);
  // Whole strips or rows of tiles at a time, so that none is decompressed twice.
  const std::uint32_t block = TIFFIsTiled(file.get())
                                  ? tag<std::uint32_t>(file.get(), TIFFTAG_TILELENGTH, image.height)
                                  : tag<std::uint32_t>(file.get(), TIFFTAG_ROWSPERSTRIP, image.height);
  const std::uint32_t band = std::clamp<std::uint32_t>(block, 1, image.height);
  std::vector<std::uint32_t> raster(static_cast<std::size_t>(image.width) * band);
  for (std::uint32_t y = 0; y < image.height; y += band) {
    const std::uint32_t rows = std::min(band, image.height - y);
    image.row_offset = static_cast<int>(y);
    if (!TIFFRGBAImageGet(&image, raster.data(), image.width, rows)) {
      from.require_memory();
      out.failure = text("its pixels are broken or end early, at row ", y, " of ", image.height,
                         from.complaint[0] != '\0' ? ": " : "", from.complaint.data());
      return out;
    }
    if (from.complaints > 0 && out.damage.count == 0) {
      out.damage.place = Damage::Place::row;
      out.damage.row = static_cast<int>(y);
      out.damage.message = from.complaint.data();
    }
    out.damage.count = from.complaints;
    // What is only reserved costs no memory, should the file break off.
    out.rgb.resize(static_cast<std::size_t>(y + rows) * image.width * 3);
    take_samples(reinterpret_cast<const std::uint8_t*>(raster.data()), 4,
                 static_cast<std::size_t>(y) * image.width, static_cast<std::size_t>(rows) * image.width,
                 out);
  }
  if (image.bitspersample == 16) out.largest = largest_sample(bytes, image.height);
  return out;
}

}  // namespace backlight
