#include "weights/torch_archive.hpp"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "weights/listed.hpp"
#include "weights/names.hpp"
#include "weights/numpy_array.hpp"
#include "weights/unused.hpp"

namespace backlight::weights {
namespace {

constexpr int kDeepestStateDict = 8;
constexpr std::size_t kLongestPath = 512;

constexpr std::array<NamedType, 11> kStorages = {{{"DoubleStorage", StoredType::f64},
                                                  {"FloatStorage", StoredType::f32},
                                                  {"HalfStorage", StoredType::f16},
                                                  {"BFloat16Storage", StoredType::bf16},
                                                  {"LongStorage", StoredType::i64},
                                                  {"IntStorage", StoredType::i32},
                                                  {"ShortStorage", StoredType::i16},
                                                  {"CharStorage", StoredType::i8},
                                                  {"ByteStorage", StoredType::u8},
                                                  {"BoolStorage", StoredType::bool_},
                                                  {"UntypedStorage", StoredType::u8}}};

constexpr std::array<NamedType, 14> kDtypes = {{{"torch.float64", StoredType::f64},
                                                {"torch.double", StoredType::f64},
                                                {"torch.float32", StoredType::f32},
                                                {"torch.float", StoredType::f32},
                                                {"torch.float16", StoredType::f16},
                                                {"torch.half", StoredType::f16},
                                                {"torch.bfloat16", StoredType::bf16},
                                                {"torch.int64", StoredType::i64},
                                                {"torch.long", StoredType::i64},
                                                {"torch.int32", StoredType::i32},
                                                {"torch.int16", StoredType::i16},
                                                {"torch.int8", StoredType::i8},
                                                {"torch.uint8", StoredType::u8},
                                                {"torch.bool", StoredType::bool_}}};

bool is_rebuild(std::string_view global) {
  return global.starts_with("torch._utils._rebuild_") || global == "torch._tensor._rebuild_from_type_v2";
}

std::string_view callable_of(const Pickle& pickle, const PickleNode& node) {
  if (node.kind != PickleKind::call) return {};
  const PickleNode& callable = pickle[node.items[0]];
  return callable.kind == PickleKind::global ? callable.text : std::string_view{};
}

std::span<const PickleId> tuple_at(const Pickle& pickle, PickleId id, std::size_t least, const char* what) {
  const PickleNode& node = pickle[id];
  if (node.kind != PickleKind::tuple || node.items.size() < least) {
    throw Error(ErrorKind::bad_input, "the pickle holds no ", what, " where one is expected");
  }
  return node.items;
}

/// Sizes or strides: a tuple of integers, or torch.Size of one.
std::vector<std::int64_t> integers_at(const Pickle& pickle, PickleId id, const char* what) {
  if (callable_of(pickle, pickle[id]) == "torch.Size") id = tuple_at(pickle, pickle[id].items[1], 1, what)[0];
  std::vector<std::int64_t> values;
  for (const PickleId item : tuple_at(pickle, id, 0, what)) values.push_back(integer_at(pickle, item, what));
  return values;
}

}  // namespace

std::int64_t integer_at(const Pickle& pickle, PickleId id, const char* what) {
  if (pickle[id].kind != PickleKind::integer) {
    throw Error(ErrorKind::bad_input, "the pickle holds no ", what, " where one is expected");
  }
  return pickle[id].integer;
}

std::string key_at(const Pickle& pickle, PickleId id, const char* what) {
  if (pickle[id].kind == PickleKind::string) return std::string(pickle[id].text);
  if (pickle[id].kind == PickleKind::big_integer) {
    std::string digits;
    for (const char c : pickle[id].text) {
      digits += "0123456789abcdef"[static_cast<unsigned char>(c) >> 4];
      digits += "0123456789abcdef"[static_cast<unsigned char>(c) & 15];
    }
    return "long " + digits;
  }
  return std::to_string(integer_at(pickle, id, what));
}

StoredType storage_type(const Pickle& pickle, PickleId id) {
  if (pickle[id].kind != PickleKind::global) {
    throw Error(ErrorKind::bad_input, "the pickle names no storage type where one is expected");
  }
  const std::string_view name = pickle[id].text;
  const std::string_view last = name.substr(name.rfind('.') + 1);
  const auto found =
      std::find_if(kStorages.begin(), kStorages.end(), [&](const NamedType& t) { return t.name == last; });
  if (found == kStorages.end() || !name.starts_with("torch.")) {
    throw Error(ErrorKind::unsupported, "a storage of type ", printable(name),
                " (quantized, complex and 8-bit float types are not read); save the model in float32");
  }
  return found->type;
}

StorageId storage_id(const Pickle& pickle, PickleId id) {
  const auto items = tuple_at(pickle, id, 5, "storage id");
  if (pickle[items[0]].kind != PickleKind::string || pickle[items[0]].text != "storage") {
    throw Error(ErrorKind::bad_input, "a persistent id that is not of a storage");
  }
  StorageId out{key_at(pickle, items[2], "storage key"), storage_type(pickle, items[1]),
                integer_at(pickle, items[4], "storage size"), std::nullopt};
  if (items.size() > 5 && pickle[items[5]].kind != PickleKind::none) {
    const auto view = tuple_at(pickle, items[5], 3, "storage view");
    out.view = {integer_at(pickle, view[1], "view offset"), integer_at(pickle, view[2], "view size")};
  }
  return out;
}

std::size_t storage_bytes(std::string_view key, std::int64_t numel, StoredType dtype, std::size_t available) {
  if (numel < 0 || static_cast<std::uint64_t>(numel) > available / size_of(dtype)) {
    throw Error(ErrorKind::bad_input, "storage ", printable(key), " should hold ", numel, " elements of ",
                dtype, ", but ", available, " bytes are there: the file is truncated or damaged");
  }
  return static_cast<std::size_t>(numel) * size_of(dtype);
}

bool TorchArchive::is_tensor(PickleId id) const {
  const PickleNode& node = object[id];
  if (node.kind == PickleKind::persistent)
    return !tensors.empty() && object[node.items[0]].kind != PickleKind::tuple;
  return is_rebuild(callable_of(object, node)) || numpy_kind(object, id) == NumpyKind::array;
}

std::vector<TorchArchive::Found> TorchArchive::find_state_dicts() const {
  std::vector<Found> found;
  std::unordered_map<PickleId, std::size_t> index;
  std::unordered_set<PickleId> visited;
  struct Visit {
    PickleId id;
    std::string path;
    int depth;
  };
  std::vector<Visit> pending = {{object.root, "", 0}};
  while (!pending.empty()) {
    const Visit visit = std::move(pending.back());
    pending.pop_back();
    const PickleNode& node = object[visit.id];
    const bool first = visited.insert(visit.id).second;
    if (!first) {
      if (const auto at = index.find(visit.id); at != index.end())
        found[at->second].paths.push_back(visit.path);
      continue;
    }
    if (node.kind != PickleKind::dict && node.kind != PickleKind::list && node.kind != PickleKind::tuple)
      continue;
    const bool is_dict = node.kind == PickleKind::dict;
    std::size_t count = 0;
    std::vector<Visit> below;
    for (std::size_t i = 0; i < node.items.size(); i += is_dict ? 2 : 1) {
      const PickleId value = is_dict ? node.items[i + 1] : node.items[i];
      const PickleNode& key = object[node.items[i]];
      if (is_dict && key.kind != PickleKind::string) continue;
      if (is_tensor(value)) {
        count += is_dict ? 1 : 0;
        continue;
      }
      const PickleKind kind = object[value].kind;
      if (kind != PickleKind::dict && kind != PickleKind::list && kind != PickleKind::tuple) continue;
      std::string path = is_dict ? std::string(key.text) : std::to_string(i);
      if (visit.depth + 1 >= kDeepestStateDict || visit.path.size() + path.size() > kLongestPath) continue;
      if (!visit.path.empty()) path = visit.path + "." + path;
      below.push_back({value, std::move(path), visit.depth + 1});
    }
    if (count > 0) {
      index[visit.id] = found.size();
      found.push_back(
          {{{"", visit.id}}, {visit.path.empty() ? "." : visit.path}, count, count * 4 > node.items.size()});
    }
    pending.insert(pending.end(), std::make_move_iterator(below.rbegin()),
                   std::make_move_iterator(below.rend()));
  }
  join_modules(found);
  return found;
}

/// A dictionary of one module's own tensors, as in `{"fc": {"weight": …, "bias": …}}`.
bool TorchArchive::is_module(const Found& found) const {
  static constexpr std::array<std::string_view, 5> kOwn = {"weight", "bias", "running_mean", "running_var",
                                                           "num_batches_tracked"};
  const std::vector<PickleId>& items = object[found.parts.front().dict].items;
  for (std::size_t i = 0; i < items.size(); i += 2) {
    const PickleNode& key = object[items[i]];
    if (key.kind != PickleKind::string || std::ranges::find(kOwn, key.text) == kOwn.end()) return false;
  }
  return found.paths.size() == 1 && found.paths.front() != ".";
}

/// A state dict may be nested by modules: the dictionaries of several modules, where there are no others but
/// an optimiser's, become one whose keys are the paths below what all paths begin with.
void TorchArchive::join_modules(std::vector<Found>& found) const {
  const auto modules = std::ranges::stable_partition(
      found, [](const Found& each) { return !is_optimizer(each.paths.front()); });
  const std::span<Found> parts(found.begin(), modules.begin());
  if (parts.size() < 2 || !std::ranges::all_of(parts, [&](const Found& each) { return is_module(each); }))
    return;
  const std::string& first = parts.front().paths.front();
  std::string shared = first.substr(0, first.rfind('.') + 1);
  while (
      !std::ranges::all_of(parts, [&](const Found& each) { return each.paths.front().starts_with(shared); }))
    shared = shared.substr(0, shared.size() < 2 ? 0 : shared.rfind('.', shared.size() - 2) + 1);
  Found joined{{}, {shared.empty() ? "." : shared.substr(0, shared.size() - 1)}, 0, true};
  for (const Found& each : parts) {
    joined.parts.push_back({each.paths.front().substr(shared.size()) + ".", each.parts.front().dict});
    joined.tensors += each.tensors;
  }
  found.erase(found.begin(), modules.begin());
  found.insert(found.begin(), std::move(joined));
}

StoredTensor TorchArchive::rebuild(std::string_view function, std::span<const PickleId> arguments,
                                   const std::string& name) const {
  const bool v2 = function == "torch._utils._rebuild_tensor_v2",
             v3 = function == "torch._utils._rebuild_tensor_v3";
  if (!v2 && !v3 && function != "torch._utils._rebuild_tensor") {
    throw Error(
        ErrorKind::unsupported, "tensor \"", name, "\" is made by ", printable(function),
        " (quantized, sparse, meta and wrapper tensors are not read); save it as a dense float tensor");
  }
  if (arguments.size() < (v3 ? 7u : 4u)) {
    throw Error(ErrorKind::bad_input, "tensor \"", name, "\" is described by ", arguments.size(),
                " values only");
  }
  const PickleNode& source = object[arguments[0]];
  if (source.kind != PickleKind::persistent && source.kind != PickleKind::tuple) {
    throw Error(ErrorKind::bad_input, "tensor \"", name, "\" points to no storage");
  }
  // The last argument may carry the lazy negation and conjugation of a view.
  const std::size_t metadata = v3 ? 7 : 6;
  if (function != "torch._utils._rebuild_tensor" && arguments.size() > metadata) {
    const PickleNode& bits = object[arguments[metadata]];
    if (bits.kind != PickleKind::none && !bits.items.empty()) {
      throw Error(ErrorKind::unsupported, "tensor \"", name,
                  "\" is a lazily negated or conjugated view; save a clone()");
    }
  }
  // Some writers put the storage's id where others refer to it.
  const StorageId id = storage_id(object, source.kind == PickleKind::tuple ? arguments[0] : source.items[0]);
  const auto whole = storages.find(id.key);
  if (whole == storages.end()) {
    throw Error(ErrorKind::bad_input, "tensor \"", name, "\" needs storage ", printable(id.key),
                ", which the file does not hold: it is truncated or damaged");
  }
  std::shared_ptr<const Storage> storage = whole->second;
  if (storage_bytes(id.key, id.numel, id.dtype, storage->size) != storage->size) {
    throw Error(ErrorKind::bad_input, "storage ", printable(id.key), " takes ", storage->size,
                " bytes, but tensor \"", name, "\" says that it holds ", id.numel, " elements of ", id.dtype);
  }
  std::int64_t offset = integer_at(object, arguments[1], "storage offset");
  if (id.view) {
    const auto [begin, count] = *id.view;
    if (begin < 0 || count < 0 || begin > id.numel || count > id.numel - begin) {
      throw Error(ErrorKind::bad_input, "tensor \"", name, "\": a view of ", count, " elements from ", begin,
                  " lies beyond its storage of ", id.numel);
    }
    auto part = std::make_shared<Storage>();
    part->size = static_cast<std::size_t>(count) * size_of(id.dtype);
    part->big_endian = storage->big_endian;
    part->read = [storage, at = static_cast<std::size_t>(begin) * size_of(id.dtype), size = part->size] {
      SharedBytes bytes = storage->read();
      return SharedBytes{std::move(bytes.owner), bytes.bytes.subspan(at, size)};
    };
    storage = std::move(part);
  }
  StoredType dtype = id.dtype;
  if (v3) {
    const PickleNode& type = object[arguments[6]];
    const auto known = std::find_if(kDtypes.begin(), kDtypes.end(), [&](const NamedType& t) {
      return type.kind == PickleKind::global && t.name == type.text;
    });
    if (known == kDtypes.end()) {
      throw Error(ErrorKind::unsupported, "tensor \"", name, "\" has the type ", printable(type.text),
                  ", which is not read; save the model in float32");
    }
    dtype = known->type;
  }
  return StoredTensor(name, integers_at(object, arguments[2], "tensor size"),
                      integers_at(object, arguments[3], "tensor stride"), offset, dtype, std::move(storage));
}

StoredTensor TorchArchive::tensor_at(PickleId id, const std::string& name, int depth) const {
  constexpr int kMostWrappers = 4;
  const PickleNode& node = object[id];
  if (node.kind == PickleKind::persistent) {
    const auto found = tensors.find(key_at(object, node.items[0], "tensor key"));
    if (found != tensors.end()) return found->second.renamed(name);
    throw Error(ErrorKind::bad_input, "tensor \"", name, "\" is not among the tensors of the file");
  }
  if (numpy_kind(object, id) != NumpyKind::none) return numpy_tensor(object, id, name, input);
  const std::string_view function = callable_of(object, node);
  if (!is_rebuild(function) || depth > kMostWrappers) {
    throw Error(ErrorKind::unsupported, "entry \"", name, "\" is not a tensor that can be read");
  }
  const auto arguments = tuple_at(object, node.items[1], 1, "tensor description");
  if (function == "torch._utils._rebuild_parameter" ||
      function == "torch._utils._rebuild_parameter_with_state" ||
      function == "torch._utils._rebuild_device_tensor_from_numpy") {
    return tensor_at(arguments[0], name, depth + 1);
  }
  if (function == "torch._tensor._rebuild_from_type_v2") {
    const auto four = tuple_at(object, node.items[1], 4, "tensor description");
    const PickleNode& inner = object[four[0]];
    if (inner.kind != PickleKind::global)
      throw Error(ErrorKind::bad_input, "tensor \"", name, "\" is made by no function");
    return rebuild(inner.text, tuple_at(object, four[2], 1, "tensor description"), name);
  }
  return rebuild(function, arguments, name);
}

TorchArchive::StateDict TorchArchive::read_state_dict(const Found& found) const {
  StateDict out;
  std::unordered_set<std::string> seen;
  for (const auto& [prefix, dict] : found.parts) {
    const std::vector<PickleId>& items = object[dict].items;
    for (std::size_t i = 0; i < items.size(); i += 2) {
      const PickleNode& key = object[items[i]];
      if (key.kind != PickleKind::string) continue;
      check_tensor_name(key.text);
      const std::string name = prefix + std::string(key.text);
      if (!seen.insert(name).second) {
        throw Error(ErrorKind::bad_input, "the key \"", name, "\" stands twice in one dictionary");
      }
      const PickleNode& value = object[items[i + 1]];
      if (is_tensor(items[i + 1]) || numpy_kind(object, items[i + 1]) == NumpyKind::scalar) {
        out.tensors.push_back(tensor_at(items[i + 1], name, 0));
      } else if (value.kind == PickleKind::call || value.kind == PickleKind::persistent) {
        throw Error(ErrorKind::unsupported, "entry \"", name, "\" of the state dict is an object (",
                    printable(callable_of(object, value)), "), not a tensor; remove it before saving");
      } else {
        out.others.push_back(name);
      }
    }
  }
  return out;
}

std::string TorchArchive::explain_absence() const {
  const std::string remedy =
      "In Python, with the code that defines the model: torch.save(model.state_dict(), \"weights.pth\")";
  const PickleNode& root = object[object.root];
  for (const PickleNode& node : object.nodes) {
    if (node.kind == PickleKind::global && node.text.starts_with("torch.nn.")) {
      const std::string_view made = callable_of(object, root);
      return text("holds a whole pickled model (", printable(made.empty() ? node.text : made),
                  "), which only Python can rebuild; expected a state dict. ", remedy);
    }
  }
  if (is_tensor(object.root))
    return "holds a single tensor; expected a dictionary of named tensors. " + remedy;
  if (root.kind == PickleKind::call) {
    return text("holds an object of ", printable(callable_of(object, root)),
                ", which only Python can rebuild; ", "expected a dictionary of named tensors. ", remedy);
  }
  const auto quoted = [](const std::string& key) { return text("\"", printable(key), "\""); };
  if (root.kind != PickleKind::dict) return "holds no dictionary of named tensors. " + remedy;
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < root.items.size(); i += 2) {
    if (object[root.items[i]].kind == PickleKind::string) keys.emplace_back(object[root.items[i]].text);
  }
  return text("holds no tensors by name; its top level has ", root.items.size() / 2, " entries",
              keys.empty() ? "" : ": " + listed(keys, 6, quoted), ". ", remedy);
}

}  // namespace backlight::weights
