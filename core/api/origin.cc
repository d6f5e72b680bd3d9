#include "core/api/origin.h"

#include "core/api/ascii.h"

namespace mediasync::api {
namespace {

std::string_view defaultPortSuffix(std::string_view scheme) {
  if (equalsIgnoreCase(scheme, "http")) return ":80";
  if (equalsIgnoreCase(scheme, "https")) return ":443";
  return {};
}

std::string_view dropSuffix(std::string_view text, std::string_view suffix) {
  if (text.ends_with(suffix)) text.remove_suffix(suffix.size());
  return text;
}

}  // namespace

bool isSameOrigin(std::string_view origin, std::string_view host) {
  if (origin.empty()) return true;
  const auto schemeEnd = origin.find("://");
  if (schemeEnd == std::string_view::npos) return false;
  const std::string_view port = defaultPortSuffix(origin.substr(0, schemeEnd));
  if (port.empty()) return false;
  const std::string_view authority = dropSuffix(origin.substr(schemeEnd + 3), port);
  return !authority.empty() && equalsIgnoreCase(authority, dropSuffix(host, port));
}

}  // namespace mediasync::api
