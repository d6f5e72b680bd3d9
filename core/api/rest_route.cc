#include <optional>

#include "core/api/rest.h"
#include "core/api/text_rules.h"
#include "core/session/command.h"

namespace mediasync::api {
namespace {

constexpr std::string_view kCollectionAllow = "GET, HEAD, POST, OPTIONS";
constexpr std::string_view kSessionAllow = "GET, HEAD, OPTIONS";

int hexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> percentDecode(std::string_view encoded) {
  std::string decoded;
  for (std::size_t i = 0; i < encoded.size(); ++i) {
    if (encoded[i] != '%') {
      decoded += encoded[i];
      continue;
    }
    if (encoded.size() - i < 3) return std::nullopt;
    const int high = hexValue(encoded[i + 1]);
    const int low = hexValue(encoded[i + 2]);
    if (high < 0 || low < 0) return std::nullopt;
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return decoded;
}

// The session id that one raw path segment names, or nothing when it cannot name a session.
std::optional<std::string> sessionIdOf(std::string_view segment) {
  if (segment.size() > 3 * session::kMaxIdBytes || segment.find('/') != std::string_view::npos) {
    return std::nullopt;
  }
  auto id = percentDecode(segment);
  return id && isId(*id) ? id : std::nullopt;
}

Route collectionRoute(Method method) {
  switch (method) {
    case Method::kGet:
    case Method::kHead:
      return {Route::Kind::kList, {}, kCollectionAllow};
    case Method::kPost:
      return {Route::Kind::kCreate, {}, kCollectionAllow};
    case Method::kOptions:
    case Method::kOther:
      break;
  }
  return {Route::Kind::kMethodNotAllowed, {}, kCollectionAllow};
}

Route sessionRoute(Method method, std::string_view segment) {
  auto id = sessionIdOf(segment);
  if (!id) return {};
  if (method != Method::kGet && method != Method::kHead) {
    return {Route::Kind::kMethodNotAllowed, {}, kSessionAllow};
  }
  return {Route::Kind::kShow, std::move(*id), kSessionAllow};
}

}  // namespace

Route route(Method method, std::string_view pathAfterLocation) {
  if (pathAfterLocation.empty() || pathAfterLocation == "/") return collectionRoute(method);
  if (pathAfterLocation.front() != '/') return {};
  return sessionRoute(method, pathAfterLocation.substr(1));
}

}  // namespace mediasync::api
