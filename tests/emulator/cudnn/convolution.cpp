// A convolution is a product of matrices, of the weights and of the patches of the image that they meet.
// Patches are copied for a block of columns at a time.
#include "convolution.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <functional>
#include <thread>
#include <vector>

namespace backlight::emulator {
namespace {

constexpr std::int64_t kBlock = 64;  ///< columns of a product
constexpr std::int64_t kLanes = 8;
using Vector = float __attribute__((vector_size(kLanes * sizeof(float))));

/// c[i][j] += Σ_k a[i·stride + k] · b[k][j] for i < m and j < kBlock; b and c have kBlock columns.
[[gnu::always_inline]] inline void multiply_by_registers(std::int64_t m, std::int64_t k, const float* a,
                                                         std::int64_t stride, const float* b, float* c) {
  constexpr std::int64_t kRows = 4;
  for (std::int64_t i = 0; i < m; i += kRows) {
    const float* row[kRows];
    float* to[kRows];
    for (std::int64_t r = 0; r < kRows; ++r) {  // past the end, the last row once more
      row[r] = a + std::min(i + r, m - 1) * stride;
      to[r] = c + std::min(i + r, m - 1) * kBlock;
    }
    for (std::int64_t j = 0; j < kBlock; j += kLanes) {
      Vector sum[kRows];
      for (int r = 0; r < kRows; ++r) std::memcpy(&sum[r], to[r] + j, sizeof(Vector));
      for (std::int64_t l = 0; l < k; ++l) {
        Vector right;
        std::memcpy(&right, b + l * kBlock + j, sizeof right);
        for (int r = 0; r < kRows; ++r) sum[r] += row[r][l] * right;
      }
      for (int r = 0; r < kRows; ++r) std::memcpy(to[r] + j, &sum[r], sizeof(Vector));
    }
  }
}

#ifdef __x86_64__
[[gnu::target("avx2")]] void multiply_by_avx2(std::int64_t m, std::int64_t k, const float* a,
                                              std::int64_t stride, const float* b, float* c) {
  multiply_by_registers(m, k, a, stride, b, c);
}
#endif

/// By the widest registers that there are; the bits are the same.
void multiply(std::int64_t m, std::int64_t k, const float* a, std::int64_t stride, const float* b, float* c) {
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx2")) return multiply_by_avx2(m, k, a, stride, b, c);
#endif
  multiply_by_registers(m, k, a, stride, b, c);
}

/// task(i) for i < tasks, on as many threads as `work` multiplications deserve.
void parallel(std::int64_t tasks, std::int64_t work, const std::function<void(std::int64_t)>& task) {
  constexpr std::int64_t kWorthAThread = 1 << 20;
  const std::int64_t processors = std::max(1u, std::thread::hardware_concurrency());
  const std::int64_t threads = std::min({processors, tasks, 1 + work / kWorthAThread});
  std::atomic<std::int64_t> next{0};
  const auto loop = [&] {
    for (std::int64_t i = next++; i < tasks; i = next++) task(i);
  };
  std::vector<std::thread> others;
  for (std::int64_t i = 1; i < threads; ++i) others.emplace_back(loop);
  loop();
  for (std::thread& other : others) other.join();
}

std::vector<float> floats(std::int64_t count) { return std::vector<float>(static_cast<std::size_t>(count)); }
std::int64_t area(const std::array<std::int64_t, 2>& extents) { return extents[0] * extents[1]; }
std::int64_t blocks(std::int64_t count) { return (count + kBlock - 1) / kBlock; }

/// Where in the image output position (p, q) meets tap (r, s); negative outside of it.
std::int64_t image_index(const ConvGeometry& g, std::int64_t position, std::int64_t tap) {
  const std::int64_t p = position / g.out[1], q = position % g.out[1];
  const std::int64_t h = p * g.stride[0] + tap / g.kernel[1] * g.dilation[0] - g.before[0];
  const std::int64_t v = q * g.stride[1] + tap % g.kernel[1] * g.dilation[1] - g.before[1];
  return h < 0 || h >= g.in[0] || v < 0 || v >= g.in[1] ? -1 : h * g.in[1] + v;
}

/// Which output position reads image position (h, v) by a tap; negative where none does.
std::int64_t output_index(const ConvGeometry& g, std::int64_t position, std::int64_t tap) {
  const std::int64_t h = position / g.in[1] + g.before[0] - tap / g.kernel[1] * g.dilation[0];
  const std::int64_t v = position % g.in[1] + g.before[1] - tap % g.kernel[1] * g.dilation[1];
  if (h < 0 || v < 0 || h % g.stride[0] || v % g.stride[1]) return -1;
  const std::int64_t p = h / g.stride[0], q = v / g.stride[1];
  return p >= g.out[0] || q >= g.out[1] ? -1 : p * g.out[1] + q;
}

using Index = std::int64_t (*)(const ConvGeometry&, std::int64_t position, std::int64_t tap);

/// patches[channel · taps + tap][i] is what position first + i meets. The indices of a tap serve all
/// channels.
void gather(const ConvGeometry& g, Index index, const float* image, std::int64_t channels, std::int64_t plane,
            std::int64_t first, std::int64_t count, float* patches) {
  const std::int64_t taps = area(g.kernel);
  std::array<std::int64_t, kBlock> from{};
  for (std::int64_t tap = 0; tap < taps; ++tap) {
    for (std::int64_t i = 0; i < kBlock; ++i)
      from[static_cast<std::size_t>(i)] = i < count ? index(g, first + i, tap) : -1;
    for (std::int64_t channel = 0; channel < channels; ++channel) {
      const float* values = image + channel * plane;
      float* to = patches + (channel * taps + tap) * kBlock;
      for (const std::int64_t i : from) *to++ = i < 0 ? 0.0f : values[i];
    }
  }
}

/// result[n][group][i][position] = Σ a[group][i][·] · patches of (n, group)[·][position], for i < m
void product_with_patches(const ConvGeometry& g, Index index, const float* image, std::int64_t channels,
                          std::int64_t plane, const float* a, std::int64_t m, std::int64_t positions,
                          float* result) {
  const std::int64_t k = channels * area(g.kernel), across = blocks(positions);
  parallel(g.n * g.groups * across, g.n * g.groups * m * k * positions, [&](std::int64_t task) {
    const std::int64_t matrix = task / across, first = task % across * kBlock;
    const std::int64_t count = std::min(kBlock, positions - first);
    std::vector<float> patches = floats(k * kBlock), block = floats(m * kBlock);
    gather(g, index, image + matrix * channels * plane, channels, plane, first, count, patches.data());
    multiply(m, k, a + matrix % g.groups * m * k, k, patches.data(), block.data());
    for (std::int64_t i = 0; i < m; ++i)
      std::copy_n(block.data() + i * kBlock, count, result + (matrix * m + i) * positions + first);
  });
}

}  // namespace

void convolve_forward(const ConvGeometry& g, const float* x, const float* w, float* y) {
  product_with_patches(g, image_index, x, g.c / g.groups, area(g.in), w, g.o / g.groups, area(g.out), y);
}

void convolve_backward_data(const ConvGeometry& g, const float* dy, const float* w, float* dx) {
  const std::int64_t o = g.o / g.groups, c = g.c / g.groups, taps = area(g.kernel);
  std::vector<float> turned = floats(g.o * c * taps);  // [group][c][o][tap]
  for (std::int64_t i = 0; i < g.o; ++i)
    for (std::int64_t j = 0; j < c; ++j)
      std::copy_n(w + (i * c + j) * taps, taps, turned.data() + ((i / o * c + j) * o + i % o) * taps);
  product_with_patches(g, output_index, dy, o, area(g.out), turned.data(), c, area(g.in), dx);
}

void convolve_backward_filter(const ConvGeometry& g, const float* x, const float* dy, float* dw) {
  const std::int64_t o = g.o / g.groups, c = g.c / g.groups, taps = area(g.kernel);
  const std::int64_t columns = c * taps, across = blocks(columns), positions = area(g.out);
  parallel(g.groups * across, g.n * g.o * columns * positions, [&](std::int64_t task) {
    const std::int64_t group = task / across, first = task % across * kBlock;
    const std::int64_t count = std::min(kBlock, columns - first);
    std::vector<float> patches = floats(positions * kBlock), block = floats(o * kBlock);
    for (std::int64_t n = 0; n < g.n; ++n) {
      const float* image = x + (n * g.c + group * c) * area(g.in);
      for (std::int64_t position = 0; position < positions; ++position)
        for (std::int64_t j = 0; j < count; ++j) {
          const std::int64_t from = image_index(g, position, (first + j) % taps);
          const float* plane = image + (first + j) / taps * area(g.in);
          patches[static_cast<std::size_t>(position * kBlock + j)] = from < 0 ? 0.0f : plane[from];
        }
      multiply(o, positions, dy + (n * g.o + group * o) * positions, positions, patches.data(), block.data());
    }
    for (std::int64_t i = 0; i < o; ++i)
      std::copy_n(block.data() + i * kBlock, count, dw + (group * o + i) * columns + first);
  });
}

}  // namespace backlight::emulator
