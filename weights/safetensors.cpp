#include "weights/safetensors.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <unordered_set>

#include "engine/core/float16.hpp"
#include "engine/core/output_file.hpp"
#include "weights/names.hpp"

namespace backlight {
namespace {

constexpr std::array<const char*, 10> kNames = {"F64", "F32", "F16", "BF16", "I64",
                                                "I32", "I16", "I8",  "U8",   "BOOL"};

struct Planned {
  const TensorToWrite* tensor;
  StoredType dtype;
  std::vector<std::int64_t> shape;
  std::size_t bytes;
};

Planned plan(const TensorToWrite& tensor, StoredType floating) {
  if (const auto* const* stored = std::get_if<const StoredTensor*>(&tensor.source)) {
    const StoredType dtype = is_floating((*stored)->dtype()) ? floating : (*stored)->dtype();
    return {&tensor, dtype, (*stored)->shape(),
            static_cast<std::size_t>((*stored)->numel()) * size_of(dtype)};
  }
  const Tensor& values = *std::get<const Tensor*>(tensor.source);
  const auto extents = values.shape().extents();
  return {&tensor,
          floating,
          {extents.begin(), extents.end()},
          static_cast<std::size_t>(values.numel()) * size_of(floating)};
}

/// The JSON header, padded so that the data begins at a multiple of eight bytes.
std::string header_text(std::span<const Planned> plans,
                        const std::map<std::string, std::string>& metadata) try {
  std::string out = "{";
  if (!metadata.empty()) out += "\"__metadata__\":" + nlohmann::json(metadata).dump();
  std::size_t offset = 0;
  for (const Planned& planned : plans) {
    const nlohmann::ordered_json entry = {{"dtype", kNames[static_cast<std::size_t>(planned.dtype)]},
                                          {"shape", planned.shape},
                                          {"data_offsets", {offset, offset + planned.bytes}}};
    out += text(out.size() > 1 ? "," : "", nlohmann::json(planned.tensor->name).dump(), ":", entry.dump());
    offset += planned.bytes;
  }
  out += "}";
  out.resize((out.size() + 7) / 8 * 8, ' ');
  return out;
} catch (const nlohmann::json::exception&) {
  throw Error(ErrorKind::usage, "the metadata of a safetensors file must be UTF-8 text");
}

void write_floats(OutputFile& file, const std::string& name, std::span<const float> values,
                  StoredType dtype) {
  if (dtype == StoredType::f32) return file.write(std::as_bytes(values));
  const bool half = dtype == StoredType::f16;
  std::vector<std::uint16_t> rounded(std::min<std::size_t>(values.size(), 1 << 16));
  for (std::size_t done = 0; done < values.size(); done += rounded.size()) {
    const auto part = values.subspan(done, std::min(rounded.size(), values.size() - done));
    for (std::size_t i = 0; i < part.size(); ++i) {
      rounded[i] = half ? float_to_half(part[i]) : float_to_bfloat16(part[i]);
      const float back = half ? half_to_float(rounded[i]) : bfloat16_to_float(rounded[i]);
      if (std::isinf(back) && std::isfinite(part[i])) {
        throw Error(ErrorKind::bad_input, "tensor \"", name, "\" holds ", part[i],
                    ", which is too large for ", dtype, "; write ", half ? "bfloat16 or " : "", "float32");
      }
    }
    file.write(std::as_bytes(std::span(rounded).first(part.size())));
  }
}

void write_tensor(OutputFile& file, const TensorToWrite& tensor, StoredType dtype) {
  if (const auto* const* stored = std::get_if<const StoredTensor*>(&tensor.source)) {
    if (!is_floating(dtype)) return file.write((*stored)->to_bytes());
    return write_floats(file, tensor.name, (*stored)->to_f32().values(), dtype);
  }
  write_floats(file, tensor.name, std::get<const Tensor*>(tensor.source)->values(), dtype);
}

}  // namespace

void write_safetensors(const std::filesystem::path& path, std::span<const TensorToWrite> tensors,
                       const std::map<std::string, std::string>& metadata,
                       const SafetensorsOptions& options) {
  if (options.dtype != StoredType::f32 && options.dtype != StoredType::f16 &&
      options.dtype != StoredType::bf16) {
    throw Error(ErrorKind::usage, "safetensors are written in float32, float16 or bfloat16, not in ",
                options.dtype);
  }
  if (!options.overwrite && is_taken(path)) {
    throw Error(ErrorKind::usage, path.string(),
                ": exists already; give another name, or --force to replace it");
  }
  std::unordered_set<std::string> names;
  std::vector<Planned> plans;
  for (const TensorToWrite& tensor : tensors) {
    weights::check_tensor_name(tensor.name);
    if (tensor.name == "__metadata__" || !names.insert(tensor.name).second) {
      throw Error(ErrorKind::usage, "a file cannot hold two tensors called \"", tensor.name, "\"");
    }
    plans.push_back(plan(tensor, options.dtype));
  }
  // Larger elements first, so that every tensor is aligned to its own.
  std::stable_sort(plans.begin(), plans.end(),
                   [](const Planned& a, const Planned& b) { return size_of(a.dtype) > size_of(b.dtype); });
  const std::string header = header_text(plans, metadata);
  const std::uint64_t size = header.size();

  OutputFile file(path);
  file.write(std::as_bytes(std::span(&size, 1)));
  file.write(std::as_bytes(std::span(header)));
  for (const Planned& planned : plans) write_tensor(file, *planned.tensor, planned.dtype);
  file.sync();
  file.commit();
}

}  // namespace backlight
