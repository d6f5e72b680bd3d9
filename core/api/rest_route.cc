#include "core/api/rest_route.h"

#include <optional>

#include "core/api/percent.h"
#include "core/api/text_rules.h"
#include "core/session/command.h"

namespace mediasync::api {
namespace {

constexpr std::string_view kCollectionAllow = "GET, HEAD, POST, OPTIONS";
constexpr std::string_view kSessionAllow = "GET, HEAD, OPTIONS";

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
