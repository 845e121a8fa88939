#include "weights/safetensors_read.hpp"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "weights/byte_reader.hpp"
#include "weights/names.hpp"
#include "weights/pickle.hpp"

namespace backlight::weights {
namespace {

using Json = nlohmann::json;

constexpr std::array<NamedType, 10> kTypes = {{{"F64", StoredType::f64},
                                               {"F32", StoredType::f32},
                                               {"F16", StoredType::f16},
                                               {"BF16", StoredType::bf16},
                                               {"I64", StoredType::i64},
                                               {"I32", StoredType::i32},
                                               {"I16", StoredType::i16},
                                               {"I8", StoredType::i8},
                                               {"U8", StoredType::u8},
                                               {"BOOL", StoredType::bool_}}};

struct FileEntry {
  std::string name;
  std::string dtype;
  std::vector<std::int64_t> shape, offsets;
  bool has_shape = false, has_offsets = false;
};

template <class... Parts>
[[noreturn]] void bad_header(const Parts&... parts) {
  throw Error(ErrorKind::bad_input, "damaged safetensors header: ", parts...);
}

/// Takes the header's events as they come: two levels of objects and the arrays `shape` and `data_offsets`.
/// Nothing is built that the format does not have, so depth and size are bounded by the header itself.
class HeaderReader {
 public:
  std::vector<FileEntry> entries;
  std::map<std::string, std::string> metadata;

  bool start_object(std::size_t) {
    if (array_) unexpected("an object");
    if (level_ == 0 || (level_ == 1 && !key_.empty())) {
      ++level_;
      fields_.clear();
      return true;
    }
    unexpected("an object");
  }
  bool end_object() {
    if (level_ == 2 && !in_metadata_) {
      const FileEntry& entry = entries.back();
      if (entry.dtype.empty() || !entry.has_shape || !entry.has_offsets) {
        bad_header("tensor \"", printable(entry.name), "\" lacks dtype, shape or data_offsets");
      }
    }
    in_metadata_ = false;
    key_.clear();
    --level_;
    return true;
  }
  bool key(std::string& name) {
    if (level_ == 1) {
      if (!names_.insert(name).second) bad_header("\"", printable(name), "\" appears twice");
      key_ = name;
      in_metadata_ = name == "__metadata__";
      if (!in_metadata_) {
        check_tensor_name(name);
        entries.push_back({name, {}, {}, {}});
      }
      return true;
    }
    if (!fields_.insert(name).second)
      bad_header("\"", printable(name), "\" appears twice in \"", printable(key_), "\"");
    if (!in_metadata_ && name != "dtype" && name != "shape" && name != "data_offsets") {
      bad_header("tensor \"", printable(key_), "\" has the unknown field \"", printable(name), "\"");
    }
    field_ = name;
    return true;
  }
  bool string(std::string& value) {
    if (level_ != 2 || array_) unexpected("a string");
    if (in_metadata_) {
      metadata[field_] = value;
    } else if (field_ == "dtype") {
      entries.back().dtype = value;
    } else {
      unexpected("a string");
    }
    return true;
  }
  bool start_array(std::size_t) {
    if (level_ != 2 || in_metadata_ || array_ || field_ == "dtype") unexpected("an array");
    const bool shape = field_ == "shape";
    array_ = shape ? &entries.back().shape : &entries.back().offsets;
    (shape ? entries.back().has_shape : entries.back().has_offsets) = true;
    return true;
  }
  bool end_array() {
    array_ = nullptr;
    return true;
  }
  bool number_unsigned(Json::number_unsigned_t value) {
    if (!array_) unexpected("a number");
    if (!std::in_range<std::int64_t>(value)) bad_header("the number ", value, " is too large");
    array_->push_back(static_cast<std::int64_t>(value));
    return true;
  }
  bool number_integer(Json::number_integer_t) { unexpected("a negative number"); }
  bool number_float(Json::number_float_t, const std::string&) { unexpected("a fraction"); }
  bool null() { unexpected("null"); }
  bool boolean(bool) { unexpected("a truth value"); }
  bool binary(Json::binary_t&) { unexpected("binary data"); }
  bool parse_error(std::size_t position, const std::string&, const Json::exception&) {
    bad_header("no JSON at its byte ", position);
  }

 private:
  [[noreturn]] void unexpected(const char* what) const {
    bad_header(what, " at \"", printable(key_), level_ == 2 ? "." : "", level_ == 2 ? printable(field_) : "",
               "\"");
  }

  int level_ = 0;
  bool in_metadata_ = false;
  std::string key_, field_;
  std::unordered_set<std::string> names_, fields_;
  std::vector<std::int64_t>* array_ = nullptr;
};

StoredType type_of(const FileEntry& entry) {
  const auto found = std::find_if(kTypes.begin(), kTypes.end(),
                                  [&](const NamedType& type) { return type.name == entry.dtype; });
  if (found == kTypes.end()) {
    throw Error(ErrorKind::unsupported, "tensor \"", entry.name, "\" has the dtype ", printable(entry.dtype),
                ", which is not read; save the model in F32");
  }
  return found->type;
}

}  // namespace

SafetensorsContents read_safetensors(const std::shared_ptr<const FileBytes>& file,
                                     const CheckpointLimits& limits) {
  ByteReader reader(file->bytes(), "the safetensors file");
  const auto header_size = reader.read<std::uint64_t>();
  if (header_size > limits.safetensors_header) {
    bad_header("it would take ", header_size, " bytes; at most ", limits.safetensors_header, " are read");
  }
  const std::string_view header = reader.take_text(header_size);
  if (!header.starts_with('{')) bad_header("it does not begin with {");
  HeaderReader events;
  Json::sax_parse(header.begin(), header.end(), &events);

  std::stable_sort(events.entries.begin(), events.entries.end(),
                   [](const FileEntry& a, const FileEntry& b) { return a.offsets < b.offsets; });
  SafetensorsContents out;
  std::int64_t end = 0;
  const std::span<const std::byte> data = file->bytes().subspan(reader.position());
  for (FileEntry& entry : events.entries) {
    const StoredType type = type_of(entry);
    if (entry.offsets.size() != 2) bad_header("tensor \"", entry.name, "\" has not two data_offsets");
    const std::int64_t first = entry.offsets[0], last = entry.offsets[1];
    if (first != end || last < first) {
      bad_header("the bytes of tensor \"", entry.name, "\" are [", first, ", ", last,
                 "), expected to begin at ", end, ": a hole or an overlap");
    }
    if (static_cast<std::uint64_t>(last) > data.size()) {
      throw Error(ErrorKind::bad_input, "truncated: tensor \"", entry.name, "\" ends at byte ", last,
                  " of the data, of which ", data.size(), " are there; download it again");
    }
    end = last;
    auto storage = std::make_shared<Storage>();
    storage->size = static_cast<std::size_t>(last - first);
    storage->read = [content = SharedBytes{file, data.subspan(static_cast<std::size_t>(first),
                                                              storage->size)}] { return content; };
    std::vector<std::int64_t> strides = row_major(entry.shape);
    const std::size_t size = storage->size;
    StoredTensor tensor(std::move(entry.name), std::move(entry.shape), std::move(strides), 0, type,
                        std::move(storage));
    if (tensor.bytes() != size) {
      bad_header("tensor \"", tensor.name(), "\" takes ", tensor.bytes(), " bytes by its shape and ", size,
                 " by its data_offsets");
    }
    out.tensors.push_back(std::move(tensor));
  }
  if (static_cast<std::uint64_t>(end) != data.size()) {
    throw Error(ErrorKind::bad_input,
                "damaged safetensors file: ", data.size() - static_cast<std::size_t>(end),
                " bytes stand behind the last tensor");
  }
  out.metadata = std::move(events.metadata);
  return out;
}

}  // namespace backlight::weights
