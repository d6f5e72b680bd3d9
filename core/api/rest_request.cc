#include <nlohmann/json.hpp>

#include "core/api/ascii.h"
#include "core/api/rest.h"
#include "core/api/text_rules.h"
#include "core/base/json_text.h"

namespace mediasync::api {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxDepth = 32;

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlanks = " \t";
  const auto first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

// The text of a field that must be a string; nullptr when it is missing or something else.
const std::string* textField(const json& body, const char* name) {
  const auto found = body.find(name);
  return found == body.end() ? nullptr : found->get_ptr<const std::string*>();
}

}  // namespace

bool isJsonContentType(std::string_view contentType) {
  return equalsIgnoreCase(trim(contentType.substr(0, contentType.find(';'))), "application/json");
}

std::variant<CreateSession, BadRequest> parseCreate(std::string_view body) {
  const auto parsed = parseJson(body, kMaxDepth);
  if (!parsed) return BadRequest{"The body is not valid JSON or is nested too deeply"};
  if (!parsed->is_object()) return BadRequest{"The body must be a JSON object"};
  const std::string* creatorId = textField(*parsed, "creatorId");
  const std::string* creatorName = textField(*parsed, "creatorName");
  if (creatorId == nullptr || !isId(*creatorId)) {
    return BadRequest{"creatorId must be 1 to 128 bytes of text without control characters"};
  }
  if (creatorName == nullptr || !isUsername(*creatorName)) {
    return BadRequest{"creatorName must be 1 to 256 bytes of text without control characters"};
  }
  return CreateSession{*creatorId, *creatorName};
}

}  // namespace mediasync::api
