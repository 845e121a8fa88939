// Gradients as pictures on the device against kernels/saliency/saliency_cpu.cpp.
#include <utility>

#include "cuda_device.hpp"
#include "kernels/saliency/saliency.hpp"
#include "modes.hpp"
#include "sentinel.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

struct SaliencyCase {
  std::int64_t batch, height, width;
};
/// One pixel, primes, whole rows of four, more than one block and one part.
constexpr SaliencyCase kSaliencyCases[] = {{1, 1, 1}, {2, 3, 5}, {3, 8, 8}, {1, 37, 41}, {2, 52, 60}};

Image saliency_on_host(const Tensor& gradient, SaliencyFormula formula) {
  return formula == SaliencyFormula::deprocess ? saliency_deprocess(gradient) : saliency_min_max(gradient);
}

std::vector<std::uint8_t> on_device(Context& device, const SaliencyCase& c, SaliencyFormula formula, bool bgr,
                                    const std::vector<float>& gradients, std::int64_t offset = 0,
                                    std::int64_t picture_offset = 0) {
  Guarded gradient(device, gradients, offset);
  Tensor extrema = device.records<Extrema>(c.batch);
  Tensor pictures = device.empty({picture_offset + c.batch * c.height * c.width * 3}, DType::u8);
  cuda::saliency(device, {c.batch, c.height * c.width, formula, bgr}, gradient.data(),
                 extrema.records<Extrema>().data(), pictures.data<std::uint8_t>() + picture_offset);
  CHECK(gradient.values() == gradients);
  const std::vector<std::uint8_t> found = values_of<std::uint8_t>(device, pictures);
  return {found.begin() + picture_offset, found.end()};
}

/// Samples that differ, and the largest difference. Moments are summed in another order than on the host, so
/// that a sample at the edge of a level may fall to the other side.
void check_close(const std::vector<std::uint8_t>& found, const std::vector<std::uint8_t>& expected) {
  REQUIRE(found.size() == expected.size());
  std::size_t differing = 0;
  int worst = 0;
  for (std::size_t i = 0; i < found.size(); ++i) {
    differing += found[i] != expected[i];
    worst = std::max(worst, std::abs(int{found[i]} - int{expected[i]}));
  }
  CHECK(worst <= 1);
  CHECK(differing * 1000 <= found.size());
}

constexpr SaliencyFormula kSaliencyFormulas[] = {SaliencyFormula::deprocess, SaliencyFormula::min_max};

}  // namespace

TEST_CASE("saliency: CUDA shows every image of a batch as the CPU does") {
  in_every_mode([] {
    Context device({Device::Kind::cuda}, 1);
    for (const SaliencyCase& c : kSaliencyCases) {
      CAPTURE(c.width);
      const std::int64_t values = 3 * c.height * c.width;
      const std::vector<float> gradients = awkward_values(c.batch * values, "cuda.saliency");
      for (const SaliencyFormula formula : kSaliencyFormulas) {
        for (const bool bgr : {false, true}) {
          std::vector<std::uint8_t> expected;
          Preprocessing how;
          how.bgr = bgr;
          for (std::int64_t n = 0; n < c.batch; ++n) {
            const auto one = std::span(gradients).subspan(static_cast<std::size_t>(n * values),
                                                          static_cast<std::size_t>(values));
            const Image image =
                saliency_on_host(to_rgb_order(Tensor::from({3, c.height, c.width}, one), how), formula);
            expected.insert(expected.end(), image.rgb.begin(), image.rgb.end());
          }
          for (const auto& [offset, picture_offset] : {std::pair{0, 0}, {1, 0}, {0, 1}})
            check_close(on_device(device, c, formula, bgr, gradients, offset, picture_offset), expected);
        }
      }
    }
  });
}

TEST_CASE("saliency: a constant gradient is mid-grey whatever its value") {
  in_every_mode([] {
    Context device({Device::Kind::cuda}, 1);
    for (const float value : {0.0f, 0.1f, -12345.678f}) {
      const std::vector<float> gradient(3 * 63, value);
      for (const SaliencyFormula formula : kSaliencyFormulas) {
        const Image expected = saliency_on_host(Tensor::from({3, 7, 9}, gradient), formula);
        CHECK(on_device(device, {1, 7, 9}, formula, false, gradient) == expected.rgb);
      }
    }
  });
}

TEST_CASE("saliency: a large mean leaves the deviations") {
  in_every_mode([] {
    Context device({Device::Kind::cuda}, 1);
    std::vector<float> gradient = awkward_values(3 * 400, "cuda.saliency.mean");
    for (float& v : gradient) v = 4096 + v / 64;
    check_close(on_device(device, {1, 20, 20}, SaliencyFormula::deprocess, false, gradient),
                saliency_deprocess(Tensor::from({3, 20, 20}, gradient)).rgb);
  });
}

TEST_CASE("saliency: extrema are those of the gradient and show NaN") {
  in_every_mode([] {
    Context device({Device::Kind::cuda}, 1);
    std::vector<float> gradients = awkward_values(2 * 3 * 35, "cuda.saliency.extrema");
    gradients[150] = NAN;
    for (const SaliencyFormula formula : kSaliencyFormulas) {
      Guarded gradient(device, gradients);
      Tensor extrema = device.records<Extrema>(2);
      Tensor pictures = device.empty({2, 35, 3}, DType::u8);
      cuda::saliency(device, {2, 35, formula}, gradient.data(), extrema.records<Extrema>().data(),
                     pictures.data<std::uint8_t>());
      const Tensor on_host = device.to_host(extrema);
      const std::span<const Extrema> found = on_host.records<Extrema>();
      CHECK(found[0].low() == *std::min_element(gradients.begin(), gradients.begin() + 105));
      CHECK(found[0].high() == *std::max_element(gradients.begin(), gradients.begin() + 105));
      CHECK(std::isnan(found[1].high()));
    }
  });
}

TEST_CASE("saliency: no images are no launch") {
  const FreshDevice fresh;
  Context device({Device::Kind::cuda}, 1);
  cuda::saliency(device, {0, 9}, nullptr, nullptr, nullptr);
  CHECK(device_report() == "");
}

TEST_CASE("saliency: bytes and operations follow from the formulas") {
  CHECK(cuda::saliency_cost({2, 50, SaliencyFormula::deprocess}) == Cost{9 * 300, 10 * 300});
  CHECK(cuda::saliency_cost({2, 50, SaliencyFormula::min_max}) == Cost{9 * 300, 5 * 300});
}
