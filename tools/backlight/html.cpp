#include "tools/backlight/html.hpp"

#include <algorithm>
#include <optional>
#include <vector>

#include "engine/core/error.hpp"

namespace backlight::tools {
namespace {

/// `{{…}}` in a template.
struct Tag {
  std::size_t begin = 0, end = 0;
  char kind = ' ';  ///< '#', '^', '/', '{' (as it is) or ' ' (escaped)
  std::string_view name = {};
};

std::optional<Tag> next_tag(std::string_view page, std::size_t from) {
  const std::size_t begin = page.find("{{", from);
  if (begin == std::string_view::npos) return std::nullopt;
  const char first = page.substr(begin).size() > 2 ? page[begin + 2] : ' ';
  const bool marked = first == '#' || first == '^' || first == '/' || first == '{';
  const std::string_view close = first == '{' ? "}}}" : "}}";
  const std::size_t name = begin + (marked ? 3 : 2), end = page.find(close, name);
  if (end == std::string_view::npos)
    throw Error(ErrorKind::internal, "a template's tag does not end: ", page.substr(begin, 40));
  return Tag{begin, end + close.size(), marked ? first : ' ', page.substr(name, end - name)};
}

/// The tag that ends the section of `open`.
Tag end_of_section(std::string_view page, const Tag& open) {
  int depth = 1;
  std::size_t at = open.end;
  while (const std::optional<Tag> tag = next_tag(page, at)) {
    if (tag->kind == '#' || tag->kind == '^') ++depth;
    if (tag->kind == '/' && --depth == 0 && tag->name == open.name) return *tag;
    at = tag->end;
  }
  throw Error(ErrorKind::internal, "a template's section does not end: ", open.name);
}

class Rendering {
 public:
  explicit Rendering(const Json& values) : scopes_{&values} {}

  void add(std::string_view page) {
    std::size_t at = 0;
    while (const std::optional<Tag> tag = next_tag(page, at)) {
      out_ += page.substr(at, tag->begin - at);
      at = tag->end;
      if (tag->kind == '/')
        throw Error(ErrorKind::internal, "a template's section ends before it begins: ", tag->name);
      const Json& value = find(tag->name);
      if (tag->kind == '#' || tag->kind == '^') {
        const Tag end = end_of_section(page, *tag);
        add_section(tag->kind, value, page.substr(at, end.begin - at));
        at = end.end;
      } else {
        const std::string text = value.is_string() ? value.get<std::string>() : value.dump();
        out_ += tag->kind == '{' ? text : html_escaped(text);
      }
    }
    out_ += page.substr(at);
  }

  std::string take() { return std::move(out_); }

 private:
  void add_section(char kind, const Json& value, std::string_view body) {
    const bool shown =
        !value.is_null() && value != false && value != "" && !(value.is_array() && value.empty());
    if (kind == '^') {
      if (!shown) add(body);
    } else if (value.is_array()) {
      for (const Json& item : value) add_within(item, body);
    } else if (shown) {
      add_within(value, body);
    }
  }

  void add_within(const Json& scope, std::string_view body) {
    scopes_.push_back(&scope);
    add(body);
    scopes_.pop_back();
  }

  const Json& find(std::string_view path) const {
    if (path == ".") return *scopes_.back();
    const std::string first(path.substr(0, path.find('.')));
    for (auto scope = scopes_.rbegin(); scope != scopes_.rend(); ++scope) {
      if (!(*scope)->is_object() || !(*scope)->contains(first)) continue;
      const Json* value = &(*scope)->at(first);
      for (std::size_t at = first.size(); at < path.size();) {
        const std::size_t end = std::min(path.find('.', at + 1), path.size());
        const std::string member(path.substr(at + 1, end - at - 1));
        if (!value->is_object() || !value->contains(member))
          throw Error(ErrorKind::internal, "a template names '", path, "', which there is not");
        value = &value->at(member);
        at = end;
      }
      return *value;
    }
    throw Error(ErrorKind::internal, "a template names '", path, "', which there is not");
  }

  std::vector<const Json*> scopes_;
  std::string out_;
};

}  // namespace

std::string valid_utf8(std::string_view text) {
  return Json::parse(Json(text).dump(-1, ' ', false, Json::error_handler_t::replace)).get<std::string>();
}

std::string html_escaped(std::string_view text) {
  std::string out;
  for (const char c : valid_utf8(text)) switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  return out;
}

std::string script_json(const Json& json) {
  std::string out;
  for (const char c : json.dump(-1, ' ', false, Json::error_handler_t::replace))
    if (c == '<')
      out += "\\u003c";
    else
      out += c;
  return out;
}

std::string base64(std::span<const std::uint8_t> bytes) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const auto byte = [&](std::size_t k) { return i + k < bytes.size() ? std::uint32_t{bytes[i + k]} : 0; };
    const std::uint32_t three = byte(0) << 16 | byte(1) << 8 | byte(2);
    for (int k = 0; k < 4; ++k)
      out += i + static_cast<std::size_t>(k) > bytes.size() ? '=' : kDigits[three >> (18 - 6 * k) & 63];
  }
  return out;
}

std::string render(std::string_view page, const Json& values) {
  Rendering rendering(values);
  rendering.add(page);
  return rendering.take();
}

}  // namespace backlight::tools
