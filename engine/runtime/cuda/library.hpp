// A shared library of NVIDIA's that is loaded when a device is first asked for. They are large, and a machine
// that computes on the CPU need not have them.
#pragma once

#include <string>
#include <string_view>

namespace backlight::cuda {

/// Loaded once and for good: what a library leaves running may need it until the process ends.
class Library {
 public:
  /// `file` is sought where the system seeks libraries, then in `folder`, where it lay when this was built.
  /// Throws Error(resources) that calls it `name`, gives the system's reasons and says what to do.
  Library(std::string_view name, const std::string& file, const std::string& folder);

  /// The function `symbol`, of the type F. Throws Error(resources) where the library has none.
  template <class F>
  F function(const char* symbol) const {
    return reinterpret_cast<F>(find(symbol));
  }

 private:
  void* find(const char* symbol) const;

  std::string name_;
  void* handle_ = nullptr;
};

/// Throws Error(resources) unless `found` is of the release `major` and at least `least`; all as the library
/// counts, 10000 · major + 100 · minor + patch.
void require_version(std::string_view name, std::size_t found, std::size_t major, std::size_t least);

}  // namespace backlight::cuda
