// What the tests of CUDA ask of errors.
#pragma once

#include <doctest/doctest.h>

#include <string>

#include "engine/core/error.hpp"
#include "support/contains.hpp"

namespace backlight::test {

/// What the error says that `fn` throws; fails when it throws none of this kind.
template <class Fn>
std::string error_of(ErrorKind kind, Fn&& fn) {
  try {
    fn();
  } catch (const Error& error) {
    CHECK(error.kind() == kind);
    return error.what();
  }
  FAIL_CHECK("no error was thrown");
  return {};
}

}  // namespace backlight::test
