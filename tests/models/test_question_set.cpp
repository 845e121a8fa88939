#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <numeric>

#include "engine/image/write.hpp"
#include "models/language/heads.hpp"
#include "models/language/lessons.hpp"
#include "models/language/question_set.hpp"
#include "models/language/set_rates.hpp"
#include "models/scenes/evaluate.hpp"
#include "support/compare.hpp"
#include "support/fill_network.hpp"
#include "support/temporary_folder.hpp"

namespace backlight::language {
namespace {

namespace fs = std::filesystem;

constexpr const char* kQuestions = R"([["What colour is it?", "red", 7], ["is it red", "yes", "7"],
  {"question": "what colour is it", "answer": "blue", "picture": "sea"}, ["is it not red?", "yes", "sea"],
  ["is the square red", "no", "sea"]])";

/// Of 16×16, with a square of 6 whose corner lies at (x, 4).
Image square_at(int x, std::uint8_t red, std::uint8_t blue) {
  Image image(16, 16, 240);
  for (int row = 4; row < 10; ++row)
    for (int column = x; column < x + 6; ++column)
      std::ranges::copy(std::array<std::uint8_t, 3>{red, 20, blue}, image.at(column, row));
  return image;
}

struct Folder {
  test::TemporaryFolder place;
  Context context{{}, 2};
  Preprocessing how = scenes_preprocessing();

  Folder() {
    how.input_size = how.resize_size = 16;
    fs::create_directories(place.path() / "images");
    write_png(place.path() / "images/7.png", square_at(2, 200, 20));
    write_png(place.path() / "images/sea.png", square_at(9, 20, 200));
    std::ofstream(place.path() / "images/.DS_Store") << "other things may lie there";
  }
  void write(std::string_view questions) const {
    std::ofstream(place.path() / "questions.json") << questions;
  }
  QuestionSet read(std::string_view questions = kQuestions) {
    write(questions);
    return read_question_set(place.path(), how, context);
  }
};

LanguageModel small_model(const Vocabulary& vocabulary, const Preprocessing& how) {
  Network cnn = make_cnn("easy_vqa", std::vector<std::int64_t>{2, 3}).network;
  Network head = bag_head({.channels = 3,
                           .map_side = 8,
                           .words = std::ssize(vocabulary.words()),
                           .answers = std::ssize(vocabulary.answers()),
                           .longest = vocabulary.max_length(),
                           .size = 4,
                           .layers = 1});
  Context context({}, 1);
  test::fill_network(cnn, context);
  test::fill_network(head, context);
  return {.task = LanguageTask::vqa,
          .cnn = std::move(cnn),
          .head = std::move(head),
          .vocabulary = vocabulary,
          .preprocessing = how,
          .cnn_name = "easy_vqa"};
}

}  // namespace

TEST_CASE("question set: questions of both forms, their pictures once, words and answers as they come") {
  Folder folder;
  const QuestionSet set = folder.read();
  REQUIRE(set.questions.size() == 5);
  REQUIRE(set.pictures.size() == 2);
  CHECK(set.questions[1].picture == 0);
  CHECK(set.questions[4].picture == 1);
  CHECK(set.questions[4].text == "is the square red");
  CHECK(set.pictures[1].rgb == square_at(9, 20, 200).rgb);
  CHECK(set.sha256.size() == 64);

  const Vocabulary vocabulary = vocabulary_of(set);
  CHECK(vocabulary.words() == std::vector<std::string>{"<pad>", "<unknown>", "what", "colour", "is", "it",
                                                       "red", "not", "the", "square"});
  CHECK(vocabulary.answers() == std::vector<std::string>{"red", "yes", "blue", "no"});
  CHECK(vocabulary.max_length() == 4);
  CHECK(tokens_of(vocabulary, set, 1) == std::vector<std::int32_t>{4, 5, 6, 0});
  CHECK(answer_of(vocabulary, set, 4) == 3);

  const QuestionSet other = folder.read(R"([["is it green", "perhaps", "sea"]])");
  CHECK(tokens_of(vocabulary, other, 0) == std::vector<std::int32_t>{4, 5, 1, 0});
  CHECK_FALSE(answer_of(vocabulary, other, 0));

  const auto figure = figure_of(set.pictures[1]);
  CHECK(figure == Box{9, 4, 15, 10});
  CHECK_FALSE(figure_of(Image(8, 8, 30)));
  Image slanted(8, 8, 30);
  slanted.at(5, 1)[0] = slanted.at(2, 6)[2] = 255;
  CHECK(figure_of(slanted) == Box{2, 1, 6, 7});

  const Tensor x = input_of(folder.context, set, folder.how, std::vector<std::size_t>{1, 0});
  CHECK(x.shape() == Shape{2, 3, 16, 16});
  CHECK(test::same_bits(x, [&] {
    Tensor both(x.shape());
    for (const std::size_t n : {0u, 1u})
      std::ranges::copy(normalise(set.pictures[1 - n], folder.how).values(),
                        both.values().subspan(n * 3 * 16 * 16).begin());
    return both;
  }()));
}

TEST_CASE("question set: whatever is wrong with a folder is said in a line that names the file") {
  Folder folder;
  const auto check_refused = [&](const char* questions, const char* why) {
    CAPTURE(questions);
    folder.write(questions);
    try {
      read_question_set(folder.place.path(), folder.how, folder.context);
      FAIL_CHECK("it was read");
    } catch (const Error& error) {
      CAPTURE(error.what());
      CHECK(error.kind() == ErrorKind::bad_input);
      CHECK(std::string(error.what()).starts_with(folder.place.path().string()));
      CHECK(std::string(error.what()).find(why) != std::string::npos);
      CHECK(std::string(error.what()).find('\n') == std::string::npos);
    }
  };
  check_refused("", "questions.json: is no JSON list of questions");
  check_refused("[]", "questions.json: is no JSON list of questions");
  check_refused("{\"a\": 1}", "is no JSON list of questions");
  check_refused(R"([["is it red", "yes", 7], ["is it red", "yes"]])", "question 2 is of another form");
  check_refused(R"([["is it red", "yes", 7.5]])", "question 1 is of another form");
  check_refused(R"([{"question": "is it red", "picture": 7}])", "question 1 is of another form");
  check_refused(R"([["?!", "yes", 7]])", "question 1 has no words or no answer");
  check_refused(R"([["is it red", "", 7]])", "question 1 has no words or no answer");
  check_refused(R"([["is it red", "yes", 8]])", "images has 0 files, expected one");
  std::ofstream(folder.place.path() / "images/7.jpg") << "another one";
  check_refused(kQuestions, "images has 2 files, expected one");
  fs::remove(folder.place.path() / "images/7.jpg");
  std::ofstream(folder.place.path() / "images/7.png") << "no picture";
  check_refused(kQuestions, "images/7.png");
  fs::remove(folder.place.path() / "questions.json");
  fs::create_directories(folder.place.path() / "empty");
  std::ofstream(folder.place.path() / "empty/questions.json") << kQuestions;
  CHECK_THROWS_WITH_AS(read_question_set(folder.place.path() / "empty", folder.how, folder.context),
                       doctest::Contains("empty/images: cannot be read"), Error);
  CHECK_THROWS_WITH_AS(read_question_set(folder.place.path(), folder.how, folder.context),
                       doctest::Contains("questions.json: cannot open the file"), Error);
}

TEST_CASE("question set: lessons are of a picture's own questions, and a function of the step") {
  Folder folder;
  const QuestionSet set = folder.read();
  const Vocabulary vocabulary = vocabulary_of(set);
  const SetLessons lessons(set, vocabulary, folder.how, 5, /*batch=*/3, /*each=*/2);
  const Lesson lesson = lessons.lesson(folder.context, 4), same = lessons.lesson(folder.context, 4);
  CHECK(test::same_bits(lesson.sample.inputs[0], same.sample.inputs[0]));
  CHECK(std::ranges::equal(lesson.sample.head_inputs[0].values<std::int32_t>(),
                           same.sample.head_inputs[0].values<std::int32_t>()));
  CHECK(lesson.labels == same.labels);
  CHECK(lesson.sample.head_rows == 2);
  CHECK(lesson.sample.inputs[0].shape() == Shape{3, 3, 16, 16});
  CHECK(lesson.sample.head_inputs[0].shape() == Shape{6, 4});

  std::vector<int> asked(set.questions.size());
  for (std::int64_t step = 0; step < 20; ++step) {
    const Lesson each = lessons.lesson(folder.context, step);
    for (std::size_t row = 0; row < 6; ++row) {
      const auto* const pixels = each.sample.inputs[0].data<float>() + row / 2 * 3 * 16 * 16;
      const auto* const tokens = each.sample.head_inputs[0].data<std::int32_t>() + row * 4;
      for (std::size_t i = 0; i < set.questions.size(); ++i) {
        const Tensor own = input_of(folder.context, set, folder.how, std::array{set.questions[i].picture});
        if (std::ranges::equal(own.values(), std::span(pixels, 3 * 16 * 16)) &&
            std::ranges::equal(tokens_of(vocabulary, set, i), std::span(tokens, 4)) &&
            answer_of(vocabulary, set, i) == each.labels[row])
          ++asked[i];
      }
    }
  }
  CHECK(std::accumulate(asked.begin(), asked.end(), 0) ==
        20 * 6);  // every row is a question about its picture
  CHECK(std::ranges::min(asked) > 0);
  CHECK_THROWS_AS(SetLessons(set, vocabulary, folder.how, 5, 0, 2), Error);
}

TEST_CASE("question set: rates count right answers, and the maps of these that point at the figure") {
  Folder folder;
  const QuestionSet set = folder.read();
  const LanguageModel model = small_model(vocabulary_of(set), folder.how);
  SetRates right, pointed;
  for (std::size_t i = 0; i < set.questions.size(); ++i) {
    const Run cnn(model.cnn, folder.context,
                  input_of(folder.context, set, folder.how, std::array{set.questions[i].picture}));
    const HeadExplanation head(model.head, folder.context, cnn.output(), tokens_of(model.vocabulary, set, i));
    const auto scores = head.scores().values();
    const std::int64_t said = std::ranges::max_element(scores) - scores.begin();
    const bool hit = said == answer_of(model.vocabulary, set, i);
    right.all.count(hit), right.answers[set.questions[i].answer].count(hit);
    if (!hit) continue;
    const HeadTarget target{.said = {{0, said}}};
    const std::vector<ClassMap> maps = head.maps({&target, 1}, {.steps = 2});
    pointed.all.count(scenes::points_into(*figure_of(set.pictures[set.questions[i].picture]),
                                          maps.front().map.values(), 8, 16));
  }
  const SetRates rates = set_rates(model, folder.context, set);
  CHECK(rates.all.asked == 5);
  CHECK(rates.all.hits == right.all.hits);
  CHECK(rates.answers.at("yes").asked == 2);
  CHECK(rates.answers.at("yes").hits == right.answers.at("yes").hits);
  REQUIRE(right.all.hits > 0);  // the weights are such that something is right
  const SetRates pointing = set_pointing(model, folder.context, set, {.steps = 2});
  CHECK(pointing.all.asked == right.all.hits);
  CHECK(pointing.all.hits == pointed.all.hits);

  // Of empty maps all questions of one text have one answer.
  const SetRates blind = set_rates(model, folder.context, folder.read(R"([["is it red", "yes", 7],
    ["is it red", "red", "sea"], ["is it red", "blue", "sea"], ["is it red", "no", 7]])"),
                                   /*blind=*/true);
  CHECK(blind.all.hits == 1);
  LanguageModel captioner = small_model(vocabulary_of(set), folder.how);
  captioner.task = LanguageTask::caption;
  CHECK_THROWS_WITH_AS(set_rates(captioner, folder.context, set), doctest::Contains("caption"), Error);
}

}  // namespace backlight::language
