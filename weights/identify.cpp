#include "weights/identify.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <string_view>

#include "weights/pickle.hpp"
#include "weights/tar.hpp"

namespace backlight::weights {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kExpected =
    "; expected a checkpoint of PyTorch (torch.save of a state dict) or a safetensors file";

struct Signature {
  std::size_t offset;
  std::string_view bytes;
  const char* what;
  const char* remedy;
};

constexpr std::array<Signature, 17> kForeign = {{
    {0, "\x1f\x8b"sv, "a gzip-compressed file", "unpack it first: gunzip FILE"},
    {0, "BZh"sv, "a bzip2-compressed file", "unpack it first: bunzip2 FILE"},
    {0,
     "\xfd"
     "7zXZ\0"sv,
     "an xz-compressed file", "unpack it first: unxz FILE"},
    {0, "\x28\xb5\x2f\xfd"sv, "a zstd-compressed file", "unpack it first: unzstd FILE"},
    {0, "7z\xbc\xaf\x27\x1c"sv, "a 7-Zip archive", "unpack it first: 7z x FILE"},
    {0, "version https://git-lfs"sv, "a Git LFS pointer, not the file itself",
     "fetch the content: git lfs pull"},
    {0, "\x89HDF\r\n\x1a\n"sv, "an HDF5 file (Keras, TensorFlow)",
     "convert the model to PyTorch or safetensors first"},
    {4, "TFL3"sv, "a TensorFlow Lite model", "take the PyTorch weights of the model instead"},
    {0, "GGUF"sv, "a GGUF file of a language model", "take the PyTorch weights of the model instead"},
    {0, "MATLAB 5.0 MAT-file"sv, "a MATLAB file (MatConvNet)",
     "in Python: read it with scipy.io.loadmat and torch.save the arrays under PyTorch's names"},
    {0, "\x12\x01\0\0\0\0\0\0"sv, "a file of MXNet's parameters",
     "take the PyTorch weights of the model instead"},
    {0, "\x93NUMPY"sv, "a NumPy array",
     "in Python: torch.save({\"name\": torch.from_numpy(numpy.load(\"FILE\"))}, "
     "\"weights.pth\")"},
    {0, "\x89PNG"sv, "a PNG picture", "give the file of weights where weights are meant"},
    {0, "\xff\xd8\xff"sv, "a JPEG picture", "give the file of weights where weights are meant"},
    {0, "%PDF"sv, "a PDF document", "give the file of weights where weights are meant"},
    {0,
     "\x7f"
     "ELF"sv,
     "a program", "give the file of weights where weights are meant"},
    {0, "{"sv, "JSON text, perhaps a server's error message or the index of a model in several files",
     "download the file of weights itself"},
}};

bool begins(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() &&
         std::equal(prefix.begin(), prefix.end(), text.begin(),
                    [](char a, char b) { return a == std::tolower(static_cast<unsigned char>(b)); });
}

bool is_html(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front()))) text.remove_prefix(1);
  return begins(text, "<!doctype") || begins(text, "<html") || begins(text, "<?xml") || begins(text, "<head");
}

/// ModelProto: field 1 (ir_version, a small number), then producer_name (2), opset_import (8) or graph (7).
bool is_onnx(std::string_view text) {
  return text.size() > 4 && text[0] == 0x08 && text[1] > 0 && text[1] < 0x20 &&
         (text[2] == 0x12 || text[2] == 0x3a || text[2] == 0x42);
}

/// A tensor, a module or a table as torch.save of Lua writes it, in bytes or as text: its type (4 an object, 3 a table),
/// its index, then the version `V 1` of an object or how many entries a table has, whose first key is a number or a text.
bool is_torch7(std::string_view text) {
  constexpr std::string_view kFirst = "\1\0\0\0"sv;
  if (text.starts_with("4\n1\n3\nV 1\n")) return true;
  if (text.size() < 16 || text.substr(4, 4) != kFirst) return false;
  const std::string_view type = text.substr(0, 4);
  if (type == "\4\0\0\0"sv) return text.substr(8).starts_with("\3\0\0\0V 1"sv);
  return type == "\3\0\0\0"sv && (text.substr(12, 4) == kFirst || text.substr(12, 4) == "\2\0\0\0"sv);
}

/// NetParameter: its name (field 1), then layers (field 100, or 2 in the old form) or inputs (3).
bool is_caffe(std::string_view text) {
  if (text.size() < 4 || text[0] != 0x0a || text[1] < 1) return false;
  const auto name = static_cast<std::size_t>(text[1]);
  if (text.size() < name + 4 ||
      !std::ranges::all_of(text.substr(2, name), [](char c) { return c >= ' ' && c <= '~'; }))
    return false;
  const std::string_view next = text.substr(2 + name);
  return next.starts_with("\xa2\x06"sv) || next.front() == 0x12 || next.front() == 0x1a;
}

bool is_legacy_magic(const Pickle& pickle) {
  const PickleNode& root = pickle[pickle.root];
  return root.kind == PickleKind::big_integer && (root.text == "\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"sv ||
                                                  root.text == "119547037146038801333356"sv);
}

/// A file that begins as a pickle: the legacy container, or something that is no container of PyTorch.
Container identify_pickle(std::span<const std::byte> file, const CheckpointLimits& limits) {
  ByteReader reader(file, "the pickle");
  const Pickle first = unpickle(reader, limits);
  if (is_legacy_magic(first)) return Container::torch_legacy;
  const bool arrays = std::any_of(first.nodes.begin(), first.nodes.end(), [](const PickleNode& node) {
    return node.kind == PickleKind::global && node.text.starts_with("numpy.");
  });
  throw Error(ErrorKind::unsupported, "is a plain pickle", arrays ? " with NumPy arrays" : "",
              " (pickle.dump)", kExpected, ". In Python: torch.save(",
              arrays ? "{k: torch.from_numpy(v) for k, v in " : "", "pickle.load(open(\"FILE\", \"rb\"))",
              arrays ? ".items()}" : "", ", \"weights.pth\")");
}

}  // namespace

Container identify(std::span<const std::byte> file, const CheckpointLimits& limits) {
  if (file.empty()) throw Error(ErrorKind::bad_input, "is empty", kExpected, "; download it again");
  const std::string_view text = as_text(file.first(std::min<std::size_t>(file.size(), 4096)));
  if (text.starts_with("PK\x03\x04") || text.starts_with("PK\x05\x06")) return Container::torch_zip;
  const std::uint64_t header = file.size() > 8 ? ByteReader(file, "the file").read<std::uint64_t>() : 0;
  if (file.size() > 8 && text[8] == '{' && header <= limits.safetensors_header) return Container::safetensors;
  for (const Signature& known : kForeign) {
    if (text.size() >= known.offset && text.substr(known.offset).starts_with(known.bytes)) {
      throw Error(ErrorKind::unsupported, "is ", known.what, kExpected, ". Next step: ", known.remedy);
    }
  }
  if (is_html(text)) {
    throw Error(ErrorKind::unsupported, "is a web page, most likely a failed download", kExpected,
                ". Next step: download the file itself, e.g. with curl -L --fail");
  }
  if (is_tar(file)) return Container::torch_tar;
  if (is_torch7(text)) {
    throw Error(ErrorKind::unsupported, "is a file of Torch7 (.t7, Lua)", kExpected,
                ". Next step: take a conversion of the model to PyTorch, or read it with torch7 or "
                "Python's torchfile and torch.save its tensors under PyTorch's names");
  }
  constexpr std::string_view kMagicText = "L119547037146038801333356L\n";
  if (text[0] == '\x80' || text.starts_with(kMagicText)) return identify_pickle(file, limits);
  if (is_onnx(text)) {
    throw Error(ErrorKind::unsupported, "is an ONNX model", kExpected,
                ". Next step: take the PyTorch weights that it was exported from");
  }
  if (is_caffe(text)) {
    throw Error(ErrorKind::unsupported, "is a Caffe model (.caffemodel)", kExpected,
                ". Next step: take the PyTorch weights of the model, or convert its blobs to them");
  }
  if (file.size() > 8 && text[8] == '{') {
    throw Error(ErrorKind::bad_input, "is not a file of weights: as safetensors its header would take ",
                header, " bytes; at most ", limits.safetensors_header, " are read");
  }
  if (header > 0 && header <= file.size() - 8) {
    throw Error(ErrorKind::bad_input,
                "is not a file of weights: a safetensors header begins with {, this one with \"",
                printable(text.substr(8, 8)), "\"", kExpected);
  }
  throw Error(ErrorKind::bad_input, "is not a file of weights: it begins with \"",
              printable(text.substr(0, 16)), "\"", kExpected);
}

}  // namespace backlight::weights
