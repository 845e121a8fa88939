// PyTorch 1.6 and later: a zip archive with `<stem>/data.pkl` and one member `<stem>/data/<key>` per storage.
#include <algorithm>

#include "weights/torch_archive.hpp"
#include "weights/zip.hpp"

namespace backlight::weights {
namespace {

/// The one folder that holds data.pkl directly; explains archives of other programs.
std::string find_stem(const ZipArchive& zip) {
  std::vector<std::string> stems;
  bool arrays = false, packages = false, keras = false;
  for (const ZipMember& member : zip.members()) {
    const std::string_view name = member.name;
    const std::size_t slash = name.find('/');
    if (slash != std::string_view::npos && slash > 0 && name.substr(slash) == "/data.pkl") {
      stems.emplace_back(name.substr(0, slash));
    }
    arrays = arrays || name.ends_with(".npy");
    packages = packages || name.ends_with(".dist-info/WHEEL");
    keras = keras || name == "model.weights.h5";
  }
  if (stems.size() > 1) {
    throw Error(ErrorKind::bad_input, "an archive with ", stems.size(), " members data.pkl (in ",
                printable(stems[0]), " and ", printable(stems[1]), "); readers disagree on which one counts");
  }
  if (stems.size() == 1) return stems[0];
  const char* what =
      arrays     ? "NumPy's .npz arrays; in Python: torch.save({k: torch.from_numpy(v) for k, v in "
                   "numpy.load(\"FILE\").items()}, \"weights.pth\")"
      : packages ? "a Python package; unzip it and give the file of weights inside"
      : keras    ? "a Keras model; convert it to PyTorch or safetensors first"
                 : "a zip archive of something else; if it contains a file of weights, unzip it first";
  throw Error(ErrorKind::unsupported, "is not a PyTorch checkpoint (no member <name>/data.pkl): ", what);
}

}  // namespace

TorchArchive read_torch_zip(const std::shared_ptr<const FileBytes>& file, const CheckpointLimits& limits) {
  const auto zip = std::make_shared<const ZipArchive>(file, limits);
  const std::string stem = find_stem(*zip);
  const bool script = std::any_of(zip->members().begin(), zip->members().end(), [&](const ZipMember& member) {
    return member.name == stem + "/constants.pkl" || member.name.starts_with(stem + "/code/");
  });
  if (script) {
    throw Error(ErrorKind::unsupported,
                "is a TorchScript archive (torch.jit.save): a program, not a state dict. ",
                "In Python: torch.save(torch.jit.load(\"FILE\").state_dict(), \"weights.pth\")");
  }
  bool big_endian = false;
  if (const ZipMember* order = zip->find(stem + "/byteorder")) {
    const SharedBytes content = zip->read(*order);
    const std::string_view word = as_text(content.bytes);
    if (word != "little" && word != "big") {
      throw Error(ErrorKind::bad_input, "member byteorder says \"", printable(word),
                  "\"; expected little or big");
    }
    big_endian = word == "big";
  }
  const ZipMember& pickled = *zip->find(stem + "/data.pkl");
  if (pickled.size > limits.pickle_bytes) {
    throw Error(ErrorKind::bad_input, "data.pkl takes ", pickled.size, " bytes; at most ",
                limits.pickle_bytes, " are read");
  }
  TorchArchive archive;
  archive.input = zip->read(pickled);
  ByteReader reader(archive.input.bytes, "data.pkl");
  archive.object = unpickle(reader, limits);
  if (reader.remaining() != 0) {
    throw Error(ErrorKind::bad_input, "data.pkl goes on for ", reader.remaining(), " bytes after its end");
  }
  const std::string folder = stem + "/data/";
  for (const ZipMember& member : zip->members()) {
    if (!member.name.starts_with(folder) || member.name.size() == folder.size()) continue;
    auto storage = std::make_shared<Storage>();
    storage->size = member.size;
    storage->big_endian = big_endian;
    storage->read = [zip, &member] { return zip->read(member); };
    archive.storages.emplace(member.name.substr(folder.size()), std::move(storage));
  }
  return archive;
}

}  // namespace backlight::weights
