#include "core/api/json_writer.h"

#include <charconv>
#include <cmath>

namespace mediasync::api {
namespace {

constexpr double kIntegralLimit = 9007199254740992.0;  // 2^53: from here on not every integer is a double

bool needsEscape(unsigned char c) {
  return c < 0x20 || c == '"' || c == '\\';
}

// The letter of a two-character escape, or 0 when the character has none.
char shortEscape(unsigned char c) {
  switch (c) {
    case '"':
    case '\\':
      return static_cast<char>(c);
    case '\b':
      return 'b';
    case '\f':
      return 'f';
    case '\n':
      return 'n';
    case '\r':
      return 'r';
    case '\t':
      return 't';
    default:
      return 0;
  }
}

}  // namespace

JsonWriter& JsonWriter::key(std::string_view name) {
  separate();
  out_ += '"';
  out_ += name;
  out_ += "\":";
  needsComma_ = false;
  return *this;
}

JsonWriter& JsonWriter::string(std::string_view text) {
  separate();
  out_ += '"';
  std::size_t plainFrom = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (!needsEscape(c)) continue;
    out_ += text.substr(plainFrom, i - plainFrom);
    appendEscaped(c);
    plainFrom = i + 1;
  }
  out_ += text.substr(plainFrom);
  out_ += '"';
  return *this;
}

JsonWriter& JsonWriter::number(double value) {
  if (!std::isfinite(value)) return null();
  if (std::fabs(value) < kIntegralLimit && value == std::trunc(value)) {
    return integer(static_cast<std::int64_t>(value));
  }
  char buffer[32];
  const auto result = std::to_chars(buffer, buffer + sizeof(buffer), value);
  return raw({buffer, static_cast<std::size_t>(result.ptr - buffer)});
}

JsonWriter& JsonWriter::integer(std::int64_t value) {
  char buffer[24];
  const auto result = std::to_chars(buffer, buffer + sizeof(buffer), value);
  return raw({buffer, static_cast<std::size_t>(result.ptr - buffer)});
}

JsonWriter& JsonWriter::boolean(bool value) {
  return raw(value ? "true" : "false");
}

JsonWriter& JsonWriter::null() {
  return raw("null");
}

JsonWriter& JsonWriter::stringOrNull(const std::optional<std::string_view>& text) {
  return text ? string(*text) : null();
}

JsonWriter& JsonWriter::numberOrNull(const std::optional<double>& value) {
  return value ? number(*value) : null();
}

JsonWriter& JsonWriter::raw(std::string_view value) {
  separate();
  out_ += value;
  return *this;
}

JsonWriter& JsonWriter::open(char bracket) {
  separate();
  out_ += bracket;
  needsComma_ = false;
  return *this;
}

JsonWriter& JsonWriter::close(char bracket) {
  out_ += bracket;
  needsComma_ = true;
  return *this;
}

void JsonWriter::separate() {
  if (needsComma_) out_ += ',';
  needsComma_ = true;
}

void JsonWriter::appendEscaped(unsigned char c) {
  out_ += '\\';
  if (const char letter = shortEscape(c)) {
    out_ += letter;
    return;
  }
  constexpr char kHex[] = "0123456789abcdef";
  out_ += "u00";
  out_ += kHex[c >> 4];
  out_ += kHex[c & 0xF];
}

}  // namespace mediasync::api
