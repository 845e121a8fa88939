#include "engine/runtime/cuda/library.hpp"

#include <dlfcn.h>

#include "engine/core/error.hpp"

namespace backlight::cuda {
namespace {

std::string version_of(std::size_t number) {
  return text(number / 10000, ".", number / 100 % 100, ".", number % 100);
}

}  // namespace

Library::Library(std::string_view name, const std::string& file, const std::string& folder) : name_(name) {
  handle_ = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle_) return;
  std::string why = dlerror();
  if (!folder.empty()) {
    handle_ = dlopen((folder + "/" + file).c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle_) return;
    why += text("; ", dlerror());
  }
  throw Error(ErrorKind::resources, name, " cannot be loaded (", why,
              "): install it, name its folder in LD_LIBRARY_PATH, or use the device cpu");
}

void* Library::find(const char* symbol) const {
  if (void* address = dlsym(handle_, symbol)) return address;
  throw Error(ErrorKind::resources, "the installed ", name_, " has no function ", symbol,
              ": install a newer one, or use the device cpu");
}

void require_version(std::string_view name, std::size_t found, std::size_t major, std::size_t least) {
  if (found / 10000 == major && found >= least) return;
  throw Error(ErrorKind::resources, "the installed ", name, " is ", version_of(found), ", expected ",
              version_of(least), " or a later one of ", major, ".x: install one, or use the device cpu");
}

}  // namespace backlight::cuda
