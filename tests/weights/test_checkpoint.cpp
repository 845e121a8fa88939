// Files that PyTorch and safetensors wrote (tests/golden/make_checkpoints.py), and real published ones.
#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <thread>

#include "support/skip.hpp"
#include "weights/checkpoint.hpp"
#include "weights/load.hpp"
#include "weights/published.hpp"
#include "weights/sha256.hpp"
#include "weights/support.hpp"

using namespace backlight;
using nlohmann::json;
using test::golden_file;
using test::refusal;

namespace {

json expected_cases() { return json::parse(std::ifstream(golden_file("expected.json"))); }

std::string kind_name(ErrorKind kind) {
  return kind == ErrorKind::usage         ? "usage"
         : kind == ErrorKind::bad_input   ? "bad_input"
         : kind == ErrorKind::unsupported ? "unsupported"
                                          : "other";
}

/// Values must be equal, or as near as `tolerance` where the reader computes what PyTorch computes.
void check_tensor(const StoredTensor& tensor, const json& expected, float tolerance) {
  CAPTURE(tensor.name());
  CHECK(name_of(tensor.dtype()) == expected["dtype"].get<std::string>());
  CHECK(tensor.shape() == expected["shape"].get<std::vector<std::int64_t>>());
  const Tensor values = tensor.to_f32();
  const auto wanted = expected["values"].get<std::vector<float>>();
  CHECK(std::ranges::equal(values.values(), wanted, [&](float a, float b) {
    return a == b || std::abs(a - b) <= tolerance * std::abs(b);
  }));
  CHECK(tensor.to_bytes().size() == wanted.size() * size_of(tensor.dtype()));
}

void check_readable(const Checkpoint& checkpoint, const json& expected) {
  CHECK(name_of(checkpoint.container()) == expected["container"].get<std::string>());
  json candidates = json::array();
  for (const StateDictCandidate& each : checkpoint.candidates())
    candidates.push_back({each.path, each.tensors});
  CHECK(candidates == expected["candidates"]);
  if (expected["path"].is_null()) {
    CHECK_FALSE(checkpoint.chosen());
    const std::string why = refusal([&] { checkpoint.tensors(); });
    CHECK(why.find("--key") != std::string::npos);
    for (const json& each : expected["candidates"])
      CHECK(why.find(each[0].get<std::string>()) != std::string::npos);
    return;
  }
  REQUIRE(checkpoint.chosen());
  CHECK(checkpoint.candidates()[*checkpoint.chosen()].path == expected["path"].get<std::string>());
  CHECK(checkpoint.prefix() == expected["prefix"].get<std::string>());
  CHECK(json(checkpoint.other_entries()) == expected["others"]);
  REQUIRE(checkpoint.tensors().size() == expected["tensors"].size());
  for (std::size_t i = 0; i < checkpoint.tensors().size(); ++i) {
    const json& wanted = expected["tensors"][i];
    const auto name = wanted["name"].get<std::string>();
    if (!expected.contains("any_order")) CHECK(checkpoint.tensors()[i].name() == name);
    REQUIRE(checkpoint.find(name) != nullptr);
    check_tensor(*checkpoint.find(name), wanted, expected.value("tolerance", 0.0f));
  }
  if (expected.contains("metadata")) CHECK(json(checkpoint.metadata()) == expected["metadata"]);
}

/// `open` gives a checkpoint of the file `name`, or throws.
template <class Open>
void check_as_expected(const std::string& name, const json& expected, Open open) {
  if (!expected.contains("refused")) {
    std::string why = refusal([&] { check_readable(open(), expected); });
    CHECK(why == "");
    return;
  }
  try {
    open();
    FAIL("not refused");
  } catch (const Error& error) {
    const std::string why = error.what();
    CAPTURE(why);
    CHECK(kind_name(error.kind()) == expected["refused"].get<std::string>());
    CHECK(why.find(name) != std::string::npos);
    for (const json& word : expected["words"]) CHECK(why.find(word.get<std::string>()) != std::string::npos);
  }
}

}  // namespace

TEST_CASE(
    "checkpoint: every kind of file that PyTorch and safetensors write is read or refused as it should be") {
  const json cases = expected_cases();
  CHECK(cases.size() > 50);
  for (const auto& [name, expected] : cases.items()) {
    CAPTURE(name);
    const CheckpointOptions options{expected.value("key", ""), {}};
    const auto path = golden_file(name);
    check_as_expected(name, expected, [&] { return Checkpoint::open(path, options); });
    const auto content = test::in_memory(test::read_file(path));
    check_as_expected(name, expected, [&] { return Checkpoint::open(content, path, options); });
  }
}

TEST_CASE("checkpoint: tensors outlive the checkpoint that they came from") {
  std::vector<StoredTensor> kept;
  {
    const Checkpoint checkpoint = Checkpoint::open(golden_file("zip_deflated.pth"));
    kept = checkpoint.tensors();
  }
  const Checkpoint again = Checkpoint::open(golden_file("zip_protocol2.pth"));
  REQUIRE(kept.size() == again.tensors().size());
  for (std::size_t i = 0; i < kept.size(); ++i) CHECK(kept[i].to_bytes() == again.tensors()[i].to_bytes());
}

TEST_CASE("checkpoint: content in memory goes by the name that it is given") {
  const auto content = test::in_memory(test::read_file(golden_file("zip_protocol2.pth")));
  const std::string hash = Checkpoint::open(golden_file("zip_protocol2.pth")).sha256();
  const Checkpoint checkpoint = Checkpoint::open(content, "net-" + hash.substr(0, 8) + ".pth");
  CHECK(checkpoint.path() == "net-" + hash.substr(0, 8) + ".pth");
  CHECK(checkpoint.file_bytes() == content.size());
  CHECK(checkpoint.sha256() == hash);
  REQUIRE(checkpoint.name_hash());
  CHECK(checkpoint.name_hash()->kept);
  CHECK(refusal([&] {
          Checkpoint::open(std::span(content).first(100), "the buffer");
        }).starts_with("the buffer: "));
  CHECK(refusal([&] { Checkpoint::open(std::span<const std::byte>(), "nothing"); }).starts_with("nothing: "));
}

TEST_CASE("checkpoint: what was forgotten is read again, from a file and from memory") {
  const auto content = test::in_memory(test::read_file(golden_file("zip_protocol2.pth")));
  for (const Checkpoint& checkpoint :
       {Checkpoint::open(golden_file("zip_protocol2.pth")), Checkpoint::open(content, "in memory")}) {
    CAPTURE(checkpoint.path());
    for (const StoredTensor& tensor : checkpoint.tensors()) {
      const auto before = tensor.to_bytes();
      checkpoint.forget_bytes();
      CHECK(tensor.to_bytes() == before);
    }
    CHECK(checkpoint.sha256() == sha256_hex(content));
    CHECK(!checkpoint.tensors().front().to_bytes().empty());
  }
}

#ifdef __linux__
TEST_CASE("checkpoint: neither a tensor that was read nor a hash keeps the file in memory") {
  const test::TemporaryFolder folder;
  constexpr std::size_t kBytes = std::size_t{24} << 20;
  const std::string header =
      text(R"({"w":{"dtype":"F32","shape":[)", kBytes / 4, R"(],"data_offsets":[0,)", kBytes, "]}}");
  const auto path = folder.path() / "large.safetensors";
  {
    const std::uint64_t length = header.size();
    std::ofstream file(path, std::ios::binary);
    file.write(reinterpret_cast<const char*>(&length), sizeof length);
    file << header << std::string(kBytes, '\0');
  }
  // Of files: the third number, in pages.
  const auto mapped_bytes = [] {
    std::ifstream statistics("/proc/self/statm");
    std::size_t size = 0, resident = 0, shared = 0;
    statistics >> size >> resident >> shared;
    return static_cast<double>(shared) * static_cast<double>(::sysconf(_SC_PAGESIZE));
  };
  const Checkpoint checkpoint = Checkpoint::open(path);
  const double before = mapped_bytes();
  CHECK(checkpoint.tensors().front().to_bytes().size() == kBytes);
  CHECK(mapped_bytes() - before > 0.9 * kBytes);
  checkpoint.forget_bytes();
  CHECK(mapped_bytes() - before < 0.1 * kBytes);
  CHECK(read_parameter(checkpoint, checkpoint.tensors().front()).numel() == kBytes / 4);
  CHECK(mapped_bytes() - before < 0.1 * kBytes);
  CHECK(checkpoint.sha256().size() == 64);
  CHECK(mapped_bytes() - before < 0.1 * kBytes);
}
#endif

TEST_CASE("checkpoint: several threads read one deflated file alike") {
  const Checkpoint checkpoint = Checkpoint::open(golden_file("zip_deflated.pth"));
  const Checkpoint plain = Checkpoint::open(golden_file("zip_protocol2.pth"));
  std::vector<int> wrong(4, -1);
  std::vector<std::thread> threads;
  for (int& mine : wrong) {
    threads.emplace_back([&] {
      mine = 0;
      for (int round = 0; round < 50; ++round) {
        for (const StoredTensor& tensor : plain.tensors()) {
          mine += checkpoint.find(tensor.name())->to_bytes() != tensor.to_bytes();
        }
        mine += checkpoint.sha256().size() != 64;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const int count : wrong) CHECK(count == 0);
}

TEST_CASE("checkpoint: a hash in the file's name is verified") {
  const test::TemporaryFolder folder;
  const auto source = golden_file("zip_protocol2.pth");
  const std::string hash = Checkpoint::open(source).sha256();
  CHECK_FALSE(Checkpoint::open(source).name_hash());
  for (const auto& [promised, kept] :
       {std::pair(hash.substr(0, 8), true), std::pair(std::string("0123abcd"), false)}) {
    const auto copy = folder.path() / ("net-" + promised + ".pth");
    std::filesystem::copy_file(source, copy);
    const auto found = Checkpoint::open(copy).name_hash();
    REQUIRE(found);
    CHECK(found->promised == promised);
    CHECK(found->kept == kept);
  }
}

TEST_CASE("checkpoint: what is no regular file is refused") {
  const test::TemporaryFolder folder;
  CHECK(refusal([&] { Checkpoint::open(folder.path()); }).find("is a directory") != std::string::npos);
  CHECK(refusal([&] { Checkpoint::open(folder.path() / "none.pth"); }).find("No such file") !=
        std::string::npos);
}

TEST_CASE("checkpoint: the published CIFAR ResNets are read") {
  const std::filesystem::path folder = std::filesystem::path(BACKLIGHT_SHARED_DATA) / "checkpoints";
  if (!std::filesystem::exists(folder)) return test::skip("the shared data is not here");
  struct Real {
    const char* file;
    std::size_t tensors;
    std::int64_t parameters;
  };
  for (const Real& real :
       {Real{"resnet20-12fca82f.th", 97, 269'722}, Real{"resnet32-d509ac18.th", 157, 464'154}}) {
    const Checkpoint checkpoint = Checkpoint::open(folder / real.file);
    CHECK(checkpoint.container() == Container::torch_legacy);
    CHECK(checkpoint.prefix() == "module.");
    CHECK(checkpoint.candidates()[*checkpoint.chosen()].path == "state_dict");
    CHECK(checkpoint.name_hash()->kept);
    REQUIRE(find_published(checkpoint.sha256()) != nullptr);
    CHECK(find_published(checkpoint.sha256())->file == real.file);
    std::int64_t parameters = 0;
    for (const StoredTensor& tensor : checkpoint.tensors()) {
      const bool buffer = tensor.name().find("running_") != std::string::npos;
      if (!buffer && is_floating(tensor.dtype())) parameters += tensor.numel();
    }
    CHECK(checkpoint.tensors().size() == real.tensors);
    CHECK(parameters == real.parameters);
  }
}
