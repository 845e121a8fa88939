#include "tools/c/boundary.hpp"

#include <new>

namespace backlight::c {
namespace {

/// Plain bytes, so that nothing is left to do when a thread ends or the library is unloaded.
constinit thread_local char last_error[1024] = "";

void remember(const char* message) {
  std::size_t size = std::strlen(message);
  if (size >= sizeof last_error) {
    size = sizeof last_error - 1;
    while (size > 0 && (message[size] & 0xC0) == 0x80) --size;  // not within a character
  }
  std::memcpy(last_error, message, size);
  last_error[size] = '\0';
}

/// The values are the same (backlight.h, error.hpp).
static_assert(BL_INTERNAL == static_cast<int>(ErrorKind::internal) &&
              BL_USAGE == static_cast<int>(ErrorKind::usage) &&
              BL_BAD_INPUT == static_cast<int>(ErrorKind::bad_input) &&
              BL_UNSUPPORTED == static_cast<int>(ErrorKind::unsupported) &&
              BL_RESOURCES == static_cast<int>(ErrorKind::resources));

/// No struct grows this large: what is larger was not set.
constexpr std::size_t kLargestStruct = 4096;

}  // namespace

bl_status caught() noexcept {
  try {
    throw;
  } catch (const Error& error) {
    remember(error.what());
    return static_cast<bl_status>(error.kind());
  } catch (const std::bad_alloc&) {
    remember("out of memory");
    return BL_RESOURCES;
  } catch (const std::exception& error) {
    remember(error.what());
  } catch (...) {
    remember("an exception of unknown kind");
  }
  return BL_INTERNAL;
}

void forget_message() noexcept { last_error[0] = '\0'; }

void require(const void* argument, const char* name) {
  if (!argument) throw Error(ErrorKind::usage, name, " is NULL");
}

void require_struct_size(std::size_t size, std::size_t known, const char* name) {
  // Every struct is still as it was in the first version. Sizes are multiples of what their members stand at.
  if (size < known || size > kLargestStruct || size % alignof(std::size_t) != 0)
    throw Error(ErrorKind::usage, name, "->struct_size is ", size, ": expected the size of the struct, ",
                known, " here; set it with sizeof");
}

void require_zeros(const unsigned char* begin, std::size_t count, const char* name) {
  if (std::any_of(begin, begin + count, [](unsigned char byte) { return byte != 0; }))
    throw Error(ErrorKind::unsupported, name, " sets members that a newer backlight.h has and backlight ",
                bl_version(), " does not know; use a newer library");
}

}  // namespace backlight::c

const char* bl_last_error(void) { return backlight::c::last_error; }
