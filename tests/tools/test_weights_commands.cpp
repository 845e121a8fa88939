#include <doctest/doctest.h>

#include <algorithm>

#include "support/skip.hpp"
#include "tools/program.hpp"

using namespace backlight;
using namespace backlight::test;

TEST_CASE("layers: every node has its name and kind and shape and use") {
  const Workspace work;
  const Json json = work.run_json({"layers", "--model", "resnet18"});
  CHECK(json["schema"] == "backlight.layers");
  CHECK(json["architecture"] == "resnet18");
  CHECK(json["input_shape"] == Json({1, 3, 224, 224}));
  CHECK(json["parameters"] == 11689512);
  std::int64_t parameters = 0;
  int defaults = 0;
  for (const Json& layer : json["layers"]) {
    parameters += layer["parameters"].get<std::int64_t>();
    CHECK(layer["grad_cam"].get<bool>() == layer["obstacle"].is_null());
    defaults += static_cast<int>(layer["default_of"].size());
    if (layer["name"] == "conv1") {
      CHECK(layer["kind"] == "conv2d");
      CHECK(layer["shape"] == Json({1, 64, 112, 112}));
      CHECK(layer["parameters"] == 9408);
      CHECK(layer["grad_cam"] == true);
    }
    if (layer["name"] == "fc") CHECK(layer["grad_cam"] == false);
  }
  CHECK(parameters == 11689512);
  CHECK(defaults == 4);

  const ProcessResult text = work.run({"layers", "--model", "resnet18", "--input-size", "448"});
  CHECK(text.exit_code == 0);
  CHECK(contains(text.out, "1×64×224×224"));
  CHECK(contains(text.out, "pytorch-grad-cam"));
}

TEST_CASE("layers: without a name it shows the network that explain takes") {
  const Workspace work;
  CHECK(work.run_json({"layers"})["architecture"] == "efficientnet_lite0");
  CHECK(contains(work.run({"explain", work.picture("a.png")}).err, "no weights of efficientnet_lite0"));
}

TEST_CASE("layers: says why presets look where they do") {
  const Workspace work;
  const auto reason_at = [&](const std::string& model, const std::string& preset) {
    const Json json = work.run_json({"layers", "--model", model});
    for (const Json& layer : json["layers"]) {
      const auto presets = layer["default_of"].get<std::vector<std::string>>();
      CHECK(layer["default_reason"].is_null() == presets.empty());
      if (std::ranges::find(presets, preset) != presets.end())
        return layer["name"].get<std::string>() + ": " + layer["default_reason"].get<std::string>();
    }
    return std::string("nowhere");
  };
  CHECK(reason_at("efficientnet_lite0", "pytorch-grad-cam") ==
        "_swish_1: the activation that the head pools");
  CHECK(reason_at("resnet18", "torch-cam") == "layer4.1.relu_1: the activation that the head pools");
  CHECK(reason_at("vgg11", "paper") == "features.19: the activation that the head pools");
  CHECK(reason_at("vgg11", "pytorch-grad-cam") == "features.20: the pooling where the package looks");
  CHECK(reason_at("squeezenet1_1", "pytorch-grad-cam") ==
        "features.12.cat: the features below the classes' maps");
  CHECK(reason_at("squeezenet1_1", "torch-cam") == "classifier.2: the activation that the head pools");
  CHECK(contains(work.run({"layers", "--model", "resnet18"}).out, "the activation that the head pools"));
}

TEST_CASE("layers: what only a file of weights can have is refused without one") {
  const Workspace work;
  for (const std::vector<std::string>& option :
       {std::vector<std::string>{"--key", "ema"}, {"--prefix", "student."}, {"--ignore-unused"}}) {
    std::vector<std::string> arguments{"layers", "--model", "resnet18"};
    arguments.insert(arguments.end(), option.begin(), option.end());
    const ProcessResult result = work.run(arguments);
    CHECK(result.exit_code == 2);
    CHECK(contains(result.err, option.front()));
    CHECK(contains(result.err, "--weights"));
  }
}

TEST_CASE("layers: a file of weights gives its own number of classes") {
  const Workspace work;
  const Json json = work.run_json({"layers", "--weights", work.network()});
  CHECK(json["architecture"] == "resnet20_cifar");
  CHECK(json["input_shape"] == Json({1, 3, 32, 32}));
  CHECK(json["layers"].back()["shape"] == Json({1, 10}));
}

TEST_CASE("layers: every format says what a layer does and what runs as one") {
  const Workspace work;
  const auto printed = [&](const std::string& format) {
    const ProcessResult result = work.run({"layers", "--model", "resnet18", "--format", format});
    CHECK(result.exit_code == 0);
    CHECK(result.err.empty());
    return result.out;
  };
  const std::string table = printed("text"), document = printed("json"), graph = printed("dot");
  CHECK(table == work.run({"layers", "--model", "resnet18"}).out);
  CHECK(document == work.run({"layers", "--model", "resnet18", "--json"}).out);
  CHECK(document == work.run({"layers", "--model", "resnet18", "--json", "--format", "json"}).out);

  CHECK(contains(table, "fused into"));
  const Json layers = Json::parse(document)["layers"];
  const auto layer = [&](const std::string& name) {
    return *std::ranges::find_if(layers, [&](const Json& one) { return one["name"] == name; });
  };
  CHECK(layer("conv1")["attributes"] == Json{{"kernel", {7, 7}},
                                             {"stride", {2, 2}},
                                             {"dilation", {1, 1}},
                                             {"padding", {3, 3, 3, 3}},
                                             {"same", false},
                                             {"groups", 1}});
  CHECK(layer("conv1")["inputs"] == Json({"input"}));
  CHECK(layer("conv1")["fused_into"].is_null());
  CHECK(layer("bn1")["fused_into"] == "relu");
  CHECK(layer("layer1.0.bn2")["fused_into"] == "layer1.0.relu_1");
  CHECK(layer("layer1.0.add")["fused_into"] == "layer1.0.relu_1");
  CHECK(layer("layer1.0.add")["inputs"] == Json({"layer1.0.bn2", "maxpool"}));
  CHECK(layer("layer4.1.relu_1")["cam_features"] == true);
  CHECK(layer("layer4.1.add")["cam_features"] == false);

  CHECK(graph.starts_with("digraph {\n"));
  CHECK(graph.ends_with("}\n"));
  CHECK(contains(
      graph,
      R"(  n1 [label="conv1\nconv2d, kernel 7×7, stride 2×2, padding 3\n1×64×112×112\n9408 parameters"];)"));
  CHECK(contains(graph, "  n0 -> n1;\n"));
  CHECK(contains(graph, R"(fused into layer1.0.relu_1")"));
  CHECK(
      contains(graph, R"(Grad-CAM's default: paper, pytorch-grad-cam, captum, torch-cam\nCAM's features")"));
}

TEST_CASE("layers: formats that contradict each other or do not exist are refused") {
  const Workspace work;
  for (const std::string format : {"text", "dot"}) {
    const ProcessResult result = work.run({"layers", "--json", "--format", format});
    CHECK(result.exit_code == 2);
    CHECK(result.out.empty());
    CHECK(contains(result.err, "--json and --format " + format + " contradict each other"));
  }
  const ProcessResult unknown = work.run({"layers", "--format", "dott"});
  CHECK(unknown.exit_code == 2);
  CHECK(contains(unknown.err, "unknown format 'dott'"));
  CHECK(contains(unknown.err, "did you mean \"dot\""));
}

TEST_CASE("inspect: the document has every promised member") {
  const Workspace work;
  const std::string net = work.network();
  const Json json = work.run_json({"inspect", net});
  CHECK(json["schema"] == "backlight.inspect");
  CHECK(json["file"] == net);
  CHECK(json["bytes"] == fs::file_size(net));
  CHECK(json["container"] == "safetensors");
  CHECK(json["sha256"].get<std::string>().size() == 64);
  CHECK(json["name_hash"].is_null());
  CHECK(json["published"].is_null());
  REQUIRE(json["dictionaries"].size() == 1);
  CHECK(json["dictionaries"][0]["chosen"] == true);
  CHECK(json["architectures"] == Json({"resnet20_cifar"}));
  CHECK(json["classes"] == 10);
  CHECK(json["card"]["scores"] == "softmax");
  CHECK(json["tensors"].size() == json["tensor_count"]);
  CHECK(json["tensors"][0] == Json{{"name", "conv1.weight"}, {"shape", {16, 3, 3, 3}}, {"dtype", "float32"}});
  CHECK(work.run_json({"inspect", net, "--limit", "3"})["tensors"].size() == 3);

  const ProcessResult text = work.run({"inspect", net, "--limit", "2"});
  CHECK(text.exit_code == 0);
  CHECK(contains(text.out, "16×3×3×3"));
  CHECK(contains(text.out, "softmax"));
  CHECK(contains(text.out, "more (--limit 0 lists all)"));
}

TEST_CASE("inspect: the hash of a name is checked against the content") {
  const std::string file = std::string(BACKLIGHT_SHARED_DATA) + "/checkpoints/resnet20-12fca82f.th";
  if (!fs::exists(file)) return skip("the CIFAR checkpoints are not there");
  const Workspace work;
  const Json json = work.run_json({"inspect", file});
  CHECK(json["container"] == "PyTorch (legacy)");
  CHECK(json["name_hash"] == Json{{"promised", "12fca82f"}, {"kept", true}});
  CHECK(json["prefix"] == "module.");
  CHECK(json["dictionaries"][0]["key"] == "state_dict");
  CHECK(json["architectures"] == Json({"resnet20_cifar"}));

  const std::string lie = work.str("resnet20-deadbeef.th");
  fs::copy_file(file, lie);
  CHECK(work.run_json({"inspect", lie})["name_hash"]["kept"] == false);
  CHECK(contains(work.run({"inspect", lie}).out, "promises deadbeef"));
}

TEST_CASE("inspect: what is no file of weights is said to be what it is") {
  const Workspace work;
  const ProcessResult picture = work.run({"inspect", work.picture("a.png")});
  CHECK((picture.exit_code == 3 || picture.exit_code == 4));
  CHECK(contains(picture.err, "a.png"));
  CHECK(work.run({"inspect", work.str("missing")}).exit_code == 3);
  CHECK(work.run({"inspect", work.file("empty", "")}).exit_code == 3);
  const ProcessResult folder = work.run({"inspect", "/"});
  CHECK(folder.exit_code == 3);
}

TEST_CASE("convert: a converted file classifies with the same bits and says where it is from") {
  const Workspace work;
  const std::string net = work.network(), picture = work.picture("a.png"), out = work.str("copy.safetensors");
  const ProcessResult first = work.run({"convert", net, "-o", out});
  CHECK(first.exit_code == 0);
  CHECK(first.out.empty());
  const Json copy = work.run_json({"inspect", out}), source = work.run_json({"inspect", net});
  CHECK(copy["metadata"]["backlight.architecture"] == "resnet20_cifar");
  CHECK(copy["metadata"]["source_sha256"] == source["sha256"]);
  CHECK(contains(copy["metadata"]["converted_by"].get<std::string>(), "backlight"));
  CHECK(copy["tensors"] == source["tensors"]);
  CHECK(work.run_json({"classify", picture, "--weights", out})["images"] ==
        work.run_json({"classify", picture, "--weights", net})["images"]);

  const ProcessResult again = work.run({"convert", net, "-o", out});
  CHECK(again.exit_code == 2);
  CHECK(contains(again.err, "--force"));
  CHECK(work.run({"convert", net, "-o", out, "--force"}).exit_code == 0);
  CHECK(work.run({"convert", net, "-o", "/proc/no/such.safetensors"}).exit_code == 5);
  const ProcessResult folder = work.run({"convert", net, "-o", work.str("")});
  CHECK(folder.exit_code == 2);
  CHECK(contains(folder.err, "is a folder"));
}

TEST_CASE("convert: names and preprocessing that it is told need no option afterwards") {
  const Workspace work;
  const std::string net = work.network(), picture = work.picture("a.png"), out = work.str("own.safetensors");
  const std::string labels = work.file("ten.txt", "ant\nbee\ncow\ndog\nelk\nfox\ngnu\nhen\nibis\njay\n");
  const std::vector<std::string> told = {"--labels",      labels,         "--mean",          "0.5,0.4,0.3",
                                         "--std",         "0.2,0.2,0.25", "--input-size",    "40",
                                         "--resize-size", "44",           "--interpolation", "bicubic"};
  const auto with = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.end(), told.begin(), told.end());
    return arguments;
  };
  REQUIRE(work.run(with({"convert", net, "-o", out})).exit_code == 0);
  const Json by_options = work.run_json(with({"classify", picture, "--weights", net}));
  const Json by_file = work.run_json({"classify", picture, "--weights", out});
  CHECK(by_file["images"] == by_options["images"]);
  CHECK(by_options["model"]["labels_from"] == "option");
  CHECK(by_file["model"]["labels_from"] == "metadata");
  CHECK(by_file["preprocessing"]["interpolation"] == "bicubic");
  CHECK(by_file["preprocessing"]["from"]["mean"] == "metadata");
  CHECK(by_options["preprocessing"]["from"]["mean"] == "option");
  const Json facts = work.run_json({"inspect", out});
  CHECK(facts["metadata"]["backlight.input_size"] == "40");
  CHECK(facts["card"]["labels"][2] == "cow");
  CHECK(facts["refused"].is_null());
  CHECK(contains(work.run({"inspect", out}).out, "ant, bee, cow, dog, elk …"));

  CHECK(
      work.run({"convert", net, "-o", work.str("b"), "--labels", work.file("two.txt", "a\nb\n")}).exit_code ==
      3);
  CHECK(work.run({"convert", net, "-o", work.str("b"), "--std", "1,0,1"}).exit_code == 2);
  CHECK(work.run({"convert", net, "-o", work.str("b"), "--model", "resnet18"}).exit_code == 3);
  CHECK(work.run({"convert", net, "-o", work.str("b"), "--model", "resnet"}).exit_code == 2);
  CHECK(work.run({"convert", net, "-o", work.str("b"), "--resize-size", "8"}).exit_code == 2);
  CHECK_FALSE(fs::exists(work / "b"));
}

TEST_CASE("convert: half precision halves the file and is still recognised") {
  const Workspace work;
  const std::string net = work.network(), picture = work.picture("a.png");
  for (const auto& [name, type] : {std::pair("f16", "float16"), std::pair("bf16", "bfloat16")}) {
    const std::string out = work.str(std::string(name) + ".safetensors");
    REQUIRE(work.run({"convert", net, "-o", out, "--dtype", name}).exit_code == 0);
    CHECK(work.run_json({"inspect", out})["tensors"][0]["dtype"] == type);
    CHECK(fs::file_size(out) < fs::file_size(net) * 6 / 10);
    CHECK(work.run_json({"classify", picture, "--weights", out})["model"]["architecture"] ==
          "resnet20_cifar");
  }
}

TEST_CASE("convert: a PyTorch checkpoint becomes safetensors that explain the same") {
  const std::string file = std::string(BACKLIGHT_SHARED_DATA) + "/checkpoints/resnet20-12fca82f.th";
  if (!fs::exists(file)) return skip("the CIFAR checkpoints are not there");
  const Workspace work;
  const std::string out = work.str("r20.safetensors"), picture = work.picture("a.png");
  REQUIRE(work.run({"convert", file, "-o", out}).exit_code == 0);
  const auto results = [&](const std::string& weights, const std::string& folder) {
    Json list = work.run_json({"explain", picture, "--weights", weights, "--format", "npy", "--out", folder});
    return read_text(list["images"][0]["results"][0]["files"]["npy"].get<std::string>());
  };
  CHECK(results(file, work.str("a")) == results(out, work.str("b")));
}
