#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "engine/run/run.hpp"
#include "models/language/decoder.hpp"
#include "models/language/heads.hpp"
#include "support/device.hpp"
#include "support/fill_network.hpp"
#include "support/random.hpp"

using namespace backlight;
using namespace backlight::test;
using namespace backlight::language;

namespace {

constexpr std::int64_t kWords = 6, kLongest = 4;

/// A captioner whose scores are far enough apart that no two captions are equally likely.
Network small_captioner(Context& context) {
  Network head = caption_head({.encoder = {.channels = 3, .layers = {6, 5}}, .words = kWords});
  Context host({}, 1);
  fill_network(head, host);
  for (NamedParameter& p : head.parameters())
    if (p.name.starts_with("logit"))
      for (float& v : p.tensor->values()) v *= 4;
  head.to(context);
  return head;
}

Tensor small_map(int i) { return random_tensor({1, 3, 5, 6}, "decoder." + std::to_string(i), 0, 2); }

/// log p of every word behind `said`, by the head as a whole.
std::vector<double> log_p_behind(const Network& head, Context& context, const Tensor& map,
                                 const std::vector<std::int32_t>& said) {
  Tensor tokens({1, std::ssize(said) + 1}, DType::i32);
  tokens.data<std::int32_t>()[0] = 1;
  std::ranges::copy(said, tokens.data<std::int32_t>() + 1);
  const std::vector<TensorType> types{{map.dtype(), map.shape()}, {DType::i32, tokens.shape()}};
  std::vector<Tensor> values = tensors(map.clone());
  values.push_back(std::move(tokens));
  const Run run(std::make_shared<const Program>(head, context, types), context, std::move(values));
  const Tensor scores = context.to_host(run.output()).to(DType::f64);
  const double* const last = scores.data<double>() + std::ssize(said) * kWords;
  double sum = 0;
  for (std::int64_t k = 0; k < kWords; ++k) sum += std::exp(last[k]);
  std::vector<double> log_p;
  for (std::int64_t k = 0; k < kWords; ++k) log_p.push_back(last[k] - std::log(sum));
  return log_p;
}

/// Every caption of up to kLongest words and how likely it is.
void all_captions(const Network& head, Context& context, const Tensor& map, DecodedCaption said,
                  std::vector<DecodedCaption>& all) {
  const std::vector<double> log_p = log_p_behind(head, context, map, said.words);
  DecodedCaption ended = said;
  ended.log_probability += log_p[0];
  all.push_back(ended);
  if (std::ssize(said.words) == kLongest) return;
  for (std::int32_t word = 2; word < kWords; ++word) {
    DecodedCaption longer = said;
    longer.words.push_back(word);
    longer.log_probability += log_p[static_cast<std::size_t>(word)];
    all_captions(head, context, map, longer, all);
  }
}

}  // namespace

TEST_SUITE("device") {
  TEST_CASE("decoder: a beam as wide as there are captions finds what is likeliest of all") {
    Context context = test_context(1);
    const Network head = small_captioner(context);
    CaptionDecoder decoder(head, context, {}, {.beam = 341, .max_words = kLongest});  // 4⁰ + ... + 4⁴
    const Tensor map = small_map(0);
    const std::vector<DecodedCaption> found = decoder.decode(map);
    std::vector<DecodedCaption> all;
    all_captions(head, context, map, {}, all);
    std::ranges::sort(all, [](const DecodedCaption& a, const DecodedCaption& b) { return a.log_probability > b.log_probability; });
    REQUIRE(found.size() == all.size());
    for (std::size_t i = 0; i < 20; ++i) {
      CHECK(found[i].words == all[i].words);
      CHECK(found[i].log_probability == doctest::Approx(all[i].log_probability).epsilon(1e-5));
    }
  }

  TEST_CASE("decoder: a beam of one takes the likeliest word each time and says how likely it was") {
    Context context = test_context(1);
    const Network head = small_captioner(context);
    CaptionDecoder decoder(head, context, {}, {.beam = 1, .max_words = kLongest});
    for (int i = 0; i < 4; ++i) {
      const Tensor map = small_map(i);
      const std::vector<DecodedCaption> found = decoder.decode(map);
      REQUIRE(found.size() == 1);
      std::vector<std::int32_t> said;
      double total = 0;
      bool complete = false;
      while (true) {
        const std::vector<double> log_p = log_p_behind(head, context, map, said);
        std::int32_t best = 0;
        for (std::int32_t word = 2; word < kWords; ++word)
          if (log_p[static_cast<std::size_t>(word)] > log_p[static_cast<std::size_t>(best)]) best = word;
        complete = best == 0;
        if (std::ssize(said) == kLongest) best = 0;
        total += log_p[static_cast<std::size_t>(best)];
        if (best == 0) break;
        CHECK(found.front().log_probabilities.at(said.size()) ==
              doctest::Approx(log_p[static_cast<std::size_t>(best)]).epsilon(1e-5));
        said.push_back(best);
      }
      CHECK(found.front().words == said);
      CHECK(found.front().complete == complete);
      CHECK(found.front().log_probability == doctest::Approx(total).epsilon(1e-5));
    }
  }

  TEST_CASE("decoder: a wider beam says nothing less likely and never the start") {
    Context context = test_context(1);
    const Network head = small_captioner(context);
    for (int i = 0; i < 4; ++i) {
      double before = -1e9;
      for (const int beam : {1, 3, 40, 341}) {
        CaptionDecoder decoder(head, context, {}, {.beam = beam, .max_words = kLongest});
        const std::vector<DecodedCaption> found = decoder.decode(small_map(i));
        if (beam == 1 || beam == 341) {
          CHECK(found.front().log_probability >= before);
          before = found.front().log_probability;
        }
        CHECK(found.size() <= static_cast<std::size_t>(beam));
        for (const DecodedCaption& caption : found) CHECK(std::ranges::count(caption.words, 1) == 0);
      }
    }
  }
}

TEST_CASE(
    "decoder: of equally likely words the one with the lower id goes first, of equal captions the earlier") {
  Context context({}, 1);
  Network head = small_captioner(context);
  for (NamedParameter& p : head.parameters())
    if (p.name.starts_with("logit")) p.tensor->fill(0);
  const auto words_of = [&](int beam) {
    CaptionDecoder decoder(head, context, {}, {.beam = beam, .max_words = 1});
    std::vector<std::vector<std::int32_t>> words;
    for (const DecodedCaption& caption : decoder.decode(small_map(0))) words.push_back(caption.words);
    return words;
  };
  CHECK(words_of(1) == std::vector<std::vector<std::int32_t>>{{}});
  CHECK(words_of(3) == std::vector<std::vector<std::int32_t>>{{}, {2}, {3}});
}

TEST_CASE("decoder: another network, a beam of none and several maps at once are refused") {
  Context context({}, 1);
  const Network head = small_captioner(context);
  const Network other = vqa_head({.encoder = {.channels = 3, .layers = {6}}, .words = kWords});
  CHECK_THROWS_AS(CaptionDecoder(other, context, {}), Error);
  CHECK_THROWS_WITH_AS(CaptionDecoder(head, context, {}, {.beam = 0}), doctest::Contains("by a beam of 0"), Error);
  CaptionDecoder decoder(head, context, {});
  CHECK_THROWS_WITH_AS(decoder.decode(random_tensor({2, 3, 5, 6}, "decoder.two")),
                       doctest::Contains("one map is captioned at a time, not 2×3×5×6"), Error);
}
