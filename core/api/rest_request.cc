#include "core/api/rest_request.h"

#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "core/api/text_rules.h"
#include "core/base/ascii.h"
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

// The value of a parameter in a query; "" when it is not there.
std::string_view parameter(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    const std::string_view one = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(one.size() + 1, query.size()));
    if (one.starts_with(name) && one.size() > name.size() && one[name.size()] == '=')
      return one.substr(name.size() + 1);
  }
  return {};
}

template <class Number>
bool readNumber(std::string_view text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && number != 0;
}

}  // namespace

std::variant<ListQuery, BadRequest> parseList(std::string_view query) {
  ListQuery list;
  const std::string_view limit = parameter(query, "limit"), after = parameter(query, "after");
  if (!limit.empty() && (!readNumber(limit, list.limit) || list.limit > ListQuery::kMaxLimit)) {
    return BadRequest{"limit must be a number from 1 to 1000"};
  }
  list.isWhole = limit.empty() && after.empty();
  if (after.empty()) return list;
  const auto place = parseListPlace(after);
  if (!place) return BadRequest{"after must be the next of another answer"};
  list.after = *place;
  return list;
}

std::string listPlaceText(const ListPlace& place) {
  return std::to_string(place.bucket) + '-' + std::to_string(place.serial);
}

std::optional<ListPlace> parseListPlace(std::string_view text) {
  ListPlace place;
  const std::size_t dash = text.find('-');
  if (dash == std::string_view::npos) return std::nullopt;
  const auto read = [](std::string_view digits, std::uint64_t& number) {
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    return error == std::errc() && end == digits.data() + digits.size();
  };
  if (!read(text.substr(0, dash), place.bucket) || !read(text.substr(dash + 1), place.serial)) return std::nullopt;
  return place;
}

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
  CreateSession create{*creatorId, *creatorName};
  if (const auto found = parsed->find("creatorSecret"); found != parsed->end() && !found->is_null()) {
    const std::string* secret = textField(*parsed, "creatorSecret");
    if (secret == nullptr || !isSecret(*secret)) {
      return BadRequest{"creatorSecret must be 8 to 128 bytes of text without control characters"};
    }
    create.creatorSecret = *secret;
  }
  return create;
}

}  // namespace mediasync::api
