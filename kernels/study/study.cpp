#include "kernels/study/study.hpp"

#include <initializer_list>
#include <limits>
#include <memory>
#include <utility>

#include "engine/core/error.hpp"
#include "engine/core/random.hpp"
#include "engine/runtime/device.hpp"
#include "kernels/study/gradient_gap/ladder.hpp"
#include "kernels/study/guided_relu/ladder.hpp"
#include "kernels/study/sgemm/ladder.hpp"
#include "kernels/study/upsampling/ladder.hpp"
#include "kernels/study/weighted_sum/ladder.hpp"

namespace backlight::study {
namespace {

/// Arrays of a case in device memory, uniform in [-1, 1): a ReLU's mask then lets half of them pass.
using Arrays = std::shared_ptr<std::vector<Tensor>>;
Arrays make_arrays(Context& context, std::initializer_list<std::int64_t> counts) {
  auto arrays = std::make_shared<std::vector<Tensor>>();
  for (const std::int64_t count : counts) {
    Tensor host({count});
    float* data = host.data<float>();
    for (std::int64_t i = 0; i < count; ++i)
      data[i] = static_cast<float>(2 * random_uniform(arrays->size() + 1, static_cast<std::uint64_t>(i)) - 1);
    arrays->push_back(context.copy(host));
  }
  return arrays;
}

template <class Launch, std::size_t size>
std::vector<std::string_view> names(const Version<Launch> (&ladder)[size]) {
  std::vector<std::string_view> result;
  for (const auto& version : ladder) result.emplace_back(version.name);
  return result;
}

float* at(const Arrays& arrays, std::size_t i) { return (*arrays)[i].data<float>(); }

Case gradient_gap_case(std::int64_t batch, std::int64_t channels, std::int64_t side, bool counted) {
  const ChannelMaps maps{batch, channels, side * side};
  return {text(batch, "×", channels, "×", side, "×", side), cuda::channel_sum_cost(maps), counted,
          [maps](Context& context) {
            const std::int64_t rows = maps.batch * maps.channels;
            return [&context, maps, arrays = make_arrays(context, {rows * maps.plane, rows})](std::size_t v) {
              gradient_gap::kLadder[v].run(context, maps, 1.0 / static_cast<double>(maps.plane),
                                           at(arrays, 0), at(arrays, 1));
            };
          }};
}

Case weighted_sum_case(std::int64_t batch, std::int64_t channels, std::int64_t side, bool counted) {
  const ChannelMaps maps{batch, channels, side * side};
  return {text(batch, "×", channels, "×", side, "×", side), cuda::weighted_sum_cost(maps), counted,
          [maps](Context& context) {
            const std::int64_t rows = maps.batch * maps.channels;
            return [&context, maps,
                    arrays = make_arrays(context, {rows, rows * maps.plane, maps.batch * maps.plane})](
                       std::size_t v) {
              weighted_sum::kLadder[v].run(context, maps, at(arrays, 0), at(arrays, 1), at(arrays, 2));
            };
          }};
}

Case guided_relu_case(std::int64_t batch, std::int64_t channels, std::int64_t side, bool counted) {
  const ReluParams params{batch * channels * side * side, std::numeric_limits<double>::infinity()};
  return {text(batch, "×", channels, "×", side, "×", side),
          cuda::relu_backward_cost(params, BackwardRule::guided), counted, [params](Context& context) {
            const std::int64_t count = params.count;
            return [&context, params, arrays = make_arrays(context, {count, count, count})](std::size_t v) {
              guided_relu::kLadder[v].run(context, params, at(arrays, 0), at(arrays, 1), at(arrays, 2));
            };
          }};
}

Case upsampling_case(std::int64_t batch, int in, int out, bool counted) {
  const upsampling::Params params{batch, in, in, out, out, false};
  return {text(batch, "×", in, "×", in, " to ", out, "×", out), upsampling::cost(params), counted,
          [params](Context& context) {
            return [&context, params,
                    arrays = make_arrays(context, {params.batch * params.in_height * params.in_width,
                                                   params.batch * params.out_height * params.out_width})](
                       std::size_t v) {
              upsampling::kLadder[v].run(context, params, at(arrays, 0), at(arrays, 1));
            };
          }};
}

Case sgemm_case(std::int64_t m, std::int64_t n, std::int64_t k, bool counted) {
  const sgemm::Params params{m, n, k};
  return {text(m, "×", n, "×", k), sgemm::cost(params), counted, [params](Context& context) {
            return [&context, params,
                    arrays = make_arrays(context, {params.m * params.k, params.k * params.n,
                                                   params.m * params.n})](std::size_t v) {
              sgemm::kLadder[v].run(context, params, at(arrays, 0), at(arrays, 1), at(arrays, 2));
            };
          }};
}

}  // namespace

std::vector<Topic> topics() {
  // The last convolutions of VGG-16 and ResNet-50 and their batches; a picture of 224×224; early ReLUs; a
  // square product, and VGG-16's last convolution written as one.
  return {
      {"gradient_gap",
       names(gradient_gap::kLadder),
       {gradient_gap_case(1, 512, 14, true), gradient_gap_case(1, 2048, 7, true),
        gradient_gap_case(64, 2048, 7, false), gradient_gap_case(8, 64, 224, false)}},
      {"guided_relu",
       names(guided_relu::kLadder),
       {guided_relu_case(1, 64, 56, true), guided_relu_case(1, 64, 224, false),
        guided_relu_case(8, 64, 224, false)}},
      {"sgemm",
       names(sgemm::kLadder),
       {sgemm_case(128, 128, 128, true), sgemm_case(512, 196, 4608, false),
        sgemm_case(4096, 4096, 4096, false)}},
      {"upsampling",
       names(upsampling::kLadder),
       {upsampling_case(1, 7, 224, true), upsampling_case(1, 14, 224, true),
        upsampling_case(64, 14, 224, false)}},
      {"weighted_sum",
       names(weighted_sum::kLadder),
       {weighted_sum_case(1, 512, 14, true), weighted_sum_case(1, 2048, 7, true),
        weighted_sum_case(64, 2048, 7, false), weighted_sum_case(8, 64, 224, false)}},
  };
}

}  // namespace backlight::study
