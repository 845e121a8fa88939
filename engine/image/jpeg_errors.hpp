// What libjpeg says when something is wrong: an error leaves it by longjmp, warnings are kept.
#pragma once

#include <array>
#include <csetjmp>
#include <cstddef>
#include <cstdio>

// clang-format off
#include <jpeglib.h>  // needs <cstddef> and <cstdio> before it
// clang-format on

#include "engine/image/codec.hpp"

namespace backlight {

struct JpegErrors {
  jpeg_error_mgr base;  // first, so that libjpeg's pointer to it is one to this
  std::jmp_buf failed;
  std::array<char, JMSG_LENGTH_MAX> message{};  ///< of the error
  std::array<char, JMSG_LENGTH_MAX> warning{};  ///< the one that `place` and `row` are of
  int warnings = 0;
  Damage::Place place = Damage::Place::header;  ///< the worst, as in Damage
  int row = 0;
  int grey_from = -1;  ///< as in Damage

  /// For a struct's member `err`; setjmp(failed) must come before what may fail.
  jpeg_error_mgr* manager();
};

}  // namespace backlight
