#include "core/sessions/offset.h"

#include <charconv>

namespace mediasync::server {
namespace {

constexpr char kSeparator = '-';
constexpr int kBase = 36;

void appendNumber(std::string& out, std::uint64_t number) {
  char digits[16];
  const auto end = std::to_chars(digits, digits + sizeof digits, number, kBase).ptr;
  out.append(digits, end);
}

// Only as appendNumber() writes it: neither capitals nor leading zeros.
bool takeNumber(std::string_view text, std::uint64_t& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, kBase);
  if (error != std::errc() || end != text.data() + text.size()) return false;
  std::string written;
  appendNumber(written, number);
  return written == text;
}

}  // namespace

void appendOffset(std::string& out, const Offset& offset) {
  out.back() = ',';  // in place of the bracket
  out.push_back('"');
  appendNumber(out, offset.session);
  out.push_back(kSeparator);
  appendNumber(out, offset.event);
  out.append("\"]");
}

std::optional<Offset> parseOffset(std::string_view text) {
  const std::size_t at = text.find(kSeparator);
  if (at == std::string_view::npos) return std::nullopt;
  Offset offset;
  if (!takeNumber(text.substr(0, at), offset.session) || !takeNumber(text.substr(at + 1), offset.event)) {
    return std::nullopt;
  }
  return offset;
}

}  // namespace mediasync::server
