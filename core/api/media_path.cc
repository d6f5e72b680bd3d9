#include "core/api/media_path.h"

#include <algorithm>

#include "core/api/percent.h"
#include "core/api/text_rules.h"
#include "core/session/command.h"

namespace mediasync::api {
namespace {

bool hasDotSegment(std::string_view path) {
  for (std::size_t start = 1; start <= path.size();) {
    const std::size_t end = std::min(path.find('/', start), path.size());
    const std::string_view segment = path.substr(start, end - start);
    if (segment == "." || segment == "..") return true;
    start = end + 1;
  }
  return false;
}

bool isPlaylist(std::string_view path) {
  return path.ends_with(".m3u8") || path.ends_with(".mpd");
}

}  // namespace

std::optional<std::string> mediaPath(std::string_view url) {
  url = url.substr(0, url.find_first_of("?#"));
  for (const std::string_view scheme : {"https://", "http://", "//"}) {
    if (!url.starts_with(scheme)) continue;
    url.remove_prefix(scheme.size());
    const std::size_t slash = url.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    url.remove_prefix(slash);
    break;
  }
  if (!url.starts_with('/')) return std::nullopt;
  auto path = percentDecode(url);
  if (!path || hasDotSegment(*path)) return std::nullopt;
  return path;
}

bool isLoadable(std::string_view url, const MediaPrefixes& prefixes) {
  const auto path = mediaPath(url);
  return path && std::any_of(prefixes.begin(), prefixes.end(),
                             [&](const std::string& prefix) { return path->starts_with(prefix); });
}

std::string mediaFileName(std::string_view url) {
  std::string_view name = url.substr(0, url.find_first_of("?#"));
  while (name.ends_with('/'))
    name.remove_suffix(1);
  name.remove_prefix(name.rfind('/') + 1);  // none: npos + 1 is 0
  if (name.empty()) name = url;
  const auto decoded = percentDecode(name);
  const bool isReadable = decoded && !decoded->empty() && isText(*decoded, decoded->size());
  return std::string(cutAtCharacter(isReadable ? *decoded : name, session::kMaxMediaTitleBytes));
}

bool isPartOfMedia(std::string_view path, std::string_view media) {
  if (path == media) return true;
  if (!isPlaylist(media)) return false;
  const std::string_view folder = media.substr(0, media.rfind('/') + 1);
  // A playlist at the root would open the whole server.
  return folder.size() > 1 && path.starts_with(folder);
}

}  // namespace mediasync::api
