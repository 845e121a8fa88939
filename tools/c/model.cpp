#include "tools/c/model.hpp"

#include "engine/core/version.hpp"
#include "tools/c/boundary.hpp"

namespace backlight::c {
namespace {

constexpr std::int32_t kMostThreads = 1024;

std::string text_of(const char* option) { return option ? option : ""; }

/// `open` gives the checkpoint for options of its own.
template <class Open>
bl_status open_model(const bl_open_options* options, bl_model** out, const Open& open) {
  return guarded([&] {
    require(out, "out");
    *out = nullptr;
    const bl_open_options asked = options ? taken(options, "options") : bl_open_options{};
    if (asked.threads < 0 || asked.threads > kMostThreads)
      throw Error(ErrorKind::usage, "options->threads is ", asked.threads, ": expected 0 to ", kMostThreads);
    const cpu::Isa isa = cpu::isa_named(asked.isa ? asked.isa : "auto");
    cpu::require_available(isa);
    const Checkpoint checkpoint = open({.key = text_of(asked.key), .prefix = text_of(asked.prefix)});
    Model model = load_model(checkpoint, {.model = text_of(asked.architecture),
                                          .ignore_unused = asked.ignore_unused != 0,
                                          .labels = text_of(asked.labels)});
    std::string assumptions;
    for (const std::string& assumption : model.assumptions) assumptions += assumption + "\n";
    *out = new bl_model{std::move(model), asked.threads, isa, std::move(assumptions)};
  });
}

}  // namespace
}  // namespace backlight::c

using namespace backlight;
using namespace backlight::c;

int bl_abi_version(void) { return BL_ABI_VERSION; }

const char* bl_version(void) { return version().data(); }

bl_status bl_model_open(const char* path, const bl_open_options* options, bl_model** out) {
  return open_model(options, out, [&](const CheckpointOptions& how) {
    require(path, "path");
    return Checkpoint::open(path, how);
  });
}

bl_status bl_model_open_memory(const void* content, size_t size, const char* name,
                               const bl_open_options* options, bl_model** out) {
  return open_model(options, out, [&](const CheckpointOptions& how) {
    require(content, "content");
    require(name, "name");
    return Checkpoint::open(std::span(static_cast<const std::byte*>(content), size), name, how);
  });
}

void bl_model_free(bl_model* model) { delete model; }

bl_status bl_model_get_info(const bl_model* model, bl_model_info* out) {
  return guarded([&] {
    require(model, "model");
    const Model& of = model->model;
    give({.struct_size = 0,
          .architecture = of.info.name.c_str(),
          .default_layer = of.info.default_layers.of(Preset::pytorch_grad_cam).c_str(),
          .weights_sha256 = of.weights_sha256.c_str(),
          .assumptions = model->assumptions.c_str(),
          .classes = std::ssize(of.labels),
          .input_size = of.info.preprocessing.input_size,
          .input_channels = of.info.preprocessing.channels},
         out, "out");
  });
}

const char* bl_model_class_name(const bl_model* model, int64_t index) {
  if (!model || index < 0 || index >= std::ssize(model->model.labels)) return nullptr;
  return model->model.labels[static_cast<std::size_t>(index)].c_str();
}
