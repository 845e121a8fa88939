// What libjpeg says when something is wrong: an error leaves it by longjmp, warnings are kept.
#pragma once

#include <array>
#include <csetjmp>
#include <cstddef>
#include <cstdio>

// clang-format off
#include <jpeglib.h>  // needs <cstddef> and <cstdio> before it
// clang-format on

namespace backlight {

struct JpegErrors {
  jpeg_error_mgr base;  // first, so that libjpeg's pointer to it is one to this
  std::jmp_buf failed;
  std::array<char, JMSG_LENGTH_MAX> message{};  ///< of the error
  std::array<char, JMSG_LENGTH_MAX> warning{};  ///< the first one
  int warnings = 0;
  bool file_ended = false;      ///< the first one was that
  bool missing_pixels = false;  ///< data ended before the pixels did
  int row = -1;                 ///< of pixels, where the first warning came; −1 before the first

  /// For a struct's member `err`; setjmp(failed) must come before what may fail.
  jpeg_error_mgr* manager();
};

}  // namespace backlight
