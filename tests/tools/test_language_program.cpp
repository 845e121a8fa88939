#include <algorithm>
#include <cmath>

#include "engine/explain/display.hpp"
#include "engine/image/origin.hpp"
#include "models/language/decoder.hpp"
#include "tools/language_program.hpp"

using namespace backlight;
using namespace backlight::language;
using namespace backlight::test;

TEST_CASE("caption: the words of the beam with what the library says of each") {
  const Workspace work;
  const std::string picture = work.picture("a.png", 120, 100),
                    weights = work.language_model(LanguageTask::caption);
  Library library(weights, picture);
  CaptionDecoder decoder(library.model.head, library.context, library.model.vocabulary.special());
  const std::vector<DecodedCaption> expected = decoder.decode(library.map);
  const std::string caption = library.model.vocabulary.decode(expected.front().words);
  REQUIRE(expected.front().words.size() >= 2);

  const Json json = work.run_json({"caption", picture, "--weights", weights});
  CHECK(json["schema"] == "backlight.caption");
  CHECK(json["schema_version"] == 1);
  CHECK(json["model"]["task"] == "caption");
  CHECK(json["model"]["weights_sha256"] == library.model.weights_sha256);
  CHECK(json["preprocessing"]["input_size"] == 96);
  CHECK(json["beam"] == 3);
  CHECK(json["text"].is_null());
  const Json& image = json["images"][0];
  CHECK(image["caption"] == caption);
  CHECK(image["complete"] == expected.front().complete);
  CHECK(std::abs(image["log_probability"].get<double>() - expected.front().log_probability) <= 1e-5);
  REQUIRE(image["beam"].size() == expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i)
    CHECK(image["beam"][i]["caption"] == library.model.vocabulary.decode(expected[i].words));
  REQUIRE(image["words"].size() == expected.front().words.size());
  for (std::size_t i = 0; i < expected.front().words.size(); ++i) {
    const Json& word = image["words"][i];
    CHECK(word["position"] == i + 1);
    CHECK(word["id"] == expected.front().words[i]);
    CHECK(std::abs(word["log_probability"].get<double>() - expected.front().log_probabilities[i]) <= 1e-5);
    CHECK(std::abs(std::log(word["probability"].get<double>()) - word["log_probability"].get<double>()) <=
          1e-9);
  }
  CHECK(image["maps"] == Json::array());
  CHECK_FALSE(fs::exists(work / "backlight-out"));

  const Json greedy = work.run_json({"caption", picture, "--weights", weights, "--beam", "1"});
  CHECK(greedy["images"][0]["beam"].size() == 1);

  const ProcessResult text = work.run({"caption", picture, "--weights", weights});
  CHECK(text.exit_code == 0);
  CHECK(contains(text.out, "a.png: " + caption + " (log p -"));
  CHECK(contains(text.out, "probability"));
}

TEST_CASE("caption: maps of words and of the sentence are the library's, and every option is recorded") {
  const Workspace work;
  const std::string picture = work.picture("a.png", 120, 100),
                    weights = work.language_model(LanguageTask::caption);
  Library library(weights, picture);
  const std::vector<std::int32_t> words = library.model.vocabulary.encode(kSaid);
  std::vector<std::int32_t> tokens{library.model.vocabulary.special().start};
  tokens.insert(tokens.end(), words.begin(), words.end());
  const HeadExplanation head = library.head(tokens);
  HeadTarget sentence{.said = {}, .log_probability = true};
  for (std::size_t i = 0; i < words.size(); ++i)
    sentence.said.push_back({static_cast<std::int64_t>(i), words[i]});

  const auto run = [&](std::vector<std::string> options) {
    std::vector<std::string> arguments{"caption", picture,         "--weights", weights,    "--text",
                                       kSaid,     "--word",        "3,a",       "--format", "overlay,npy",
                                       "-o",      work.str("out"), "--sentence"};
    arguments.insert(arguments.end(), options.begin(), options.end());
    return work.run_json(arguments);
  };
  const Json json = run({});
  CHECK(json["text"] == kSaid);
  CHECK(json["beam"].is_null());
  const Json& image = json["images"][0];
  CHECK(image["caption"] == kSaid);
  CHECK(image["complete"].is_null());
  double total = head.value(sentence) + head.value({.said = {{7, 0}}, .log_probability = true});
  CHECK(std::abs(image["log_probability"].get<double>() - total) <= 1e-9);
  REQUIRE(image["maps"].size() == 4);
  const std::vector<int> positions{1, 3, 5};  // both `a`s
  for (std::size_t i = 0; i < 3; ++i) {
    const Json& map = image["maps"][i];
    const auto at = static_cast<std::size_t>(positions[i] - 1);
    const HeadTarget target{.said = {{positions[i] - 1, words[at]}}};
    CHECK(map["of"] == "word");
    CHECK(map["position"] == positions[i]);
    CHECK(map["word"] == library.model.vocabulary.words()[static_cast<std::size_t>(words[at])]);
    CHECK(map["scalar"] == "logit");
    CHECK(map["path"] == 16);
    CHECK(map["elementwise"] == false);
    CHECK(map["counterfactual"] == false);
    CHECK(map["target_value"].get<double>() == head.value(target));
    CHECK(map["alpha_count"] == 16);
    const NpyArray npy = npy_of(map);
    CHECK(npy.shape == std::vector<int>{12, 12});
    CHECK(npy.values == floats_of(head.maps({&target, 1}).front().map));
    CHECK(map["positive_evidence"] == (*std::ranges::max_element(npy.values) > 0));
    CHECK(map["box"].is_null() != map["positive_evidence"].get<bool>());
  }
  CHECK(image["maps"][3]["of"] == "sentence");
  CHECK(image["maps"][3]["scalar"] == "logprob");
  CHECK(npy_of(image["maps"][3]).values == floats_of(head.maps({&sentence, 1}).front().map));

  const Json other =
      run({"--scalar", "logprob", "--path", "1", "--elementwise", "--counterfactual", "--preset", "paper"});
  const Json& map = other["images"][0]["maps"][1];
  const HeadTarget against{
      .said = {{2, words[2]}}, .log_probability = true, .direction = Direction::counterfactual};
  CHECK(npy_of(map).values ==
        floats_of(head.maps({&against, 1}, {.steps = 1, .elementwise = true}).front().map));
  CHECK(other["preset"] == "paper");
  CHECK(map["scalar"] == "logprob");
  CHECK(map["path"] == 1);
  CHECK(map["elementwise"] == true);
  CHECK(map["counterfactual"] == true);
  CHECK(map["alpha_count"].is_null());
  CHECK(map["target_value"].get<double>() == head.value(against));
  CHECK(work.names_in("out").size() == 16);  // two runs of four maps in two formats, none over another

  const Json facts = Json::parse(*backlight_facts(map["files"]["overlay"].get<std::string>()));
  CHECK(facts["schema"] == "backlight.caption");
  CHECK(facts["result"]["word"] == "star");
  CHECK(facts["result"]["counterfactual"] == true);
  CHECK(facts["image"]["caption"] == kSaid);
  CHECK(overlay_of(map) != overlay_of(image["maps"][1]));
}

TEST_CASE("caption: Guided Grad-CAM goes on in the CNN from the guided gradient at its map") {
  const Workspace work;
  const std::string picture = work.picture("a.png", 120, 100),
                    weights = work.language_model(LanguageTask::caption);
  const Json json = work.run_json({"caption", picture, "--weights", weights, "--text", kSaid, "--word", "all",
                                   "--guided", "--format", "npy,overlay,heatmap", "-o", work.str("out")});
  const Json& maps = json["images"][0]["maps"];
  REQUIRE(maps.size() == 7);
  CHECK(work.names_in("out").size() == 42);

  Library library(weights, picture);
  const Vocabulary& vocabulary = library.model.vocabulary;
  std::vector<std::int32_t> tokens = vocabulary.encode(kSaid);
  tokens.insert(tokens.begin(), vocabulary.special().start);
  HeadExplanation head = library.head(tokens);
  const Fitted fitted = preprocess(read_image(picture), library.model.preprocessing);
  const Network& cnn = library.model.cnn;
  Run run(cnn, library.context, fitted.x.clone(), {.gradients_at = {cnn.input()}});
  for (std::size_t i = 0; i < 7; ++i) {
    const HeadTarget target{.said = {{static_cast<std::int64_t>(i), tokens[i + 1]}}};
    const Gradients gradients = run.backward(Seed{cnn.output(), head.gradient(target, BackwardRule::guided)},
                                             {.rule = BackwardRule::guided, .wrt = {cnn.input()}});
    Tensor gradient = gradients.nodes.at(cnn.input()).clone();
    const Tensor product = guided_product(std::move(gradient).reshaped({3, 96, 96}),
                                          head.maps({&target, 1}).front().map, Preset::pytorch_grad_cam);
    const NpyArray npy = read_npy(maps[i]["files"]["guided_npy"].get<std::string>());
    CHECK(npy.shape == std::vector<int>{3, 96, 96});
    CHECK(npy.values == floats_of(product));
    CHECK(maps[i]["guided_grad_cam"]["channels"] == 3);
    CHECK(read_image(maps[i]["files"]["guided_overlay"].get<std::string>()).width == 120);
    CHECK(read_image(maps[i]["files"]["guided_heatmap"].get<std::string>()).width == 96);
  }
}

TEST_CASE("caption: results that exist are refused before any is written, and are replaced by force") {
  const Workspace work;
  const std::string picture = work.picture("a.png"), weights = work.language_model(LanguageTask::caption);
  const std::vector<std::string> arguments{
      "caption", picture, "--weights",     weights,    "--word",
      "all",     "-o",    work.str("out"), "--format", "heatmap,json,jpg"};
  const Json json = work.run_json(arguments);
  const Json& image = json["images"][0];
  const std::string document = image["files"]["json"].get<std::string>();
  CHECK(Json::parse(read_text(document))["images"][0]["maps"] == image["maps"]);
  CHECK(image["maps"][0]["files"]["heatmap"].get<std::string>().ends_with("_heatmap.jpg"));
  fs::remove(image["maps"][0]["files"]["heatmap"].get<std::string>());
  check_refused(work, arguments, 2, "exists; --force overwrites results");
  CHECK_FALSE(fs::exists(image["maps"][0]["files"]["heatmap"].get<std::string>()));
  std::vector<std::string> forced = arguments;
  forced.emplace_back("--force");
  CHECK(work.run_json(forced)["images"] == json["images"]);
}

TEST_CASE("caption: a folder goes on past a picture that fails") {
  const Workspace work;
  const std::string weights = work.language_model(LanguageTask::caption);
  work.picture("in/a.png");
  work.file("in/b.png", "no picture");
  work.picture("in/c.png", 64, 96);
  const Json json = work.run_json({"caption", work.str("in"), "--weights", weights}, 6);
  REQUIRE(json["images"].size() == 2);
  CHECK(json["images"][1]["file"] == work.str("in/c.png"));
  REQUIRE(json["errors"].size() == 1);
  CHECK(json["errors"][0]["file"] == work.str("in/b.png"));
}

TEST_CASE("caption: words that cannot be and networks of another kind are refused in a line") {
  const Workspace work;
  const std::string picture = work.picture("a.png"), weights = work.language_model(LanguageTask::caption);
  const auto refused = [&](std::vector<std::string> options, int exit_code, const std::string& why) {
    options.insert(options.begin(), {"caption", picture});
    if (std::ranges::find(options, "--weights") == options.end())
      options.insert(options.end(), {"--weights", weights});
    check_refused(work, options, exit_code, why);
  };
  refused({"--text", "a red sttar"}, 2, R"(does not know the word "sttar" (did you mean "star")");
  refused({"--text", "?!"}, 2, "has no words");
  refused({"--text", "a a a a a a a a a"}, 2, "has 9 words, the network takes 8");
  refused({"--text", "a a a a a a a a a a"}, 2, "has more than 9 words");
  refused({"--text", kSaid, "--word", "rings"}, 2, "no such word (did you mean \"ring\"");
  refused({"--text", kSaid, "--word", "rinng"}, 2, R"(does not know the word "rinng")");
  refused({"--text", kSaid, "--word", "8"}, 2, "has words 1 to 7");
  refused({"--text", kSaid, "--word", "0"}, 2, "has words 1 to 7");
  refused({"--text", kSaid, "--word", "99999999999999999999"}, 2, "has words 1 to 7");
  refused({"--text", kSaid, "--word", "red star"}, 2, "has 2 words");
  refused({"--text", kSaid, "--beam", "2"}, 2, "--beam");
  refused({"--beam", "0"}, 2, "--beam");
  refused({"--path", "0", "--sentence"}, 2, "--path");
  refused({"--scalar", "logits", "--sentence"}, 2, "did you mean \"logit\"");
  refused({"--preset", "paper-code", "--sentence"}, 4, "paper-code");
  refused({"--preset", "torch-cam", "--sentence", "--guided"}, 4, "does not define Guided Grad-CAM");
  refused({"--fit", "none"}, 2, "crop, stretch");
  for (const char* option : {"--elementwise", "--counterfactual", "--guided", "--skip-existing"})
    refused({option}, 2, "add --word, --sentence or --region");
  refused({"--format", "npy"}, 2, "add --word, --sentence or --region");
  refused({"--preset", "torch-cam", "--sentence", "--format", "panel"}, 4, "does not define Guided Grad-CAM");
  refused({"--sentence", "--layer", "layer1.7"}, 2, "layer1.7");
  refused({"--sentence", "--layer", "input"}, 2, "it is the input");
  refused({"--text", "a zorp", "--unknown-as-unk"}, 2, "has no word for unknown ones");
  const std::pair<const char*, const char*> regions[] = {
      {"a red star", "has no box"},
      {"a red star=1,2,3", "four numbers"},
      {"a red star=1,2,3,4,5", "four numbers"},
      {"a red star=1,2,x,4", "whole numbers"},
      {"a red star=-1,2,3,4", "whole numbers"},
      {"a red star=9,2,9,4", "no area"},
      {"a red star=1,2,3,9999999", "whole numbers"},
      {"a zorp=1,2,3,4", "does not know the word"},
      {"=1,2,3,4", "has no words"},
      {"a red star=1,2,41,4", "goes beyond the picture, 40×32"},
      {"a a a a a a a a a=1,2,3,4", "the network takes 8"},
      {"a red star=0,0,1,1", "0 of 9216 pixels are inside"}};
  for (const auto& [region, why] : regions) refused({"--region", region}, 2, why);
  refused({"--region", "a red star=1,2,3,4", "--text", "a star"}, 2, "--region");
  refused({"--weights", work.network()}, 4, "is no captioner or question answerer");
  refused({"--weights", work.language_model(LanguageTask::vqa)}, 4, "`backlight ask` takes it");
  refused({"--weights", work.str("none.safetensors")}, 3, "none.safetensors");
  refused({"--weights", weights, "--model", "captioner"}, 2, "--model");
  check_refused(work, {"ask", picture, kQuestion, "--model", "captioner"}, 2, "{vqa,coattention}");
  check_refused(work, {"ask", picture, kQuestion, "--weights", weights}, 4, "`backlight caption` takes it");
}

TEST_CASE("caption: words that are unknown are taken for the one that stands for them") {
  const Workspace work;
  LanguageModel model = load_language_model(work.language_model(LanguageTask::caption));
  std::vector<std::string> words = model.vocabulary.words();
  words.back() = "<unk>";
  SpecialIds special = model.vocabulary.special();
  special.unknown = static_cast<std::int32_t>(std::ssize(words) - 1);
  model.vocabulary = Vocabulary(words, {}, special, model.vocabulary.max_length());
  write_language_model(work / "unk.safetensors", model);
  const std::vector<std::string> arguments{
      "caption", work.picture("a.png"), "--weights", work.str("unk.safetensors"), "--text", "a zorp star"};
  check_refused(work, arguments, 2, R"(does not know the word "zorp")");
  std::vector<std::string> taken = arguments;
  taken.emplace_back("--unknown-as-unk");
  const Json json = work.run_json(taken);
  CHECK(json["images"][0]["words"][1]["id"] == *special.unknown);
  CHECK(json["text"] == "a <unk> star");
}

TEST_CASE("ask: answers and their maps are the library's") {
  const Workspace work;
  const std::string picture = work.picture("a.png", 120, 100);
  for (const LanguageTask task : {LanguageTask::vqa, LanguageTask::coattention}) {
    const std::string weights = work.language_model(task);
    Library library(weights, picture);
    const Vocabulary& vocabulary = library.model.vocabulary;
    std::vector<std::int32_t> tokens = vocabulary.encode(kQuestion);
    tokens.resize(8, 0);
    const HeadExplanation head = library.head(tokens);
    const std::vector<float> scores = floats_of(head.scores());
    const auto best = static_cast<std::size_t>(std::ranges::max_element(scores) - scores.begin());

    const Json json = work.run_json({"ask", picture, kQuestion, "--weights", weights, "--top-k", "2",
                                     "--answer", "all,BLUE," + vocabulary.answers()[best], "--format", "npy",
                                     "--out", work.str(name_of(task))});
    CHECK(json["schema"] == "backlight.ask");
    CHECK(json["question"] == "what colour is the star");
    const Json& image = json["images"][0];
    REQUIRE(image["answers"].size() == 2);
    CHECK(image["answers"][0]["name"] == vocabulary.answers()[best]);
    double sum = 0;
    for (const float score : scores) sum += std::exp(static_cast<double>(score));
    for (const Json& answer : image["answers"]) {
      const float score = scores[answer["index"].get<std::size_t>()];
      CHECK(answer["logit"].get<float>() == score);
      CHECK(std::abs(answer["probability"].get<double>() - std::exp(static_cast<double>(score)) / sum) <=
            1e-9);
    }
    REQUIRE(image["maps"].size() == 3);
    CHECK(image["maps"][0]["name"] == "blue");
    for (const Json& map : image["maps"]) {
      const HeadTarget target{.said = {{0, map["index"].get<std::int64_t>()}}};
      CHECK(map["of"] == "answer");
      CHECK(map["target_value"].get<double>() == head.value(target));
      CHECK(npy_of(map).values == floats_of(head.maps({&target, 1}).front().map));
    }

    const ProcessResult text = work.run({"ask", picture, kQuestion, "--weights", weights});
    CHECK(text.exit_code == 0);
    CHECK(contains(text.out, "a.png: what colour is the star\n"));
    CHECK(contains(text.out, vocabulary.answers()[best]));
  }
}

TEST_CASE("ask: attention says of each level how much every word and place weighs") {
  const Workspace work;
  const std::string picture = work.picture("a.png");
  const Json json = work.run_json({"ask", picture, "is there a star", "--weights",
                                   work.language_model(LanguageTask::coattention), "--attention", "--format",
                                   "npy,overlay", "-o", work.str("out")});
  const Json& maps = json["images"][0]["maps"];
  REQUIRE(maps.size() == 3);
  const std::vector<std::string> levels{"word", "phrase", "question"};
  for (std::size_t level = 0; level < 3; ++level) {
    const Json& map = maps[level];
    CHECK(map["of"] == "attention");
    CHECK(map["level"] == levels[level]);
    REQUIRE(map["words"].size() == 4);
    CHECK(map["words"][3]["word"] == "star");
    double of_words = 0, of_places = 0;
    for (const Json& word : map["words"]) of_words += word["weight"].get<double>();
    for (const float weight : npy_of(map).values) of_places += static_cast<double>(weight);
    CHECK(std::abs(of_words - 1) <= 1e-5);
    CHECK(std::abs(of_places - 1) <= 1e-5);
  }
  CHECK(npy_of(maps[0]).values != npy_of(maps[2]).values);
  CHECK(work.names_in("out").size() == 6);
}

TEST_CASE("ask: questions and answers that cannot be are refused in a line") {
  const Workspace work;
  const std::string picture = work.picture("a.png"), weights = work.language_model(LanguageTask::vqa);
  const auto refused = [&](const std::string& question, std::vector<std::string> options, int exit_code,
                           const std::string& why) {
    options.insert(options.begin(), {"ask", picture, question, "--weights", weights});
    check_refused(work, options, exit_code, why);
  };
  refused("what color is the star", {}, 2, R"(does not know the word "color" (did you mean "colour")");
  refused("...", {}, 2, "has no words");
  refused("is is is is is is is is is", {}, 2, "has more than 8 words");
  refused(kQuestion, {"--answer", "yelow"}, 2, R"(does not know the answer "yelow" (did you mean "yellow")");
  refused(kQuestion, {"--attention"}, 4, "--attention is of task coattention");
  refused(kQuestion, {"--elementwise"}, 2, "add --answer or --attention");
  refused(kQuestion, {"--top-k", "0"}, 2, "--top-k");
  check_refused(work, {"ask", picture, kQuestion, "--weights", work.network()}, 4,
                "is no captioner or question answerer");
}

TEST_CASE("caption and ask: the networks that ship say what is true of scenes") {
  const Workspace work;
  REQUIRE(work.run({"scenes", "--world", "language", "--count", "6", "--seed", "20000", "--out",
                    work.str("scenes")})
              .exit_code == 0);
  const Json captioned = work.run_json({"caption", work.str("scenes")});
  REQUIRE(captioned["images"].size() == 6);
  int right = 0;
  for (const Json& image : captioned["images"]) {
    fs::path file = image["file"].get<std::string>();
    const Json scene = Json::parse(read_text(file.replace_extension(".json")));
    right += std::ranges::any_of(scene["captions"],
                                 [&](const Json& caption) { return caption["text"] == image["caption"]; });
  }
  CHECK(right >= 4);

  const std::string picture =
      work.str("scenes") + "/scene_000004.png";  // a white heart left of a purple star
  for (const char* model : {"vqa", "coattention"}) {
    CAPTURE(std::string(model));
    const Json json = work.run_json({"ask", picture, "what colour is the heart", "--model", model});
    CHECK(json["model"]["task"] == model);
    CHECK(json["images"][0]["answers"][0]["name"] == "white");
  }
  CHECK(work.run_json({"ask", picture, "what colour is the heart"})["model"]["task"] == "vqa");
}
