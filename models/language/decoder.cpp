#include "models/language/decoder.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "engine/core/rows.hpp"
#include "engine/run/run.hpp"

namespace backlight::language {
namespace {

Tensor tokens_of(const std::vector<std::int32_t>& ids) {
  Tensor tokens({std::ssize(ids), 1}, DType::i32);
  std::ranges::copy(ids, tokens.data<std::int32_t>());
  return tokens;
}

}  // namespace

/// What was said so far; its state is a row of the states.
struct CaptionDecoder::Beginning {
  DecodedCaption said;
  std::int64_t row = 0;
  std::int32_t last = 0;
};

double log_sum_exp(std::span<const double> row) {
  const double largest = *std::ranges::max_element(row);
  double sum = 0;
  for (const double v : row) sum += std::exp(v - largest);
  return largest + std::log(sum);
}

Tensor log_softmax_of(const Tensor& scores) {
  Tensor log_p = scores.to(DType::f64);
  const auto classes = static_cast<std::size_t>(scores.shape()[-1]);
  const std::span<double> values = log_p.values<double>();
  for (std::size_t first = 0; first < values.size(); first += classes) {
    const std::span<double> row = values.subspan(first, classes);
    const double log_sum = log_sum_exp(row);
    for (double& v : row) v -= log_sum;
  }
  return log_p;
}

CaptionDecoder::CaptionDecoder(const Network& head, Context& context, const SpecialIds& special,
                               const DecodeOptions& options)
    : head_(head),
      context_(context),
      special_(special),
      options_(options),
      map_(head.find("map")),
      tokens_(head.find("tokens")),
      state_(head.find("lstm:1")),
      next_state_(head.find("sentence:1")),
      scores_(head.find("logit")) {
  if (options.beam < 1 || options.max_words < 1)
    throw Error(ErrorKind::usage, "captions of at most ", options.max_words, " words by a beam of ", options.beam,
                " were asked for, expected 1 or more of both");
}

bool CaptionDecoder::can_be_said(std::int32_t word) const {
  return word == special_.end || (word != special_.start && word != special_.pad);
}

Tensor CaptionDecoder::first_state(const Tensor& map) {
  const std::vector<Given> given{{map_, {map.dtype(), map.shape()}}};
  const auto program =
      std::make_shared<const Program>(head_, context_, given, ProgramOptions{.outputs = {state_}});
  return context_.to_host(Run(program, context_, tensors(context_.copy(map))).output());
}

CaptionDecoder::Step CaptionDecoder::step(const Tensor& states, const std::vector<std::int32_t>& tokens) {
  const std::int64_t batch = std::ssize(tokens);
  auto& program = programs_[batch];
  if (!program)
    program = std::make_shared<const Program>(
        head_, context_,
        std::vector<Given>{{state_, {states.dtype(), states.shape()}}, {tokens_, {DType::i32, {batch, 1}}}},
        ProgramOptions{.outputs = {scores_, next_state_}});
  std::vector<Tensor> values = tensors(context_.copy(states));
  values.push_back(context_.copy(tokens_of(tokens)));
  const Run run(program, context_, std::move(values));
  return {log_softmax_of(context_.to_host(run.value(scores_))), context_.to_host(run.value(next_state_))};
}

std::vector<DecodedCaption> CaptionDecoder::decode(const Tensor& map) {
  if (map.shape()[0] != 1) throw Error(ErrorKind::usage, "one map is captioned at a time, not ", map.shape());
  const std::size_t beam = static_cast<std::size_t>(options_.beam);
  const auto likelier = [](const DecodedCaption& a, const DecodedCaption& b) { return a.log_probability > b.log_probability; };
  std::vector<DecodedCaption> done;
  std::vector<Beginning> alive(1);
  alive.front().last = special_.start;
  Tensor states = first_state(map);
  for (std::int64_t length = 0; length <= options_.max_words && !alive.empty(); ++length) {
    std::vector<std::int32_t> tokens;
    for (const Beginning& beginning : alive) tokens.push_back(beginning.last);
    const Step next = step(states, tokens);

    struct Candidate {
      double total;
      std::int32_t word;
      std::size_t beginning;
    };
    std::vector<Candidate> candidates;
    const std::int64_t words = next.log_p.shape()[-1];
    for (std::size_t b = 0; b < alive.size(); ++b)
      for (std::int32_t word = 0; word < words; ++word)
        if (can_be_said(word) && (length < options_.max_words || word == special_.end))
          candidates.push_back({alive[b].said.log_probability +
                                    next.log_p.data<double>()[static_cast<std::int64_t>(b) * words + word],
                                word, b});
    const auto before = [](const Candidate& a, const Candidate& b) {
      if (a.total != b.total) return a.total > b.total;
      return a.word != b.word ? a.word < b.word : a.beginning < b.beginning;
    };
    const std::size_t taken = std::min(beam, candidates.size());
    std::ranges::partial_sort(candidates, candidates.begin() + static_cast<std::ptrdiff_t>(taken), before);

    std::vector<Beginning> goes_on;
    std::vector<std::int64_t> rows;
    for (const Candidate& c : std::span(candidates).first(taken)) {
      DecodedCaption said = alive[c.beginning].said;
      said.log_probability = c.total;
      const double* const log_p = next.log_p.data<double>() + static_cast<std::int64_t>(c.beginning) * words;
      if (c.word == special_.end) {
        if (length == options_.max_words)
          for (std::int32_t word = 0; word < words; ++word)
            if (can_be_said(word) && log_p[word] > log_p[c.word]) said.complete = false;
        done.push_back(std::move(said));
        continue;
      }
      said.words.push_back(c.word);
      said.log_probabilities.push_back(log_p[c.word]);
      goes_on.push_back({.said = std::move(said), .last = c.word});
      rows.push_back(static_cast<std::int64_t>(c.beginning));
    }
    std::ranges::stable_sort(done, likelier);
    alive = std::move(goes_on);
    if (done.size() >= beam && (alive.empty() || alive.front().said.log_probability <= done[beam - 1].log_probability))
      break;
    if (!rows.empty()) states = rows_of(next.states, rows);
  }
  if (done.size() > beam) done.resize(beam);
  return done;
}

}  // namespace backlight::language
