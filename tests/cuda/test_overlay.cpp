// What is shown of a class map, computed on the device, against engine/explain/display.cpp, bit for bit.
#include <limits>

#include "cuda_device.hpp"
#include "engine/explain/display.hpp"
#include "kernels/overlay/overlay.hpp"
#include "modes.hpp"
#include "sentinel.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

struct Size {
  std::int64_t height, width;
};
struct OverlayCase {
  std::int64_t batch;
  Size map, picture;
};

/// Whole rows of four pixels or not, one value, one pixel, primes, more than one tile, maps larger than the
/// picture.
constexpr OverlayCase kOverlayCases[] = {{1, {1, 1}, {1, 1}},   {1, {1, 1}, {5, 7}},   {3, {7, 7}, {32, 32}},
                                         {1, {3, 5}, {37, 41}}, {2, {2, 3}, {1, 1}},   {2, {13, 11}, {5, 3}},
                                         {1, {4, 4}, {33, 68}}, {1, {40, 37}, {8, 12}}};
constexpr std::pair<OverlayFormula, Preset> kFormulas[] = {
    {OverlayFormula::pytorch_grad_cam, Preset::pytorch_grad_cam}, {OverlayFormula::paper, Preset::paper}};

std::vector<std::uint8_t> random_bytes(std::int64_t count, std::string_view name) {
  const Tensor random = random_tensor({count}, name, 0, 256);
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(count));
  std::ranges::transform(random.values(), bytes.begin(),
                         [](float v) { return static_cast<std::uint8_t>(v); });
  return bytes;
}

Extrema extrema_of(std::span<const float> values) {
  Extrema all{};
  for (const float v : values) {
    const Extrema one = Extrema::of(v);
    all = {std::max(all.negated_low_key, one.negated_low_key), std::max(all.high_key, one.high_key)};
  }
  return all;
}

/// What a case gives, all images one after the other.
struct Shown {
  std::vector<float> map, product;
  std::vector<std::uint8_t> overlay;
};

Tensor tensor_of(std::span<const float> all, std::int64_t n, const Shape& shape) {
  const auto count = static_cast<std::size_t>(shape.numel());
  return Tensor::from(shape, all.subspan(static_cast<std::size_t>(n) * count, count));
}

Shown on_host(const OverlayCase& c, Preset preset, const std::vector<float>& maps,
              const std::vector<std::uint8_t>& pictures, const std::vector<float>& gradients) {
  Shown all;
  const auto [height, width] = c.picture;
  for (std::int64_t n = 0; n < c.batch; ++n) {
    const Tensor map = tensor_of(maps, n, {c.map.height, c.map.width});
    const Tensor shown = display_map(map, preset, height, width);
    const Tensor product = guided_product(tensor_of(gradients, n, {3, height, width}), map, preset);
    Image picture(static_cast<int>(width), static_cast<int>(height));
    std::copy_n(pictures.begin() + n * height * width * 3, height * width * 3, picture.rgb.begin());
    const Image over = !has_positive_evidence(map) ? picture
                       : preset == Preset::paper   ? blend(picture, colorize(shown, ColorMap::paper_jet))
                                                   : overlay_pytorch_grad_cam(picture, shown);
    all.map.insert(all.map.end(), shown.values().begin(), shown.values().end());
    all.product.insert(all.product.end(), product.values().begin(), product.values().end());
    all.overlay.insert(all.overlay.end(), over.rgb.begin(), over.rgb.end());
  }
  return all;
}

Tensor extrema_of_each(Context& device, const OverlayCase& c, const std::vector<float>& maps) {
  Tensor each = Context().records<Extrema>(c.batch);
  for (std::int64_t n = 0; n < c.batch; ++n)
    each.records<Extrema>()[static_cast<std::size_t>(n)] =
        extrema_of(tensor_of(maps, n, {c.map.height, c.map.width}).values());
  return device.copy(each);
}

Shown on_device(Context& device, const OverlayCase& c, OverlayFormula formula, const std::vector<float>& maps,
                const std::vector<std::uint8_t>& pictures, const std::vector<float>& gradients,
                std::int64_t offset) {
  const auto [height, width] = c.picture;
  Guarded map(device, maps), gradient(device, gradients, offset);
  Guarded shown(device, std::vector<float>(static_cast<std::size_t>(c.batch * height * width), NAN), offset);
  const Tensor each = extrema_of_each(device, c, maps);
  const Extrema* extrema = each.records<Extrema>().data();
  const Tensor picture = device.copy(std::span<const std::uint8_t>(pictures));
  Tensor overlay = device.empty({c.batch, height, width, 3}, DType::u8);
  cuda::overlay(device, {c.batch, c.map.height, c.map.width, height, width, 3, formula},
                {map.data(), extrema, picture.data<std::uint8_t>(), gradient.data()},
                {shown.data(), overlay.data<std::uint8_t>(), gradient.data()});
  return {shown.values(), gradient.values(), values_of<std::uint8_t>(device, overlay)};
}

void check_same(const OverlayCase& c, const std::vector<float>& maps) {
  const std::int64_t pixels = c.batch * c.picture.height * c.picture.width;
  const std::vector<std::uint8_t> pictures = random_bytes(3 * pixels, "cuda.picture");
  const std::vector<float> gradients = awkward_values(3 * pixels, "cuda.gradient");
  for (const auto& [formula, preset] : kFormulas) {
    CAPTURE(name_of(preset));
    const Shown expected = on_host(c, preset, maps, pictures, gradients);
    for (const std::int64_t offset : {0, 1}) {
      Context device({Device::Kind::cuda}, 1);
      const Shown found = on_device(device, c, formula, maps, pictures, gradients, offset);
      CHECK(found.map == expected.map);
      CHECK(found.product == expected.product);
      CHECK(found.overlay == expected.overlay);
    }
  }
}

}  // namespace

TEST_CASE("overlay: CUDA equals the CPU bit for bit") {
  in_every_mode([] {
    for (const OverlayCase& c : kOverlayCases) {
      CAPTURE(c.picture.width);
      check_same(c, awkward_values(c.batch * c.map.height * c.map.width, "cuda.overlay.map"));
    }
  });
}

TEST_CASE("overlay: constant and negative and zero maps are shown as on the CPU") {
  in_every_mode([] {
    const OverlayCase c{4, {5, 3}, {9, 13}};
    std::vector<float> maps(4 * 15);
    std::fill_n(maps.begin(), 15, 0.1f);        // positive: everything speaks for the class alike
    std::fill_n(maps.begin() + 15, 15, -2.0f);  // the third stays zero
    std::fill_n(maps.begin() + 45, 15, -1.0f);
    maps[50] = 1e-30f;  // a single tiny value
    check_same(c, maps);
  });
}

TEST_CASE("overlay: a map with NaN or infinity leaves the picture or finite colours and nothing crashes") {
  in_every_mode([] {
    Context device({Device::Kind::cuda}, 1);
    const OverlayCase c{1, {2, 2}, {6, 8}};
    const std::vector<std::uint8_t> picture = random_bytes(3 * 48, "cuda.nan");
    const std::vector<float> gradients(3 * 48, 1.0f);
    const std::vector<float> maps{1, std::numeric_limits<float>::quiet_NaN(), 2, 3};
    for (const auto& [formula, preset] : kFormulas)
      CHECK(on_device(device, c, formula, maps, picture, gradients, 0).overlay == picture);
  });
}

TEST_CASE("overlay: what is not asked for is not written and needs no input") {
  in_every_mode([] {
    Context device({Device::Kind::cuda}, 1);
    const OverlayCase c{1, {3, 3}, {7, 9}};
    const std::vector<float> maps = awkward_values(9, "cuda.only");
    Guarded map(device, maps), shown(device, std::vector<float>(63, NAN));
    const Tensor each = extrema_of_each(device, c, maps);
    const Extrema* extrema = each.records<Extrema>().data();
    cuda::overlay(device, {1, 3, 3, 7, 9}, {map.data(), extrema, nullptr, nullptr},
                  {shown.data(), nullptr, nullptr});
    const Tensor expected = display_map(Tensor::from({3, 3}, maps), Preset::pytorch_grad_cam, 7, 9);
    CHECK(std::ranges::equal(shown.values(), expected.values()));
    Image over(9, 7);
    over.rgb = random_bytes(3 * 63, "cuda.only.picture");
    const Tensor picture = device.copy(std::span<const std::uint8_t>(over.rgb));
    Tensor overlay = device.empty({7, 9, 3}, DType::u8);
    cuda::overlay(device, {1, 3, 3, 7, 9}, {map.data(), extrema, picture.data<std::uint8_t>(), nullptr},
                  {nullptr, overlay.data<std::uint8_t>(), nullptr});
    CHECK(values_of<std::uint8_t>(device, overlay) == overlay_pytorch_grad_cam(over, expected).rgb);
    CHECK_THROWS_AS(cuda::overlay(device, {1, 3, 3, 7, 9}, {map.data(), extrema, nullptr, nullptr},
                                  {nullptr, overlay.data<std::uint8_t>(), nullptr}),
                    Error);
    CHECK_THROWS_AS(cuda::overlay(device, {1, 3, 3, 7, 9}, {map.data(), extrema, nullptr, nullptr},
                                  {nullptr, nullptr, shown.data()}),
                    Error);
    cuda::overlay(device, {0, 3, 3, 7, 9}, {}, {});
  });
}

TEST_CASE("overlay: bytes and operations follow from what is asked for") {
  const OverlayParams params{2, 7, 7, 32, 16};
  constexpr std::int64_t kMap = 4 * 2 * 49, kPixels = 2 * 32 * 16;
  float some = 0;
  std::uint8_t byte = 0;
  CHECK(cuda::overlay_cost(params, {}) == Cost{kMap, 12 * kPixels});
  CHECK(cuda::overlay_cost(params, {&some, nullptr, nullptr}) == Cost{kMap + 4 * kPixels, 12 * kPixels});
  CHECK(cuda::overlay_cost(params, {&some, &byte, &some}) == Cost{kMap + 34 * kPixels, 33 * kPixels});
}
