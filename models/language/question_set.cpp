#include "models/language/question_set.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "weights/file_bytes.hpp"
#include "weights/pickle.hpp"

namespace backlight::language {
namespace {

using Json = nlohmann::json;

constexpr const char* kForm =
    R"([question, answer, picture], {"question": …, "answer": …, "picture": …} likewise)";

/// By their names without the ending.
std::multimap<std::string, std::filesystem::path> files_in(const std::filesystem::path& folder) {
  std::multimap<std::string, std::filesystem::path> found;
  std::error_code error;
  for (std::filesystem::directory_iterator each(folder, error), end; !error && each != end;
       each.increment(error))
    found.emplace(each->path().stem().string(), each->path());
  if (error)
    throw Error(ErrorKind::bad_input, folder.string(), ": cannot be read (", error.message(),
                "), expected the folder of the pictures that questions.json asks about");
  return found;
}

/// A member of a question in either form; null where there is none.
const Json& part_of(const Json& entry, std::size_t place, const char* name) {
  static const Json kNone;
  if (entry.is_array() && entry.size() == 3) return entry[place];
  return entry.is_object() && entry.contains(name) ? entry[name] : kNone;
}

}  // namespace

QuestionSet read_question_set(const std::filesystem::path& folder, const Preprocessing& how, Context& context,
                              Fit fit) {
  QuestionSet set;
  set.file = folder / "questions.json";
  const weights::FileBytes file = weights::open_file(set.file);
  set.sha256 = file.sha256();
  const auto* const text = reinterpret_cast<const char*>(file.bytes().data());
  const Json all = Json::parse(text, text + file.bytes().size(), nullptr, /*allow_exceptions=*/false);
  if (!all.is_array() || all.empty())
    throw Error(ErrorKind::bad_input, set.file.string(), ": is no JSON list of questions, expected some of ",
                kForm);

  const std::filesystem::path images = folder / "images";
  const auto files = files_in(images);
  std::map<std::string, std::size_t> places;
  std::vector<std::filesystem::path> paths;
  for (const Json& entry : all) {
    const auto refuse = [&](const auto&... why) {
      throw Error(ErrorKind::bad_input, set.file.string(), ": question ", set.questions.size() + 1, why...);
    };
    const Json &question = part_of(entry, 0, "question"), &answer = part_of(entry, 1, "answer"),
               &picture = part_of(entry, 2, "picture");
    if (!question.is_string() || !answer.is_string() ||
        (!picture.is_string() && !picture.is_number_integer()))
      refuse(" is of another form, expected ", kForm);
    if (words_in(question.get_ref<const std::string&>()).empty() ||
        answer.get_ref<const std::string&>().empty())
      refuse(" has no words or no answer");
    const std::string name = picture.is_string() ? picture.get<std::string>() : picture.dump();
    const auto [place, fresh] = places.emplace(name, paths.size());
    if (fresh) {
      const auto [found, behind] = files.equal_range(name);
      if (std::distance(found, behind) != 1)
        refuse(" is about picture ", weights::printable(name), ", of which ", images.string(), " has ",
               std::distance(found, behind), " files, expected one");
      paths.push_back(found->second);
    }
    set.questions.push_back({question.get<std::string>(), answer.get<std::string>(), place->second});
  }
  set.pictures.resize(paths.size());
  context.parallel_for(std::ssize(paths), [&](std::int64_t i, int) {
    const auto n = static_cast<std::size_t>(i);
    set.pictures[n] =
        preprocess(read_image(paths[n].string(), ExifOrientation::apply, how.alpha()), how, fit).seen;
  });
  return set;
}

Vocabulary vocabulary_of(const QuestionSet& set) {
  std::vector<std::string> words{"<pad>", "<unknown>"}, answers;
  std::set<std::string> known_words, known_answers;
  std::size_t longest = 1;
  for (const SetQuestion& question : set.questions) {
    const std::vector<std::string> all = words_in(question.text);
    longest = std::max(longest, all.size());
    for (const std::string& word : all)
      if (known_words.insert(word).second) words.push_back(word);
    if (known_answers.insert(question.answer).second) answers.push_back(question.answer);
  }
  return {std::move(words),
          std::move(answers),
          {.pad = 0, .start = 0, .end = 0, .unknown = 1},
          static_cast<std::int64_t>(longest),
          set.file.string()};
}

std::vector<std::int32_t> tokens_of(const Vocabulary& vocabulary, const QuestionSet& set,
                                    std::size_t question) {
  try {
    std::vector<std::int32_t> tokens =
        vocabulary.encode(set.questions[question].text, UnknownWords::as_unknown);
    tokens.resize(static_cast<std::size_t>(vocabulary.max_length()), vocabulary.special().pad);
    return tokens;
  } catch (const Error& error) {
    throw Error(ErrorKind::bad_input, set.file.string(), ": question ", question + 1, ": ", error.what());
  }
}

std::optional<std::int64_t> answer_of(const Vocabulary& vocabulary, const QuestionSet& set,
                                      std::size_t question) {
  const auto& answers = vocabulary.answers();
  const auto found = std::ranges::find(answers, set.questions[question].answer);
  if (found == answers.end()) return std::nullopt;
  return found - answers.begin();
}

Tensor input_of(Context& context, const QuestionSet& set, const Preprocessing& how,
                std::span<const std::size_t> pictures) {
  const std::int64_t size = how.input_size;
  Tensor x({std::ssize(pictures), how.channels, size, size});
  context.parallel_for(std::ssize(pictures), [&](std::int64_t n, int) {
    const Tensor one = normalise(set.pictures[pictures[static_cast<std::size_t>(n)]], how);
    std::ranges::copy(one.values(), x.values().subspan(static_cast<std::size_t>(n * one.numel())).begin());
  });
  return x;
}

std::optional<Box> figure_of(const Image& picture) {
  constexpr int kFar = 40;
  std::array<int, 3> median{};
  const std::size_t pixels = picture.rgb.size() / 3;
  for (std::size_t c = 0; c < 3; ++c) {
    std::vector<std::uint8_t> values(pixels);
    for (std::size_t i = 0; i < pixels; ++i) values[i] = picture.rgb[3 * i + c];
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(pixels / 2);
    std::ranges::nth_element(values, middle);
    median[c] = *middle;
  }
  std::optional<Box> box;
  for (int y = 0; y < picture.height; ++y)
    for (int x = 0; x < picture.width; ++x) {
      const std::uint8_t* const p = picture.at(x, y);
      if (std::abs(p[0] - median[0]) <= kFar && std::abs(p[1] - median[1]) <= kFar &&
          std::abs(p[2] - median[2]) <= kFar)
        continue;
      if (!box) box = Box{double(x), double(y), x + 1.0, y + 1.0};
      box = Box{std::min<double>(box->x0, x), box->y0, std::max(box->x1, x + 1.0), y + 1.0};
    }
  return box;
}

}  // namespace backlight::language
