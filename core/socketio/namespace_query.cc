#include "core/socketio/namespace_query.h"

#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "core/base/utf8.h"

namespace mediasync::socketio {
namespace {

std::optional<int> hexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return std::nullopt;
}

// Text that is no escape stays as it is.
std::string percentDecoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto high = i + 2 < text.size() && text[i] == '%' ? hexDigit(text[i + 1]) : std::nullopt;
    const auto low = high ? hexDigit(text[i + 2]) : std::nullopt;
    if (low) {
      out.push_back(static_cast<char>(*high << 4 | *low));
      i += 2;
    } else {
      out.push_back(text[i] == '+' ? ' ' : text[i]);
    }
  }
  return out;
}

}  // namespace

void splitQuery(std::string& nsp, nlohmann::json& object) {
  const std::size_t mark = nsp.find('?');
  if (mark == std::string::npos) return;
  std::string_view rest = std::string_view(nsp).substr(mark + 1);
  while (!rest.empty()) {
    const std::string_view field = rest.substr(0, rest.find('&'));
    rest.remove_prefix(field.size() < rest.size() ? field.size() + 1 : field.size());
    const std::string_view name = field.substr(0, field.find('='));
    const std::string_view value = name.size() < field.size() ? field.substr(name.size() + 1) : std::string_view();
    const std::string decodedName = percentDecoded(name);
    const std::string decodedValue = percentDecoded(value);
    if (!decodedName.empty() && isValidUtf8(decodedName) && isValidUtf8(decodedValue)) {
      object[decodedName] = decodedValue;
    }
  }
  nsp.resize(mark);
}

}  // namespace mediasync::socketio
