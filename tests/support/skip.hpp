// Reports a test as skipped: ctest reads the line that this prints. Return from the test case after it.
#pragma once

#include <iostream>
#include <string_view>

namespace backlight::test {

inline void skip(std::string_view why) { std::cout << "skipped: " << why << std::endl; }

}  // namespace backlight::test
