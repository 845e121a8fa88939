// Dropout and the optimisers' steps, bit for bit as on the CPU.
#include "arrays.hpp"
#include "kernels/adam/adam.hpp"
#include "kernels/dropout/dropout.hpp"
#include "kernels/sgd/sgd.hpp"
#include "modes.hpp"
#include "sentinel.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

/// Fewer than a vector, a whole number of vectors or not, more than a block's 1024 elements.
constexpr std::int64_t kTrainingKernelsCounts[] = {0, 1, 3, 4, 5, 127, 1024, 1027, 4099};
constexpr std::int64_t kOffsets[] = {0, 1};  // floats after a multiple of 16 bytes

}  // namespace

TEST_CASE("dropout: CUDA draws the CPU's mask") {
  in_every_mode([] {
    Context host({}, 1), device({Device::Kind::cuda}, 1);
    for (const std::int64_t count : kTrainingKernelsCounts)
      for (const std::int64_t offset : kOffsets) {
        CAPTURE(count);
        CAPTURE(offset);
        const std::vector<float> x = uniform(count, "cuda.dropout.x");
        std::vector<float> expected(x.size());
        for (const double p : {0.0, 0.3, 0.5, 1.0}) {
          const DropoutParams params{count, p, 0x9876543210fedcba};
          cpu::dropout(host, params, x.data(), expected.data());
          Guarded device_x(device, x, offset);
          for (const std::int64_t y_offset : kOffsets) {
            Guarded y(device, unwritten(count), y_offset);
            cuda::dropout(device, params, device_x.data(), y.data());
            CHECK(same_bits(y.values(), expected));
          }
          cuda::dropout(device, params, device_x.data(), device_x.data());
          CHECK(same_bits(device_x.values(), expected));
        }
      }
  });
}

TEST_CASE("dropout: on CUDA a probability between two multiples of 2^-24 drops what the CPU drops") {
  in_every_mode([] {
    Context host({}, 1), device({Device::Kind::cuda}, 1);
    const std::vector<float> x(37, 1.0f);
    std::vector<float> expected(x.size());
    for (std::uint64_t i = 0; i < x.size(); ++i)
      for (const double shift : {-0x1p-26, 0.0, 0x1p-26}) {
        const DropoutParams params{37, std::max(random_uniform(5, i) + shift, 0.0), 5};
        cpu::dropout(host, params, x.data(), expected.data());
        Guarded y(device, x);
        cuda::dropout(device, params, y.data(), y.data());
        CHECK(same_bits(y.values(), expected));
      }
  });
}

TEST_CASE("sgd: CUDA takes the CPU's steps") {
  in_every_mode([] {
    Context host({}, 1), device({Device::Kind::cuda}, 1);
    for (const std::int64_t count : kTrainingKernelsCounts)
      for (int shifted = 0; shifted < 4; ++shifted)  // at most one of w, v and dw
        for (const bool nesterov : {false, true}) {
          CAPTURE(count);
          CAPTURE(shifted);
          std::vector<float> w = uniform(count, "cuda.sgd.w"), v(w.size(), 0.0f);
          Guarded device_w(device, w, shifted == 1), device_v(device, v, shifted == 2);
          for (const char* step : {"cuda.sgd.dw0", "cuda.sgd.dw1", "cuda.sgd.dw2"}) {
            const SgdParams params{count, 0.1, 0.9, 5e-4, nesterov};
            const std::vector<float> dw = uniform(count, step);
            Guarded device_dw(device, dw, shifted == 3);
            cpu::sgd_step(host, params, dw.data(), w.data(), v.data());
            cuda::sgd_step(device, params, device_dw.data(), device_w.data(), device_v.data());
            CHECK(same_bits(device_dw.values(), dw));
          }
          CHECK(same_bits(device_w.values(), w));
          CHECK(same_bits(device_v.values(), v));
        }
  });
}

TEST_CASE("adam: CUDA takes the CPU's steps") {
  in_every_mode([] {
    Context host({}, 1), device({Device::Kind::cuda}, 1);
    for (const std::int64_t count : kTrainingKernelsCounts)
      for (int shifted = 0; shifted < 5; ++shifted) {  // at most one of w, m, v and dw
        CAPTURE(count);
        CAPTURE(shifted);
        std::vector<float> w = uniform(count, "cuda.adam.w"), m(w.size(), 0.0f), v = m;
        Guarded device_w(device, w, shifted == 1), device_m(device, m, shifted == 2),
            device_v(device, v, shifted == 3);
        AdamParams params{.count = count, .learning_rate = 0.01};
        for (const char* step : {"cuda.adam.dw0", "cuda.adam.dw1", "cuda.adam.dw2"}) {
          const std::vector<float> dw = uniform(count, step);
          Guarded device_dw(device, dw, shifted == 4);
          cpu::adam_step(host, params, dw.data(), w.data(), m.data(), v.data());
          cuda::adam_step(device, params, device_dw.data(), device_w.data(), device_m.data(),
                          device_v.data());
          CHECK(same_bits(device_dw.values(), dw));
          ++params.step;
          params.scale = 0.3;
        }
        CHECK(same_bits(device_w.values(), w));
        CHECK(same_bits(device_m.values(), m));
        CHECK(same_bits(device_v.values(), v));
      }
  });
}

TEST_CASE("training kernels: bytes and operations follow from the equations") {
  CHECK(cuda::dropout_cost({100, 0.5, 1}) == Cost{800, 1200});
  CHECK(cuda::adam_step_cost({.count = 100}) == Cost{2800, 1400});
  CHECK(cuda::sgd_step_cost({.count = 100}) == Cost{2000, 600});
  CHECK(cuda::sgd_step_cost({.count = 100, .nesterov = true}) == Cost{2000, 800});
}
