// From activations on the device to pictures, against the steps of the host.
#include <cmath>
#include <functional>
#include <string>

#include "cuda_device.hpp"
#include "engine/explain/device_display.hpp"
#include "engine/runtime/cuda/backend.hpp"
#include "kernels/grad_cam/grad_cam.hpp"
#include "kernels/overlay/overlay.hpp"
#include "kernels/preprocess/preprocess.hpp"
#include "modes.hpp"
#include "support/random.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

constexpr Preset kShown[] = {Preset::pytorch_grad_cam, Preset::paper};

/// The overlay that the host makes of a map at the picture's own size.
Image host_overlay(const Image& picture, const Tensor& map, Preset preset) {
  Placement placement;
  placement.input_width = placement.source_width = picture.width;
  placement.input_height = placement.source_height = picture.height;
  return overlay(picture, map, placement, preset);
}

ErrorKind kind_of(const std::function<void()>& fn) {
  try {
    fn();
  } catch (const Error& error) {
    return error.kind();
  }
  FAIL_CHECK("no error was thrown");
  return ErrorKind::internal;
}

}  // namespace

TEST_CASE("device display: a photograph's overlay and map and product are the host's") {
  const Fitted input = preprocess(read_image(BACKLIGHT_SOURCE_DIR "/tests/images/chelsea.png"),
                                  Preprocessing::torchvision(64, 72));
  const Tensor alpha = random_tensor({1, 12}, "cuda.display.alpha");
  const Tensor activations = random_tensor({1, 12, 7, 7}, "cuda.display.a");
  const Tensor gradient = random_tensor({1, 3, 64, 64}, "cuda.display.gradient");
  in_every_mode([&] {
    Context context(kCudaDevice, 1);
    const Tensor picture =
        context.copy(std::span<const std::uint8_t>(input.seen.rgb)).reshaped({1, 64, 64, 3});
    const Tensor device_gradient = context.copy(gradient);
    const DeviceMap map = class_map_on_device(context, context.copy(alpha), context.copy(activations));
    const Tensor host_map = context.to_host(map.map);
    CHECK_NOTHROW(require_finite(context.to_host(map.extrema).records<Extrema>()));
    for (const Preset preset : kShown) {
      CAPTURE(name_of(preset));
      const DeviceDisplay found = display_on_device(context, preset, map, 64, 64, &picture, &device_gradient);
      CHECK(std::ranges::equal(context.to_host(found.shown).values(),
                               display_map(host_map, preset, 64, 64).values()));
      CHECK(values_of<std::uint8_t>(context, found.overlay) ==
            host_overlay(input.seen, host_map, preset).rgb);
      CHECK(std::ranges::equal(
          context.to_host(found.product).values(),
          guided_product(gradient.clone().reshaped({3, 64, 64}), host_map, preset).values()));
    }
  });
}

TEST_CASE("device display: a rectified map shows the same as the signed one") {
  const FreshDevice fresh;
  Context context(kCudaDevice, 1);
  const Tensor alpha = context.copy(random_tensor({2, 5}, "cuda.rectified.alpha"));
  const Tensor activations = context.copy(random_tensor({2, 5, 4, 6}, "cuda.rectified.a"));
  const DeviceMap raw = class_map_on_device(context, alpha, activations),
                  rectified = class_map_on_device(context, alpha, activations, MapValues::rectified);
  for (const Preset preset : kShown) {
    const DeviceDisplay a = display_on_device(context, preset, raw, 9, 17, nullptr, nullptr),
                        b = display_on_device(context, preset, rectified, 9, 17, nullptr, nullptr);
    CHECK(std::ranges::equal(context.to_host(a.shown).values(), context.to_host(b.shown).values()));
    CHECK(!a.overlay.defined());
    CHECK(!a.product.defined());
  }
}

TEST_CASE("device display: recorded as a graph it shows whatever the inputs hold when it is replayed") {
  const Preset preset = Preset::pytorch_grad_cam;
  const auto values = [](const char* name, const Shape& shape, int turn) {
    return random_tensor(shape, name + std::to_string(turn));
  };
  const Shape alpha_shape{2, 4}, activations_shape{2, 4, 5, 3}, gradient_shape{2, 3, 12, 8};
  in_every_mode([&] {
    Context context(kCudaDevice, 1);
    Tensor alpha = context.zeros(alpha_shape), activations = context.zeros(activations_shape),
           gradient = context.zeros(gradient_shape);
    Tensor grey({2, 12, 8, 3}, DType::u8);
    grey.fill(100);
    const Tensor pictures = context.copy(grey);
    DeviceMap map;
    DeviceDisplay shown;
    DeviceSaliency guided;
    const auto show = [&] {
      map = class_map_on_device(context, alpha, activations);
      shown = display_on_device(context, preset, map, 12, 8, &pictures, &gradient);
      guided = saliency_on_device(context, shown.product, preset, false);
    };
    const auto rehearse = [&] {
      show();
      map = {};
      shown = {};
      guided = {};
    };
    const std::shared_ptr<cuda::Graph> graph = context.record(rehearse, show);
    for (int turn = 0; turn < 2; ++turn) {
      const Tensor host_gradient = values("graph.gradient", gradient_shape, turn);
      context.copy(values("graph.alpha", alpha_shape, turn), alpha);
      context.copy(values("graph.activations", activations_shape, turn), activations);
      context.copy(host_gradient, gradient);
      cuda::replay(context.stream(), *graph);
      const Tensor maps = context.to_host(map.map);
      const std::vector<std::uint8_t> overlays = values_of<std::uint8_t>(context, shown.overlay),
                                      saliencies = values_of<std::uint8_t>(context, guided.pictures);
      for (std::size_t n = 0; n < 2; ++n) {
        const Tensor one = Tensor::from({5, 3}, maps.values().subspan(n * 15, 15));
        Image picture(8, 12, 100);
        const std::size_t first = n * 12 * 8 * 3;
        CHECK(std::ranges::equal(std::span(overlays).subspan(first, 288),
                                 host_overlay(picture, one, preset).rgb));
        const Tensor product =
            guided_product(Tensor::from({3, 12, 8}, host_gradient.values().subspan(first, 288)), one, preset);
        CHECK(std::ranges::equal(std::span(saliencies).subspan(first, 288), saliency(product, preset).rgb));
      }
    }
  });
}

TEST_CASE("device display: gradients become the presets' pictures") {
  const FreshDevice fresh;
  Context context(kCudaDevice, 1);
  const Tensor gradient = random_tensor({1, 3, 9, 12}, "cuda.display.saliency");
  const Tensor on_device = context.copy(gradient), plane = context.zeros({1, 1, 9, 12});
  for (const Preset preset : {Preset::pytorch_grad_cam, Preset::paper, Preset::torch_cam}) {
    const DeviceSaliency found = saliency_on_device(context, on_device, preset, false);
    CHECK(values_of<std::uint8_t>(context, found.pictures) == saliency(gradient, preset).rgb);
    CHECK_NOTHROW(require_finite(context.to_host(found.extrema).records<Extrema>()));
  }
  CHECK(kind_of([&] { saliency_on_device(context, on_device, Preset::captum, false); }) ==
        ErrorKind::unsupported);
  CHECK(kind_of([&] { saliency_on_device(context, plane, Preset::paper, false); }) == ErrorKind::usage);
}

TEST_CASE("device display: shapes that do not fit and presets of the host are refused") {
  const FreshDevice fresh;
  Context context(kCudaDevice, 1);
  const Tensor alpha = context.zeros({2, 5}), activations = context.zeros({2, 5, 3, 3});
  const DeviceMap map = class_map_on_device(context, alpha, activations);
  CHECK(kind_of([&] { class_map_on_device(context, activations, activations); }) == ErrorKind::usage);
  for (const Preset preset : {Preset::captum, Preset::torch_cam}) {
    CHECK(!shown_on_device(preset));
    CHECK(kind_of([&] { display_on_device(context, preset, map, 8, 8, nullptr, nullptr); }) ==
          ErrorKind::unsupported);
  }
  const auto shown = [&](const DeviceMap& m, const Tensor* pictures, const Tensor* gradient) {
    display_on_device(context, Preset::paper, m, 8, 8, pictures, gradient);
  };
  const DeviceMap flat{context.zeros({2, 9}), context.records<Extrema>(2)};
  const Tensor narrow = context.zeros({2, 8, 7, 3}, DType::u8), floats = context.zeros({2, 8, 8, 3});
  const Tensor gradient = context.zeros({2, 3, 8, 9});
  CHECK(kind_of([&] { shown(flat, nullptr, nullptr); }) == ErrorKind::usage);
  CHECK(kind_of([&] { shown(map, &narrow, nullptr); }) == ErrorKind::usage);
  CHECK(kind_of([&] { shown(map, &floats, nullptr); }) == ErrorKind::usage);
  CHECK(kind_of([&] { shown(map, nullptr, &gradient); }) == ErrorKind::usage);
}

TEST_CASE("device display: a map that is not finite is told by its extrema") {
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    const Extrema extrema[] = {Extrema::of(1), Extrema::of(bad)};
    CHECK(kind_of([&] { require_finite(extrema); }) == ErrorKind::bad_input);
    CHECK_NOTHROW(require_finite(std::span(extrema).first(1)));
  }
}
