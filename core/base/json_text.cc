#include "core/base/json_text.h"

#include <nlohmann/json.hpp>
#include <utility>

namespace mediasync {
namespace {

// Counts brackets and commas outside strings; whether they fit is the parser's business.
bool isWithin(std::string_view text, std::size_t maxDepth, std::size_t maxValues) {
  std::size_t depth = 0;
  std::size_t values = 1;
  bool inString = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (inString) {
      if (c == '\\') ++i;
      if (c == '"') inString = false;
    } else if (c == '"') {
      inString = true;
    } else if (c == '[' || c == '{') {
      if (++depth > maxDepth || ++values > maxValues) return false;
    } else if (c == ',') {
      if (++values > maxValues) return false;
    } else if ((c == ']' || c == '}') && depth > 0) {
      --depth;
    }
  }
  return true;
}

// nlohmann/json skips a byte order mark and takes a NUL for the end of its input; JSON has neither.
bool hasForeignBytes(std::string_view text) {
  return text.starts_with('\xef') || text.find('\0') != std::string_view::npos;
}

}  // namespace

std::optional<nlohmann::json> parseJson(std::string_view text, std::size_t maxDepth, std::size_t maxValues) {
  if (hasForeignBytes(text) || !isWithin(text, maxDepth, maxValues)) return std::nullopt;
  auto value = nlohmann::json::parse(text, nullptr, false);
  if (value.is_discarded()) return std::nullopt;
  return std::make_optional(std::move(value));  // it converts to and from anything, also to an optional of itself
}

bool isEventArray(std::string_view text, std::size_t maxDepth) {
  const auto value = parseJson(text, maxDepth);
  return value && value->is_array() && !value->empty() && value->front().is_string();
}

}  // namespace mediasync
