// The captioner and the answerers that ship, measured on scenes that they were not trained on.
#include <doctest/doctest.h>

#include <filesystem>
#include <string>

#include "engine/train/init.hpp"
#include "models/language/heads.hpp"
#include "models/language/rates.hpp"
#include "models/weights_location.hpp"

using namespace backlight;
using namespace backlight::language;

namespace {

/// Neither the seed of the training scenes nor that of the figures in the files.
constexpr std::uint64_t kUnseenSeed = 20'000;
constexpr std::int64_t kScenes = 300, kFew = 60;

LanguageModel shipped(const std::string& name) {
  const auto path = shipped_weights(name);
  REQUIRE(path.has_value());
  REQUIRE(std::filesystem::file_size(*path) <= 8'000'000 / 3);
  return load_language_model(*path);
}

/// The same CNN, but a head that learnt nothing.
LanguageModel with_random_head(LanguageModel model) {
  initialise(model.head, 1);
  open_forget_gates(model.head);
  return model;
}

/// At least this share in the evidence, and at most that in another object.
template <std::size_t N>
void check_points(const std::array<Pointing, N>& pointing, auto kind, double least, double most_other) {
  const Pointing& one = pointing[static_cast<std::size_t>(kind)];
  CAPTURE(name_of(kind));
  CAPTURE(one.evidence.rate());
  CAPTURE(one.other.rate());
  REQUIRE(one.evidence.asked > 0);
  CHECK(one.evidence.rate() >= least);
  CHECK(one.other.rate() <= most_other);
}

template <std::size_t N>
double rate_of(const std::array<Pointing, N>& pointing, auto kind) {
  const Share& share = pointing[static_cast<std::size_t>(kind)].evidence;
  REQUIRE(share.asked > 0);
  return share.rate();
}

}  // namespace

TEST_CASE("captioner that ships: three captions of four are true, and none without the picture") {
  Context context;
  const LanguageModel model = shipped("backlight_captioner");
  const CaptionRates rates = caption_rates(model, context, kUnseenSeed, kScenes);
  MESSAGE("true captions ", rates.all.rate());
  CHECK(rates.all.rate() >= 0.75);
  CHECK(caption_rates(model, context, kUnseenSeed, kFew, {}, /*blind=*/true).all.rate() <= 0.32);
}

TEST_CASE(
    "captioner that ships: the path average points at what a word, a sentence and a region's caption are "
    "about") {
  Context context;
  const LanguageModel model = shipped("backlight_captioner");
  const auto path = caption_pointing(model, context, kUnseenSeed, kScenes);
  for (const WordRole role : {WordRole::noun, WordRole::colour, WordRole::sentence})
    check_points(path, role, 0.93, 0.05);
  CHECK(rate_of(path, WordRole::relation) >= 0.85);  // of two objects

  const auto random = caption_pointing(with_random_head(model), context, kUnseenSeed, kFew);
  CHECK(rate_of(random, WordRole::noun) < 0.6);
  CHECK(rate_of(random, WordRole::colour) < 0.6);

  const RegionRates regions = region_rates(model, context, kUnseenSeed, kFew);
  CHECK(regions.pointing.evidence.rate() >= 0.93);
  CHECK(regions.pointing.other.rate() <= 0.05);
}

TEST_CASE(
    "answerers that ship: most answers are right, few without the picture, and maps point at the evidence") {
  struct Case {
    std::string name;
    double right, exists, other;  // there are 37 questions of a family, so that one of them tells little
  };
  Context context;
  for (const Case& c :
       {Case{"backlight_vqa", 0.75, 0.90, 0.05}, {"backlight_coattention", 0.77, 0.80, 0.10}}) {
    CAPTURE(c.name);
    const LanguageModel model = shipped(c.name);
    const AnswerRates rates = answer_rates(model, context, kUnseenSeed, kScenes, kScenes);
    MESSAGE(c.name, ": right answers ", rates.all.rate());
    CHECK(rates.all.rate() >= c.right);
    CHECK(answer_rates(model, context, kUnseenSeed, kScenes, kScenes, /*blind=*/true).all.rate() <= 0.32);

    const auto path = answer_pointing(model, context, kUnseenSeed, kScenes, kScenes);
    for (const Family family : {Family::colour, Family::which, Family::relation})
      check_points(path, family, 0.93, c.other);
    for (const Family family : {Family::exist, Family::exist_colour})
      CHECK(rate_of(path, family) >= c.exists);

    const auto random =
        answer_pointing(with_random_head(model), context, kUnseenSeed, kScenes, kScenes / 2, {},
                        /*only_right=*/false);
    for (const Family family : {Family::colour, Family::which}) CHECK(rate_of(random, family) < 0.6);
  }
}
