// What the commands say of tensors that a network does not use, and of files that hold several networks.
#include <doctest/doctest.h>

#include "tools/program.hpp"
#include "weights/safetensors.hpp"

using namespace backlight;
using namespace backlight::test;

namespace {

/// The parameters of the test network behind each prefix, with other tensors of four zeros beside them.
std::string write_weights(const Workspace& work, const std::vector<std::string>& prefixes,
                          const std::vector<std::string>& others = {}) {
  const Network network = test_network();
  const Tensor other = Tensor::zeros({4});
  std::vector<TensorToWrite> list;
  for (const std::string& prefix : prefixes)
    for (const auto& p : network.parameters()) list.push_back({prefix + p.name, p.tensor});
  for (const std::string& name : others) list.push_back({name, &other});
  write_safetensors(work.str("weights.safetensors"), list, cifar10_names());
  return work.str("weights.safetensors");
}

}  // namespace

TEST_CASE("unused tensors: those that would compute end every command but inspect, until told to go on") {
  const Workspace work;
  const std::string picture = work.picture("a.png"), plain = work.network();
  const std::string net = write_weights(work, {""}, {"layer1.0.ca.fc1.weight", "attn.weight"});
  const Json json = work.run_json({"inspect", net});
  CHECK(json["unexpected"] == Json({"layer1.0.ca.fc1.weight", "attn.weight"}));
  CHECK(contains(json["refused"].get<std::string>(), "inside its own modules: layer1.0.ca.fc1.weight"));
  CHECK(contains(work.run({"inspect", net}).out, "--ignore-unused"));
  for (const std::vector<std::string>& command : {std::vector<std::string>{"classify", picture},
                                                  {"explain", picture, "--out", work.str("out")},
                                                  {"layers"}}) {
    std::vector<std::string> arguments = command;
    arguments.insert(arguments.end(), {"--weights", net});
    const ProcessResult refused = work.run(arguments);
    CHECK(refused.exit_code == 4);
    CHECK(refused.out.empty());
    CHECK(contains(refused.err, "beside it: attn.weight"));
    arguments.push_back("--ignore-unused");
    const Json document = work.run_json(arguments);
    const Json& left_out = command.front() == "layers" ? document["left_out"] : document["model"]["left_out"];
    CHECK(left_out == json["unexpected"]);
  }
  CHECK(work.run_json({"classify", picture, "--weights", net, "--ignore-unused"})["images"] ==
        work.run_json({"classify", picture, "--weights", plain})["images"]);
}

TEST_CASE("unused tensors: those that compute nothing are left out with a line and in the documents") {
  const Workspace work;
  const std::string picture = work.picture("a.png");
  const std::string net = write_weights(work, {"module."}, {"n_averaged", "aux1.fc.weight"});
  const Json left_out = {"n_averaged", "aux1.fc.weight"};
  const ProcessResult text = work.run({"classify", picture, "--weights", net});
  CHECK(text.exit_code == 0);
  CHECK(contains(text.err, "2 unused tensors (n_averaged, aux1.fc.weight) left out"));
  CHECK(work.run({"classify", picture, "--weights", net, "-q"}).err.empty());
  CHECK(work.run_json({"classify", picture, "--weights", net})["model"]["left_out"] == left_out);
  CHECK(work.run_json({"layers", "--weights", net})["left_out"] == left_out);
  const Json inspected = work.run_json({"inspect", net});
  CHECK(inspected["left_out"] == left_out);
  CHECK(inspected["refused"].is_null());
  CHECK(inspected["prefix"] == "module.");
}

TEST_CASE("prefix: every command chooses one of several networks and the message lists them") {
  const Workspace work;
  const std::string picture = work.picture("a.png"), plain = work.network();
  const std::string net = write_weights(work, {"student.", "teacher."});
  const ProcessResult several = work.run({"classify", picture, "--weights", net});
  CHECK(several.exit_code == 2);
  CHECK(contains(several.err, "\"student.\" (97 tensors), \"teacher.\" (97 tensors); choose with --prefix"));
  CHECK(work.run_json({"inspect", net})["networks"].size() == 2);
  CHECK(work.run({"layers", "--weights", net, "--prefix", "pupil"}).exit_code == 2);
  const Json images = work.run_json({"classify", picture, "--weights", plain})["images"];
  CHECK(work.run_json({"classify", picture, "--weights", net, "--prefix", "student"})["images"] == images);
  CHECK(work.run_json({"inspect", net, "--prefix", "student"})["tensor_count"] == 97);
  CHECK(work.run_json({"inspect", net, "--prefix", "student"})["left_out"].size() == 97);
  REQUIRE(work.run({"convert", net, "-o", work.str("one.safetensors"), "--prefix", "teacher."}).exit_code ==
          0);
  CHECK(work.run_json({"classify", picture, "--weights", work.str("one.safetensors")})["images"] == images);
}
