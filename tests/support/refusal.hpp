#pragma once

#include <string>

#include "engine/core/error.hpp"

namespace backlight::test {

/// The message of the Error that `action` throws, or nothing.
template <class Action>
std::string refusal(Action action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

}  // namespace backlight::test
