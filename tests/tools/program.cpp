#include "tools/program.hpp"

#include <doctest/doctest.h>
#include <zlib.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "engine/image/write.hpp"
#include "models/labels/label_file.hpp"
#include "models/language/captions.hpp"
#include "models/language/heads.hpp"
#include "models/language/questions.hpp"
#include "models/registry.hpp"
#include "models/scenes_net.hpp"
#include "support/fill_network.hpp"
#include "support/random.hpp"
#include "weights/safetensors.hpp"

namespace backlight::test {
namespace {

void save(const Network& network, const std::string& path,
          const std::map<std::string, std::string>& metadata = cifar10_names()) {
  std::vector<TensorToWrite> tensors;
  const std::vector<ConstNamedParameter> parameters = network.parameters();
  for (const ConstNamedParameter& p : parameters) tensors.push_back({p.name, p.tensor});
  write_safetensors(path, tensors, metadata, {.dtype = StoredType::f32, .overwrite = true});
}

Tensor& classifier_of(Network& network) {
  for (const NamedParameter& p : network.parameters())
    if (p.name == "linear.weight") return *p.tensor;
  throw std::runtime_error("no linear.weight");
}

}  // namespace

std::map<std::string, std::string> cifar10_names() {
  return {{"backlight.labels", labels_json(built_in_labels(LabelSet::cifar10))}};
}

Network test_network(std::int64_t outputs, std::int64_t channels) {
  Context context;
  NetworkDescription description = describe("resnet20_cifar", outputs);
  description.channels = channels;
  Network network = build_model(description);
  fill_network(network, context);
  return network;
}

Image test_picture(int width, int height) {
  Image image(width, height);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < 3; ++c) {
        const std::uint64_t noise = random_bits(7, static_cast<std::uint64_t>((y * width + x) * 3 + c)) % 64;
        const int ramp = c == 0 ? 191 * x / width : c == 1 ? 191 * y / height : 96;
        image.at(x, y)[c] = static_cast<std::uint8_t>(static_cast<std::uint64_t>(ramp) + noise);
      }
  return image;
}

Workspace::Workspace() {
  std::string pattern = (fs::temp_directory_path() / "backlight-test-XXXXXX").string();
  REQUIRE(mkdtemp(pattern.data()) != nullptr);
  folder_ = pattern;
}

Workspace::~Workspace() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

ProcessResult Workspace::run(std::vector<std::string> arguments, ProcessOptions options) const {
  arguments.insert(arguments.begin(), BACKLIGHT_PROGRAM);
  options.environment.emplace("XDG_CACHE_HOME", str("cache"));
  return run_process(arguments, options);
}

Json Workspace::run_json(std::vector<std::string> arguments, int exit_code, ProcessOptions options) const {
  arguments.emplace_back("--json");
  const ProcessResult result = run(std::move(arguments), std::move(options));
  CAPTURE(result.err);
  REQUIRE(result.exit_code == exit_code);
  Json json;
  REQUIRE_NOTHROW(json = Json::parse(result.out));
  return json;
}

std::string Workspace::network() const {
  save(test_network(), str("net.safetensors"));
  return str("net.safetensors");
}

std::string Workspace::network_of(std::int64_t outputs) const {
  const std::string path = str("net-of-" + std::to_string(outputs) + ".safetensors");
  save(test_network(outputs), path, {});
  return path;
}

std::string Workspace::network_of_rgba() const {
  save(test_network(10, 4), str("rgba.safetensors"));
  return str("rgba.safetensors");
}

std::string Workspace::network_against_class_3() const {
  Network network = test_network();
  Tensor& weight = classifier_of(network);
  const auto channels = static_cast<std::size_t>(weight.shape()[1]);
  std::ranges::fill(weight.values().subspan(3 * channels, channels), -1.0f);
  save(network, str("against.safetensors"));
  return str("against.safetensors");
}

std::string Workspace::network_of_overflow() const {
  Network network = test_network();
  std::ranges::fill(classifier_of(network).values(), 3e38f);
  save(network, str("overflow.safetensors"));
  return str("overflow.safetensors");
}

std::string Workspace::language_model(language::LanguageTask task) const {
  using namespace language;
  constexpr std::int64_t kWidth = 4, kChannels = 4 * kWidth;
  const bool says = task == LanguageTask::caption;
  Vocabulary vocabulary = says ? caption_vocabulary() : question_vocabulary();
  const std::int64_t words = std::ssize(vocabulary.words()), answers = std::ssize(vocabulary.answers());
  const auto head = [&] {
    if (says) return caption_head({.encoder = {.channels = kChannels, .layers = {16, 24}}, .words = words});
    if (task == LanguageTask::vqa)
      return vqa_head({.encoder = {.channels = kChannels, .layers = {12}},
                       .words = words,
                       .answers = answers,
                       .word_size = 8,
                       .hidden = 6,
                       .common = 10});
    return coattention_head(
        {.channels = kChannels, .words = words, .answers = answers, .size = 8, .last = 10});
  };
  LanguageModel model{.task = task,
                      .cnn = scenes_features(kWidth),
                      .head = head(),
                      .vocabulary = std::move(vocabulary),
                      .preprocessing = scenes_preprocessing()};
  Context context;
  fill_network(model.cnn, context);
  fill_network(model.head, context);
  const std::string path = str(std::string(name_of(task)) + ".safetensors");
  write_language_model(path, model, {.overwrite = true});
  return path;
}

std::string Workspace::picture(std::string_view name, int width, int height) const {
  fs::create_directories((folder_ / name).parent_path());
  write_png(str(name), test_picture(width, height));
  return str(name);
}

std::string Workspace::turned_picture(std::string_view name, int width, int height, char orientation) const {
  std::string png = read_text(picture(name, width, height));
  // One directory of one entry: tag 0x0112, one 16-bit number.
  std::string chunk("eXIfMM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0?\0\0\0\0\0\0", 30);
  chunk[chunk.find('?')] = orientation;
  const auto crc = crc32(0, reinterpret_cast<const Bytef*>(chunk.data()), static_cast<uInt>(chunk.size()));
  const auto big_endian = [](std::uint64_t v) {
    std::string bytes;
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(v >> shift & 0xff);
    return bytes;
  };
  constexpr std::size_t kSignatureAndHeader = 33;
  png.insert(kSignatureAndHeader, big_endian(chunk.size() - 4) + chunk + big_endian(crc));
  return file(name, png);
}

std::string Workspace::file(std::string_view name, std::string_view content) const {
  fs::create_directories((folder_ / name).parent_path());
  std::ofstream(folder_ / name, std::ios::binary) << content;
  return str(name);
}

std::vector<std::string> Workspace::names_in(std::string_view folder) const {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder_ / folder))
    names.push_back(entry.path().filename().string());
  std::ranges::sort(names);
  return names;
}

std::string read_text(const fs::path& path) {
  std::ostringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  return out.str();
}

NpyArray read_npy(const fs::path& path) {
  const std::string bytes = read_text(path);
  REQUIRE(bytes.size() > 10);
  REQUIRE(bytes.substr(0, 8) == std::string("\x93NUMPY\x01\x00", 8));
  const std::size_t header =
      static_cast<unsigned char>(bytes[8]) + 256u * static_cast<unsigned char>(bytes[9]);
  const std::string text = bytes.substr(10, header);
  REQUIRE(contains(text, "'descr': '<f4'"));
  REQUIRE(contains(text, "'fortran_order': False"));
  const std::size_t begin = text.find('('), end = text.find(')');
  REQUIRE(end != std::string::npos);
  NpyArray array;
  std::istringstream extents(text.substr(begin + 1, end - begin - 1));
  for (std::string extent; std::getline(extents, extent, ',') && !extent.empty();)
    array.shape.push_back(std::stoi(extent));
  array.values.resize((bytes.size() - 10 - header) / sizeof(float));
  std::memcpy(array.values.data(), bytes.data() + 10 + header, array.values.size() * sizeof(float));
  return array;
}

}  // namespace backlight::test
