#include "weights/numpy_array.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "weights/torch_archive.hpp"

namespace backlight::weights {
namespace {

/// The name of what a node calls, without the package in which NumPy keeps it.
std::string_view numpy_function(const Pickle& pickle, PickleId id) {
  const PickleNode& node = pickle[id];
  if (node.kind != PickleKind::call || pickle[node.items[0]].kind != PickleKind::global) return {};
  const std::string_view name = pickle[node.items[0]].text;
  for (const std::string_view package : {"numpy.core.", "numpy._core.", "numpy."})
    if (name.starts_with(package)) return name.substr(package.size());
  return {};
}

/// The values that describe one array.
struct Described {
  std::vector<std::int64_t> shape;
  PickleId dtype, data;
  bool column_major = false;
};

struct ElementType {
  StoredType type;
  bool big_endian;
};

template <class... Parts>
[[noreturn]] void refuse(const std::string& name, const Parts&... parts) {
  throw Error(ErrorKind::bad_input, "NumPy array \"", name, "\" ", parts...);
}

const std::vector<PickleId>& tuple_of(const Pickle& pickle, PickleId id, std::size_t least,
                                      const std::string& name) {
  const PickleNode& node = pickle[id];
  if (node.kind != PickleKind::tuple || node.items.size() < least)
    refuse(name, "is described by something else than a tuple of ", least);
  return node.items;
}

std::vector<std::int64_t> shape_at(const Pickle& pickle, PickleId id, const std::string& name) {
  std::vector<std::int64_t> shape;
  for (const PickleId extent : tuple_of(pickle, id, 0, name))
    shape.push_back(integer_at(pickle, extent, "extent of a NumPy array"));
  return shape;
}

Described describe(const Pickle& pickle, PickleId id, const std::string& name) {
  const std::string_view function = numpy_function(pickle, id);
  const std::vector<PickleId>& call = pickle[id].items;
  if (function == "multiarray.scalar") {
    const auto& two = tuple_of(pickle, call[1], 2, name);
    return {{}, two[0], two[1]};
  }
  if (function == "numeric._frombuffer") {
    const auto& four = tuple_of(pickle, call[1], 4, name);
    return {shape_at(pickle, four[2], name), four[1], four[0], pickle[four[3]].text == "F"};
  }
  if (call.size() < 3) refuse(name, "has no content");
  const auto& state = tuple_of(pickle, call[2], 5, name);
  return {shape_at(pickle, state[1], name), state[2], state[4],
          pickle[state[3]].kind == PickleKind::boolean && pickle[state[3]].integer != 0};
}

/// `numpy.dtype('f4', False, True)` with the state `(3, '<', …)`, whose second says the byte order.
ElementType element_type(const Pickle& pickle, PickleId id, const std::string& name) {
  struct Known {
    std::string_view name;
    StoredType type;
  };
  static constexpr std::array<Known, 10> kKnown = {{{"f8", StoredType::f64},
                                                    {"f4", StoredType::f32},
                                                    {"f2", StoredType::f16},
                                                    {"i8", StoredType::i64},
                                                    {"i4", StoredType::i32},
                                                    {"i2", StoredType::i16},
                                                    {"i1", StoredType::i8},
                                                    {"u1", StoredType::u8},
                                                    {"b1", StoredType::bool_},
                                                    {"?", StoredType::bool_}}};
  if (numpy_function(pickle, id) != "dtype") refuse(name, "has no dtype");
  const std::vector<PickleId>& call = pickle[id].items;
  const PickleNode& type = pickle[tuple_of(pickle, call[1], 1, name)[0]];
  const auto* const known = std::ranges::find(kKnown, type.text, &Known::name);
  if (type.kind != PickleKind::string || known == kKnown.end())
    throw Error(ErrorKind::unsupported, "NumPy array \"", name, "\" has the type ", printable(type.text),
                ", which is not read; save it as float32");
  const bool big = call.size() > 2 && pickle[tuple_of(pickle, call[2], 2, name)[1]].text == ">";
  return {known->type, big};
}

/// Bytes of text in which every character up to 255 stands for a byte, as UTF-8 has it: protocol 2 has no
/// other way to write them. Nothing where the text has other characters.
std::optional<std::vector<std::byte>> from_latin1(std::string_view text) {
  std::vector<std::byte> out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto lead = static_cast<unsigned char>(text[i]);
    if (lead < 0x80) {
      out.push_back(std::byte{lead});
      continue;
    }
    if ((lead != 0xc2 && lead != 0xc3) || i + 1 == text.size()) return std::nullopt;
    const auto next = static_cast<unsigned char>(text[++i]);
    if ((next & 0xc0) != 0x80) return std::nullopt;
    out.push_back(std::byte((lead & 3) << 6 | (next & 0x3f)));
  }
  return out;
}

SharedBytes data_at(const Pickle& pickle, PickleId id, const std::string& name, const SharedBytes& input) {
  const PickleNode& node = pickle[id];
  // Python 2 wrote bytes as strings.
  if (node.kind == PickleKind::bytes || node.kind == PickleKind::string)
    return {input.owner, std::as_bytes(std::span(node.text))};
  if (node.kind == PickleKind::call && pickle[node.items[0]].kind == PickleKind::global) {
    const std::string_view function = pickle[node.items[0]].text;
    const auto& arguments = tuple_of(pickle, node.items[1], 0, name);
    if (function.ends_with(".bytes") && arguments.empty()) return {};
    if (function == "_codecs.encode" && arguments.size() == 2) {
      auto decoded = from_latin1(pickle[arguments[0]].text);
      if (decoded) {
        const auto owner = std::make_shared<const std::vector<std::byte>>(std::move(*decoded));
        return {owner, *owner};
      }
    }
  }
  refuse(name, "has a content that is not bytes");
}

}  // namespace

NumpyKind numpy_kind(const Pickle& pickle, PickleId id) {
  const std::string_view function = numpy_function(pickle, id);
  if (function == "multiarray.scalar") return NumpyKind::scalar;
  const bool array = function == "multiarray._reconstruct" || function == "numeric._frombuffer";
  return array ? NumpyKind::array : NumpyKind::none;
}

StoredTensor numpy_tensor(const Pickle& pickle, PickleId id, const std::string& name,
                          const SharedBytes& input) {
  const Described described = describe(pickle, id, name);
  const ElementType element = element_type(pickle, described.dtype, name);
  SharedBytes data = data_at(pickle, described.data, name, input);
  const std::vector<std::int64_t>& shape = described.shape;
  std::vector<std::int64_t> strides;
  if (described.column_major) {
    strides = row_major(std::vector(shape.rbegin(), shape.rend()));
    std::ranges::reverse(strides);
  } else {
    strides = row_major(shape);
  }
  auto storage = std::make_shared<Storage>();
  storage->size = data.bytes.size();
  storage->big_endian = element.big_endian;
  storage->read = [data] { return data; };
  StoredTensor tensor(name, shape, std::move(strides), 0, element.type, std::move(storage));
  if (tensor.bytes() != data.bytes.size())
    refuse(name, "should take ", tensor.bytes(), " bytes, but ", data.bytes.size(), " are there");
  return tensor;
}

}  // namespace backlight::weights
