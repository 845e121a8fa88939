// The oldest torch.save: a tar archive with `storages`, `tensors` and `pickle`. Files of other writers have
// no `tensors` and no list of views: their pickle rebuilds tensors from storages, as later containers do.
#include "weights/tar.hpp"
#include "weights/torch_archive.hpp"

namespace backlight::weights {
namespace {

std::span<const PickleId> three(const Pickle& pickle, PickleId id) {
  const PickleNode& node = pickle[id];
  if (node.kind != PickleKind::tuple || node.items.size() != 3) {
    throw Error(ErrorKind::bad_input, "the tar archive's index holds no triple where one is expected");
  }
  return node.items;
}

std::int64_t read_count(ByteReader& reader, const CheckpointLimits& limits) {
  const Pickle pickle = unpickle(reader, limits);
  const std::int64_t count = integer_at(pickle, pickle.root, "count");
  if (count < 0 || static_cast<std::uint64_t>(count) > limits.zip_entries) {
    throw Error(ErrorKind::bad_input, "the tar archive announces ", count, " items; at most ",
                limits.zip_entries, " are read");
  }
  return count;
}

struct TypedStorage {
  std::shared_ptr<const Storage> bytes;
  StoredType dtype;
};

std::map<std::string, TypedStorage> read_storages(const std::shared_ptr<const FileBytes>& file,
                                                  std::span<const std::byte> member,
                                                  const CheckpointLimits& limits) {
  std::map<std::string, TypedStorage> storages;
  ByteReader reader(member, "member storages");
  const auto add = [&](const std::string& key, SharedBytes content, StoredType dtype) {
    auto storage = std::make_shared<Storage>();
    storage->size = content.bytes.size();
    storage->read = [content = std::move(content)] { return content; };
    if (!storages.emplace(key, TypedStorage{std::move(storage), dtype}).second) {
      throw Error(ErrorKind::bad_input, "storage ", printable(key), " is listed twice");
    }
  };
  for (std::int64_t i = read_count(reader, limits); i > 0; --i) {
    const Pickle item = unpickle(reader, limits);  // (key, location, type)
    const auto parts = three(item, item.root);
    const StoredType dtype = storage_type(item, parts[2]);
    const std::string key = key_at(item, parts[0], "storage key");
    const auto count = reader.read<std::int64_t>();
    const std::size_t size = storage_bytes(key, count, dtype, reader.remaining());
    add(key, {file, reader.take(size)}, dtype);
  }
  if (reader.remaining() == 0) return storages;
  const Pickle views = unpickle(reader, limits);  // [(key, key of the whole, offset, elements)]
  if (views[views.root].kind != PickleKind::list) {
    throw Error(ErrorKind::bad_input, "member storages ends with no list of views");
  }
  for (const PickleId view : views[views.root].items) {
    const std::vector<PickleId>& parts = views[view].items;
    if (views[view].kind != PickleKind::tuple || parts.size() != 4) {
      throw Error(ErrorKind::bad_input, "member storages holds no view of a storage where one is expected");
    }
    const auto whole = storages.find(key_at(views, parts[1], "storage key"));
    const auto offset = integer_at(views, parts[2], "view offset"),
               count = integer_at(views, parts[3], "view size");
    if (whole == storages.end()) throw Error(ErrorKind::bad_input, "a view of a storage that is not there");
    const auto [bytes, dtype] = whole->second;
    const auto elements = static_cast<std::int64_t>(bytes->size / size_of(dtype));
    if (offset < 0 || count < 0 || offset > elements || count > elements - offset) {
      throw Error(ErrorKind::bad_input, "a view of ", count, " elements from ", offset,
                  " lies beyond its storage of ", elements);
    }
    const SharedBytes content = bytes->read();
    add(key_at(views, parts[0], "storage key"),
        {file, content.bytes.subspan(static_cast<std::size_t>(offset) * size_of(dtype),
                                     static_cast<std::size_t>(count) * size_of(dtype))},
        dtype);
  }
  return storages;
}

std::map<std::string, StoredTensor> read_tensors(std::span<const std::byte> member,
                                                 const std::map<std::string, TypedStorage>& storages,
                                                 const CheckpointLimits& limits) {
  std::map<std::string, StoredTensor> tensors;
  ByteReader reader(member, "member tensors");
  for (std::int64_t i = read_count(reader, limits); i > 0; --i) {
    const Pickle item = unpickle(reader, limits);  // (key, storage key, type)
    const auto parts = three(item, item.root);
    const std::string key = key_at(item, parts[0], "tensor key");
    const auto storage = storages.find(key_at(item, parts[1], "storage key"));
    if (storage == storages.end()) {
      throw Error(ErrorKind::bad_input, "tensor ", printable(key),
                  " needs a storage that the file does not hold");
    }
    const auto rank = reader.read<std::int32_t>();
    reader.take(4);
    if (rank < 0 || static_cast<std::uint64_t>(rank) > reader.remaining() / 16) {
      throw Error(ErrorKind::bad_input, "tensor ", printable(key), " is said to have ", rank, " dimensions");
    }
    std::vector<std::int64_t> shape, strides;
    for (std::int32_t d = 0; d < rank; ++d) shape.push_back(reader.read<std::int64_t>());
    for (std::int32_t d = 0; d < rank; ++d) strides.push_back(reader.read<std::int64_t>());
    const auto offset = reader.read<std::int64_t>();
    StoredTensor tensor(printable(key), std::move(shape), std::move(strides), offset, storage->second.dtype,
                        storage->second.bytes);
    if (!tensors.emplace(key, std::move(tensor)).second) {
      throw Error(ErrorKind::bad_input, "tensor ", printable(key), " is listed twice");
    }
  }
  return tensors;
}

}  // namespace

TorchArchive read_torch_tar(const std::shared_ptr<const FileBytes>& file, const CheckpointLimits& limits) {
  const auto members = read_tar(file->bytes());
  for (const char* name : {"storages", "pickle"}) {
    if (!members.contains(name)) {
      throw Error(ErrorKind::unsupported, "is a tar archive without the member \"", name,
                  "\": not a PyTorch checkpoint. If it contains a file of weights, unpack it first");
    }
  }
  const auto storages = read_storages(file, members.at("storages"), limits);
  TorchArchive archive;
  archive.input = {file, file->bytes()};
  for (const auto& [key, storage] : storages) archive.storages.emplace(key, storage.bytes);
  if (const auto tensors = members.find("tensors"); tensors != members.end())
    archive.tensors = read_tensors(tensors->second, storages, limits);
  ByteReader object(members.at("pickle"), "member pickle");
  archive.object = unpickle(object, limits);
  return archive;
}

}  // namespace backlight::weights
