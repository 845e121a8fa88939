#include "engine/graph/op_kind.hpp"

#include <ostream>

namespace backlight {

std::string_view name_of(OpKind kind) {
  switch (kind) {
    case OpKind::input:
      return "input";
#define BACKLIGHT_ROW(name) \
  case OpKind::name:        \
    return #name;
      BACKLIGHT_OP_KINDS(BACKLIGHT_ROW)
#undef BACKLIGHT_ROW
    case OpKind::custom:
      break;
  }
  return "custom";
}

std::ostream& operator<<(std::ostream& out, OpKind kind) { return out << name_of(kind); }

}  // namespace backlight
