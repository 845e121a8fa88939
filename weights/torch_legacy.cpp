// PyTorch before 1.6: five pickles (magic number, protocol version, system, the object, the list of storage
// keys), then for each key, in that order, an int64 element count and the elements.
#include <cstring>

#include "weights/torch_archive.hpp"

namespace backlight::weights {

TorchArchive read_torch_legacy(const std::shared_ptr<const FileBytes>& file, const CheckpointLimits& limits) {
  constexpr std::int64_t kProtocol = 1001;
  ByteReader reader(file->bytes(), "the checkpoint");
  unpickle(reader, limits);  // the magic number, by which the container was recognised
  const Pickle version = unpickle(reader, limits);
  if (const auto found = integer_at(version, version.root, "protocol version"); found != kProtocol) {
    throw Error(ErrorKind::unsupported, "a legacy checkpoint of protocol ", found, "; expected ", kProtocol);
  }
  unpickle(reader,
           limits);  // sizes of the C types of the writer's machine; storages are little-endian regardless
  TorchArchive archive;
  archive.input = {file, file->bytes()};
  archive.object = unpickle(reader, limits);
  const Pickle keys = unpickle(reader, limits);
  if (keys[keys.root].kind != PickleKind::list) {
    throw Error(ErrorKind::bad_input, "the checkpoint lists no storage keys behind its object");
  }

  // Only the persistent ids say how large the elements of a storage are.
  std::map<std::string, StorageId> ids;
  for (const PickleNode& node : archive.object.nodes) {
    if (node.kind != PickleKind::persistent) continue;
    const PickleNode& id = archive.object[node.items[0]];
    const bool of_storage = id.kind == PickleKind::tuple && id.items.size() >= 5 &&
                            archive.object[id.items[0]].kind == PickleKind::string &&
                            archive.object[id.items[0]].text == "storage";
    if (!of_storage) continue;  // ("module", …) carries source code of whole models
    StorageId storage = storage_id(archive.object, node.items[0]);
    const auto [at, added] = ids.emplace(storage.key, storage);
    if (!added && (at->second.dtype != storage.dtype || at->second.numel != storage.numel)) {
      throw Error(ErrorKind::bad_input, "storage ", printable(storage.key), " is said to hold ",
                  at->second.numel, " elements of ", at->second.dtype, " and also ", storage.numel, " of ",
                  storage.dtype);
    }
  }
  for (const PickleId id : keys[keys.root].items) {
    const std::string key = key_at(keys, id, "storage key");
    const auto known = ids.find(key);
    if (known == ids.end()) {
      throw Error(ErrorKind::bad_input, "storage ", printable(key),
                  " belongs to no tensor; its size is unknown");
    }
    const auto count = reader.read<std::int64_t>();
    if (count != known->second.numel) {
      throw Error(ErrorKind::bad_input, "storage ", printable(key), " begins with the element count ", count,
                  ", its tensors say ", known->second.numel);
    }
    auto storage = std::make_shared<Storage>();
    storage->size = storage_bytes(key, count, known->second.dtype, reader.remaining());
    storage->read = [content = SharedBytes{file, reader.take(storage->size)}] { return content; };
    if (!archive.storages.emplace(key, std::move(storage)).second) {
      throw Error(ErrorKind::bad_input, "storage ", printable(key), " is listed twice");
    }
  }
  if (reader.remaining() != 0) {
    throw Error(ErrorKind::bad_input, reader.remaining(), " bytes stand behind the last storage");
  }
  return archive;
}

}  // namespace backlight::weights
