// What requests say: path, query, content type, body, who sent the page, and lists of tokens. What is accepted keeps
// its rules, and means the same when it is written in another form that HTTP takes for the same.
//
// Input: a byte for the part of the request, then that part; an Origin and a Host, or
// a list and a token, have a line feed between them.
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include "core/api/json_writer.h"
#include "core/api/origin.h"
#include "core/api/rest_request.h"
#include "core/api/rest_response.h"
#include "core/api/rest_route.h"
#include "core/api/text_rules.h"
#include "core/base/ascii.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/require.h"

using namespace mediasync;
using namespace mediasync::api;

namespace {

std::string escaped(std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<std::uint8_t>(c);
    out.append({'%', kHex[byte >> 4], kHex[byte & 15]});
  }
  return out;
}

std::string inOtherCase(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool isLetter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    out.push_back(isLetter ? static_cast<char>(c ^ 0x20) : c);
  }
  return out;
}

void checkRoute(std::string_view path) {
  const bool isCollection = path.empty() || path == "/";
  const Route get = route(Method::kGet, path);
  for (const Method method : {Method::kGet, Method::kHead, Method::kPost, Method::kOptions, Method::kOther}) {
    const Route found = route(method, path);
    FUZZ_REQUIRE((found.kind == Route::Kind::kNotFound) == (get.kind == Route::Kind::kNotFound));
    FUZZ_REQUIRE(found.allow == get.allow && found.allow.empty() == (found.kind == Route::Kind::kNotFound));
    FUZZ_REQUIRE((found.kind == Route::Kind::kCreate) == (isCollection && method == Method::kPost));
    const bool isGet = method == Method::kGet || method == Method::kHead;
    FUZZ_REQUIRE(isGet || (found.kind != Route::Kind::kList && found.kind != Route::Kind::kShow));
  }
  FUZZ_REQUIRE((get.kind == Route::Kind::kList) == isCollection);
  if (get.kind != Route::Kind::kShow) return;
  FUZZ_REQUIRE(isId(get.sessionId));
  FUZZ_REQUIRE(route(Method::kGet, "/" + escaped(get.sessionId)).sessionId == get.sessionId);
}

void checkList(std::string_view query) {
  const auto parsed = parseList(query);
  if (const auto* bad = std::get_if<BadRequest>(&parsed)) {
    FUZZ_REQUIRE(!bad->message.empty());
    return;
  }
  const auto& list = std::get<ListQuery>(parsed);
  FUZZ_REQUIRE(list.limit >= 1 && list.limit <= ListQuery::kMaxLimit);
  std::string again = "limit=" + std::to_string(list.limit);
  if (list.after != ListPlace{}) again += "&after=" + listPlaceText(list.after);
  const auto same = std::get<ListQuery>(parseList(again));
  FUZZ_REQUIRE(same.limit == list.limit && same.after == list.after);
}

void checkContentType(std::string_view type) {
  const bool isJson = isJsonContentType(type);
  FUZZ_REQUIRE(isJsonContentType(inOtherCase(type)) == isJson);
  FUZZ_REQUIRE(isJsonContentType(std::string(type) + ";charset=utf-8") == isJson);
  FUZZ_REQUIRE(isJsonContentType("\t " + std::string(type)) == isJson);
  FUZZ_REQUIRE(!isJson || inOtherCase(type).find('/') != std::string::npos);
}

void checkBody(std::string_view body) {
  const auto parsed = parseCreate(body);
  if (const auto* bad = std::get_if<BadRequest>(&parsed)) {
    std::string answer;
    appendFailure(answer, bad->message);
    FUZZ_REQUIRE(nlohmann::json::parse(answer)["success"] == false);
    return;
  }
  const auto& create = std::get<CreateSession>(parsed);
  FUZZ_REQUIRE(isId(create.creatorId) && isUsername(create.creatorName));
  std::string again;
  JsonWriter json(again);
  json.beginObject().key("creatorName").string(create.creatorName).key("creatorId").string(create.creatorId);
  json.endObject();
  const auto same = std::get<CreateSession>(parseCreate(again));
  FUZZ_REQUIRE(same.creatorId == create.creatorId && same.creatorName == create.creatorName);
}

void checkOrigin(std::string_view origin, std::string_view host) {
  const bool isSame = isSameOrigin(origin, host);
  FUZZ_REQUIRE(isSameOrigin(inOtherCase(origin), inOtherCase(host)) == isSame);
  FUZZ_REQUIRE(isSameOrigin("", host));
  const bool isHost = !host.empty() && host.front() != ':' && host.back() != ':' &&
                      host.find_first_of("/@ ,?#\\") == std::string_view::npos;
  if (isHost) FUZZ_REQUIRE(isSameOrigin("http://" + std::string(host), host));
  if (const auto pattern = parseOriginPattern(host)) {
    FUZZ_REQUIRE(pattern->matches(origin) == pattern->matches(inOtherCase(origin)) || inOtherCase(origin) == "null" ||
                 origin == "null");
    if (!pattern->subdomains && !pattern->anyPort) FUZZ_REQUIRE(pattern->matches(host));
  }
  if (!isSame || origin.empty()) return;
  const auto schemeEnd = origin.find("://");
  FUZZ_REQUIRE(schemeEnd >= 2 && schemeEnd <= 5);
  FUZZ_REQUIRE(!(isSameOrigin(origin, host, "http") && isSameOrigin(origin, host, "https")));
  FUZZ_REQUIRE(!isSameOrigin(origin, std::string(host) + "x") && !isSameOrigin(std::string(origin) + ".evil", host));
}

// Commas are all that parts a list; blanks around a token are no part of it.
void checkTokens(std::string_view list, std::string_view token) {
  const bool isListed = listsToken(list, token);
  FUZZ_REQUIRE(listsToken(inOtherCase(list), inOtherCase(token)) == isListed);
  const bool isToken = !token.empty() && token.find_first_of(" \t,") == std::string_view::npos;
  if (isToken) FUZZ_REQUIRE(listsToken(std::string(list) + ",\t" + std::string(token) + " ,x", token));
}

std::pair<std::string_view, std::string_view> parted(std::string_view text) {
  const std::size_t at = std::min(text.find('\n'), text.size());
  return {text.substr(0, at), text.substr(std::min(at + 1, text.size()))};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  mediasync::fuzz::Input input(data, size);
  const std::uint32_t part = input.below(6);
  const std::string_view text = input.rest();
  if (part == 0) checkRoute(text);
  if (part == 1) checkList(text);
  if (part == 2) checkContentType(text);
  if (part == 3) checkBody(text);
  const auto [first, second] = parted(text);
  if (part == 4) checkOrigin(first, second);
  if (part == 5) checkTokens(first, second);
  return 0;
}
