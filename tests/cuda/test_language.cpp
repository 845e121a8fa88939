// The operations of networks that read words, against the CPU.
#include "arrays.hpp"
#include "engine/runtime/cuda/cublas.hpp"
#include "engine/runtime/cuda/stream.hpp"
#include "kernels/broadcast_add/broadcast_add.hpp"
#include "kernels/coordinates/coordinates.hpp"
#include "kernels/embedding/embedding.hpp"
#include "kernels/l2_normalize/l2_normalize.hpp"
#include "kernels/lstm/lstm.hpp"
#include "kernels/matmul/matmul.hpp"
#include "kernels/maximum/maximum.hpp"
#include "kernels/softmax/softmax.hpp"
#include "kernels/transpose/transpose.hpp"
#include "modes.hpp"
#include "sentinel.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

constexpr double kWordTolerance = 1e-5;  // exponentials, and the CPU's sums in double

/// Ids from 0 on, below `ids`.
std::vector<std::int32_t> word_ids(std::int64_t count, std::int32_t ids) {
  std::vector<std::int32_t> all;
  for (const float v : uniform(count, "cuda.language.ids", 0, ids))
    all.push_back(static_cast<std::int32_t>(v));
  return all;
}

Tensor on_device(Context& device, const std::vector<std::int32_t>& ids) {
  return device.copy(std::span<const std::int32_t>(ids));
}

/// Host and device arrays of one name.
struct Both {
  std::vector<float> host;
  Guarded device;
  Both(Context& context, std::int64_t count, const char* name, std::int64_t offset = 0)
      : host(uniform(count, name)), device(context, host, offset) {}
  double difference() const { return relative_difference(device.values(), host); }
};

}  // namespace

TEST_CASE("embedding: CUDA equals the CPU, forward and backward") {
  in_every_mode([] {
    Context host({}, 1), device({Device::Kind::cuda}, 1);
    for (const EmbeddingParams& p :
         {EmbeddingParams{1, 1, 1}, {7, 5, 3, 0}, {21, 5, 257, 4}, {300, 7, 130, 2}}) {
      const std::vector<std::int32_t> ids = word_ids(p.tokens, static_cast<std::int32_t>(p.rows));
      const Tensor device_ids = on_device(device, ids);
      Both w(device, p.rows * p.width, "cuda.embedding.w"), dw(device, p.rows * p.width, "cuda.embedding.dw");
      Both y(device, p.tokens * p.width, "cuda.embedding.y"),
          dy(device, p.tokens * p.width, "cuda.embedding.dy");
      cpu::embedding_forward(host, p, ids.data(), w.host.data(), y.host.data());
      cpu::embedding_backward(host, p, ids.data(), dy.host.data(), dw.host.data());
      cuda::embedding_forward(device, p, device_ids.data<std::int32_t>(), w.device.data(), y.device.data());
      cuda::embedding_backward(device, p, device_ids.data<std::int32_t>(), dy.device.data(),
                               dw.device.data());
      check_exact(y.device.values(), y.host);
      check_exact(dw.device.values(), dw.host);
    }
  });
}

TEST_CASE("embedding: on CUDA an id without a row gives NaN and has no gradient") {
  in_every_mode([] {
    Context device({Device::Kind::cuda}, 1);
    const EmbeddingParams p{3, 2, 2};
    const Tensor ids = on_device(device, {1, -1, 2});
    Guarded w(device, {1, 2, 3, 4}), y(device, std::vector<float>(6, 0)), dy(device, {1, 2, 3, 4, 5, 6}),
        dw(device, {0, 0, 0, 0});
    cuda::embedding_forward(device, p, ids.data<std::int32_t>(), w.data(), y.data());
    cuda::embedding_backward(device, p, ids.data<std::int32_t>(), dy.data(), dw.data());
    check_exact(y.values(), {3, 4, NAN, NAN, NAN, NAN});
    check_exact(dw.values(), {0, 0, 1, 2});
    cuda::embedding_forward(device, {0, 2, 2}, nullptr, nullptr, nullptr);
  });
}

TEST_CASE("lstm: CUDA agrees with the CPU at a step, with words and without") {
  in_every_mode([] {
    Context host({}, 1), device({Device::Kind::cuda}, 1);
    for (const auto& [p, has_tokens] : {std::pair{LstmStepParams{1, 1, 0, 1}, false},
                                        {LstmStepParams{3, 4, 2, 5}, true},
                                        {LstmStepParams{2, 3, 0, 131}, true}}) {
      const std::int64_t state = p.batch * p.hidden, sequence = state * p.steps;
      std::vector<std::int32_t> ids = word_ids(p.batch * p.steps, 3);
      if (has_tokens) ids[static_cast<std::size_t>(p.step)] = 0;
      const Tensor device_ids = on_device(device, ids);
      const std::int32_t* const tokens = has_tokens ? ids.data() : nullptr;
      const std::int32_t* const device_tokens = has_tokens ? device_ids.data<std::int32_t>() : nullptr;
      Both recurrent(device, 4 * state, "cuda.lstm.recurrent"),
          gates(device, 4 * sequence, "cuda.lstm.gates", 1);
      Both h(device, state, "cuda.lstm.h"), c(device, state, "cuda.lstm.c"),
          y(device, sequence, "cuda.lstm.y");
      Both h_before(device, sequence, "cuda.lstm.before"), c_before(device, sequence, "cuda.lstm.before");
      for (const bool saved : {false, true}) {
        cpu::lstm_step_forward<float>(
            host, p,
            {tokens, recurrent.host.data(), gates.host.data(), h.host.data(), c.host.data(),
             saved ? h_before.host.data() : nullptr, saved ? c_before.host.data() : nullptr, y.host.data()});
        cuda::lstm_step_forward(device, p,
                                {device_tokens, recurrent.device.data(), gates.device.data(), h.device.data(),
                                 c.device.data(), saved ? h_before.device.data() : nullptr,
                                 saved ? c_before.device.data() : nullptr, y.device.data()});
      }
      for (const Both* both : {&gates, &h, &c, &y, &h_before, &c_before})
        CHECK(both->difference() <= kWordTolerance);

      Both dy(device, sequence, "cuda.lstm.dy"), through(device, state, "cuda.lstm.through");
      Both dh(device, state, "cuda.lstm.dh"), dc(device, state, "cuda.lstm.dc");
      Both da(device, 4 * sequence, "cuda.lstm.da"), da_step(device, 4 * state, "cuda.lstm.da_step");
      for (const bool last : {true, false}) {
        cpu::lstm_step_backward<float>(host, p,
                                       {tokens, gates.host.data(), c_before.host.data(),
                                        last ? nullptr : dy.host.data(), last ? nullptr : through.host.data(),
                                        dh.host.data(), dc.host.data(), da.host.data(), da_step.host.data()});
        cuda::lstm_step_backward(
            device, p,
            {device_tokens, gates.device.data(), c_before.device.data(), last ? nullptr : dy.device.data(),
             last ? nullptr : through.device.data(), dh.device.data(), dc.device.data(), da.device.data(),
             da_step.device.data()});
        for (const Both* both : {&dh, &dc, &da, &da_step}) CHECK(both->difference() <= kWordTolerance);
      }
    }
    cuda::lstm_step_forward(device, {0, 1, 0, 2}, {});
    cuda::lstm_step_backward(device, {0, 1, 0, 2}, {});
  });
}

TEST_CASE("masked_softmax: CUDA agrees with the CPU and gives padding nothing") {
  in_every_mode([] {
    Context host({}, 1), device({Device::Kind::cuda}, 1);
    for (const SoftmaxParams& p : {SoftmaxParams{1, 1, 1}, {3, 7, 1}, {2, 130, 1}, {2, 5, 141}}) {
      std::vector<std::int32_t> ids = word_ids(p.outer * p.classes, 3);
      ids[0] = 0;
      const Tensor device_ids = on_device(device, ids);
      Both x(device, p.outer * p.classes * p.inner, "cuda.masked.x", 1),
          y(device, p.outer * p.classes * p.inner, "y");
      cpu::masked_softmax_forward(host, p, ids.data(), x.host.data(), y.host.data());
      cuda::masked_softmax_forward(device, p, device_ids.data<std::int32_t>(), x.device.data(),
                                   y.device.data());
      CHECK(y.difference() <= kWordTolerance);
      CHECK(y.device.values()[0] == 0);
    }
  });
}

TEST_CASE("maximum: CUDA equals the CPU, where both are equal and at NaN, too") {
  in_every_mode([] {
    Context host({}, 1), device({Device::Kind::cuda}, 1);
    for (const std::int64_t count : {0, 1, 13, 1025}) {
      std::vector<float> a = awkward_values(count, "cuda.maximum.a"),
                         b = awkward_values(count, "cuda.maximum.b");
      if (count > 5) a[3] = b[4] = NAN;
      Guarded device_a(device, a), device_b(device, b, 1);
      Both y(device, count, "cuda.maximum.y"), dy(device, count, "cuda.maximum.dy");
      cpu::maximum_forward(host, count, a.data(), b.data(), y.host.data());
      cuda::maximum_forward(device, count, device_a.data(), device_b.data(), y.device.data());
      check_exact(y.device.values(), y.host);
      for (const bool of_first : {true, false}) {
        cpu::maximum_backward(host, count, of_first, a.data(), b.data(), dy.host.data(), y.host.data());
        cuda::maximum_backward(device, count, of_first, device_a.data(), device_b.data(), dy.device.data(),
                               y.device.data());
        check_exact(y.device.values(), y.host);
      }
    }
  });
}

TEST_CASE("broadcast_add: CUDA agrees with the CPU in every dimension") {
  in_every_mode([] {
    Context host({}, 1), device({Device::Kind::cuda}, 1);
    for (const BroadcastAddParams& p :
         {BroadcastAddParams{1, 1, 1}, {3, 7, 5}, {13, 3, 1}, {2, 2, 131}, {0, 3, 5}}) {
      const std::int64_t repeated = p.outer * p.inner, count = repeated * p.repeats;
      Both a(device, count, "cuda.add.a", 1), b(device, repeated, "cuda.add.b"),
          db(device, repeated, "cuda.add.db");
      cpu::broadcast_add_forward(host, p, a.host.data(), b.host.data(), a.host.data());
      cuda::broadcast_add_forward(device, p, a.device.data(), b.device.data(), a.device.data());
      check_exact(a.device.values(), a.host);
      cpu::broadcast_add_backward(host, p, a.host.data(), db.host.data());
      cuda::broadcast_add_backward(device, p, a.device.data(), db.device.data());
      CHECK(db.difference() <= kWordTolerance);
    }
  });
}

TEST_CASE("l2_normalize: CUDA agrees with the CPU on long vectors and on short ones") {
  in_every_mode([] {
    Context host({}, 1), device({Device::Kind::cuda}, 1);
    for (const L2NormalizeParams& p :
         {L2NormalizeParams{1, 1}, {3, 13}, {2, 300}, {2, 5, 3.0, 9.0}, {3, 13, 1, 1e-12, true}, {0, 5}}) {
      Both x(device, p.rows * p.width, "cuda.normalize.x", 1),
          y(device, p.rows * p.width, "cuda.normalize.y");
      Both dy(device, p.rows * p.width, "cuda.normalize.dy"),
          dx(device, p.rows * p.width, "cuda.normalize.dx");
      cpu::l2_normalize_forward(host, p, x.host.data(), y.host.data());
      cpu::l2_normalize_backward(host, p, x.host.data(), dy.host.data(), dx.host.data());
      cuda::l2_normalize_forward(device, p, x.device.data(), y.device.data());
      cuda::l2_normalize_backward(device, p, x.device.data(), dy.device.data(), dx.device.data());
      CHECK(y.difference() <= kWordTolerance);
      // Of one element nothing is left but what rounding leaves.
      CHECK((p.width == 1 ? std::abs(dx.device.values()[0]) : dx.difference()) <= kWordTolerance);
    }
  });
}

TEST_CASE("matmul: CUDA agrees with the CPU however factors lie") {
  in_every_mode([] {
    Context host({}, 1), device({Device::Kind::cuda}, 1);
    for (int transposed = 0; transposed < 4; ++transposed)
      for (const auto& [batch, m, n, k] :
           {std::array{1, 1, 1, 1}, {3, 2, 7, 5}, {2, 1, 33, 70}, {0, 2, 3, 4}}) {
        const MatmulParams p{batch, m, n, k, transposed % 2 == 1, transposed >= 2};
        Both a(device, p.batch * p.m * p.k, "cuda.matmul.a", 1),
            b(device, p.batch * p.k * p.n, "cuda.matmul.b");
        Both y(device, p.batch * p.m * p.n, "cuda.matmul.y");
        cpu::matmul(host, p, a.host.data(), b.host.data(), y.host.data());
        cuda::matmul(device, p, a.device.data(), b.device.data(), y.device.data());
        CHECK(y.difference() <= kWordTolerance);
        MatmulParams again = p;
        again.accumulate = true;
        cpu::matmul(host, again, a.host.data(), b.host.data(), y.host.data());
        cuda::matmul(device, again, a.device.data(), b.device.data(), y.device.data());
        CHECK(y.difference() <= kWordTolerance);
      }
  });
}

TEST_CASE("transpose: CUDA equals the CPU on whole tiles and on parts") {
  in_every_mode([] {
    Context host({}, 1), device({Device::Kind::cuda}, 1);
    for (const TransposeParams& p :
         {TransposeParams{1, 1, 1}, {2, 5, 7}, {1, 32, 64}, {2, 33, 70}, {0, 3, 5}}) {
      Both x(device, p.batch * p.rows * p.columns, "cuda.transpose.x", 1);
      Both y(device, p.batch * p.rows * p.columns, "cuda.transpose.y");
      cpu::transpose(host, p, x.host.data(), y.host.data());
      cuda::transpose(device, p, x.device.data(), y.device.data());
      check_exact(y.device.values(), y.host);
    }
  });
}

TEST_CASE("coordinates: CUDA equals the CPU and leaves the other channels alone") {
  in_every_mode([] {
    Context host({}, 1), device({Device::Kind::cuda}, 1);
    for (const CoordinatesParams& p :
         {CoordinatesParams{1, 1, 1, 1}, {2, 3, 5, 7}, {1, 0, 1, 300}, {0, 2, 3, 4}}) {
      Both y(device, p.batch * (p.channels + 2) * p.height * p.width, "cuda.coordinates.y", 1);
      cpu::coordinates(host, p, y.host.data());
      cuda::coordinates(device, p, y.device.data());
      check_exact(y.device.values(), y.host);
    }
  });
}

TEST_CASE("language: bytes and operations follow from the equations") {
  CHECK(cuda::embedding_forward_cost({6, 5, 3}) == Cost{4 * 6 * 7, 0});
  CHECK(cuda::embedding_backward_cost({6, 5, 3}) == Cost{4 * 6 * 10, 18});
  CHECK(cuda::lstm_step_forward_cost({2, 4, 1, 3}) == Cost{456, 120});
  CHECK(cuda::lstm_step_backward_cost({2, 4, 1, 3}) == Cost{456, 180});
  CHECK(cuda::maximum_forward_cost(5) == Cost{60, 5});
  CHECK(cuda::maximum_backward_cost(5) == Cost{80, 5});
  CHECK(cuda::broadcast_add_forward_cost({2, 3, 5}) == Cost{4 * 10 * 7, 30});
  CHECK(cuda::broadcast_add_backward_cost({2, 3, 5}) == Cost{4 * 10 * 4, 30});
  CHECK(cuda::l2_normalize_forward_cost({2, 3}) == Cost{48, 18});
  CHECK(cuda::l2_normalize_backward_cost({2, 3}) == Cost{72, 42});
  CHECK(cuda::matmul_cost({2, 3, 5, 7}) == Cost{4 * 2 * (21 + 35 + 15), 420});
  CHECK(cuda::matmul_cost({.batch = 2, .m = 3, .n = 5, .k = 7, .accumulate = true}) ==
        Cost{4 * 2 * (21 + 35 + 30), 420});
  CHECK(cuda::transpose_cost({2, 3, 5}) == Cost{240, 0});
  CHECK(cuda::coordinates_cost({2, 3, 5, 7}) == Cost{560, 420});
}
