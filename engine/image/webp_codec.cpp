#include <webp/decode.h>
#include <webp/demux.h>

#include <algorithm>
#include <memory>
#include <new>

#include "engine/image/codec.hpp"
#include "engine/image/container.hpp"

namespace backlight {
namespace {

using Demuxer = std::unique_ptr<WebPDemuxer, decltype(&WebPDemuxDelete)>;

Demuxer demux(std::span<const std::uint8_t> bytes) {
  const WebPData data{bytes.data(), bytes.size()};
  return {WebPDemux(&data), &WebPDemuxDelete};
}

}  // namespace

ImageContainer inspect_webp(std::span<const std::uint8_t> bytes, std::string_view name) {
  const Demuxer demuxer = demux(bytes);
  if (!demuxer) corrupt(name, "the WebP's parts do not fit together, or end early");
  const auto feature = [&](WebPFormatFeature which) { return WebPDemuxGetI(demuxer.get(), which); };
  ImageContainer webp;
  webp.width = feature(WEBP_FF_CANVAS_WIDTH);
  webp.height = feature(WEBP_FF_CANVAS_HEIGHT);
  webp.frames = static_cast<int>(feature(WEBP_FF_FRAME_COUNT));
  if (WebPIterator frame; WebPDemuxGetFrame(demuxer.get(), 1, &frame)) {
    webp.partial = frame.width < webp.width || frame.height < webp.height;
    WebPDemuxReleaseIterator(&frame);
  }
  const bool alpha = (feature(WEBP_FF_FORMAT_FLAGS) & ALPHA_FLAG) != 0;
  webp.provenance.format = "WebP";
  webp.provenance.channels = alpha ? 4 : 3;
  webp.provenance.alpha_dropped = alpha;
  WebPChunkIterator chunk;
  if (WebPDemuxGetChunk(demuxer.get(), "EXIF", 1, &chunk)) {
    std::span exif(chunk.chunk.bytes, chunk.chunk.size);
    constexpr std::string_view kPrefix("Exif\0", 6);
    if (exif.size() > kPrefix.size() && std::equal(kPrefix.begin(), kPrefix.end(), exif.begin()))
      exif = exif.subspan(kPrefix.size());
    webp.provenance.exif_orientation = exif_orientation(exif);
    WebPDemuxReleaseChunkIterator(&chunk);
  }
  return webp;
}

Pixels decode_webp(std::span<const std::uint8_t> bytes, Alpha alpha) {
  Pixels out;
  out.wanted = alpha;
  const Demuxer demuxer = demux(bytes);
  WebPIterator frame;
  if (!demuxer || !WebPDemuxGetFrame(demuxer.get(), 1, &frame)) {
    out.failure = "it has no frame";
    return out;
  }
  const std::unique_ptr<WebPIterator, decltype(&WebPDemuxReleaseIterator)> release(&frame,
                                                                                   &WebPDemuxReleaseIterator);
  out.width = static_cast<int>(WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_WIDTH));
  out.height = static_cast<int>(WebPDemuxGetI(demuxer.get(), WEBP_FF_CANVAS_HEIGHT));
  out.rgb.resize(static_cast<std::size_t>(out.width) * out.height * 3);
  const int channels = frame.has_alpha ? 4 : 3;
  const int row_bytes = frame.width * channels;
  // Opaque and as large as the picture, it is decoded into its place.
  const bool in_place = !frame.has_alpha && frame.width == out.width && frame.height == out.height;
  std::vector<std::uint8_t> apart(in_place ? 0 : static_cast<std::size_t>(row_bytes) * frame.height);
  std::vector<std::uint8_t>& samples = in_place ? out.rgb : apart;
  WebPDecoderConfig config;
  WebPInitDecoderConfig(&config);
  config.output.colorspace = frame.has_alpha ? MODE_RGBA : MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA = {samples.data(), row_bytes, samples.size()};
  const VP8StatusCode status = WebPDecode(frame.fragment.bytes, frame.fragment.size, &config);
  if (status == VP8_STATUS_OUT_OF_MEMORY) throw std::bad_alloc();
  if (status != VP8_STATUS_OK) {
    out.failure = "its compressed pixels are broken or end early";
    return out;
  }
  if (in_place) return out;
  // A frame of an animation may cover a part of the canvas, which is black elsewhere, and transparent if anything is.
  const bool transparent = (WebPDemuxGetI(demuxer.get(), WEBP_FF_FORMAT_FLAGS) & ALPHA_FLAG) != 0;
  if (alpha == Alpha::keep && transparent && (frame.width < out.width || frame.height < out.height))
    out.alpha.assign(out.rgb.size() / 3, 0);
  for (int y = 0; y < frame.height; ++y)
    take_samples(&samples[static_cast<std::size_t>(y) * row_bytes], channels,
                 static_cast<std::size_t>(frame.y_offset + y) * out.width + frame.x_offset,
                 static_cast<std::size_t>(frame.width), out);
  return out;
}

}  // namespace backlight
