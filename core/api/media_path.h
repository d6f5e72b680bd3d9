// Which files of this server a session's mediaUrl means.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mediasync::api {

// The decoded path of a URL, with or without scheme and host: "https://films.example.org/a%20b.mp4?x#t=3" and
// "/a%20b.mp4" are "/a b.mp4". nullopt for what has none, is relative to a page, or has "." or ".." segments.
std::optional<std::string> mediaPath(std::string_view url);

// Beginnings of paths that sessions may load.
using MediaPrefixes = std::vector<std::string>;
// Whether the URL has a path, and that begins with one of them.
bool isLoadable(std::string_view url, const MediaPrefixes& prefixes);

// The name that a viewer would use: the last part of the path, decoded where that gives text, or else the host; at most
// session::kMaxMediaTitleBytes. "https://films.example.org/a%20b.mp4?x" is "a b.mp4".
std::string mediaFileName(std::string_view url);

// Whether the file at `path` is the media itself or, when that is a playlist, lies in its folder or below.
bool isPartOfMedia(std::string_view path, std::string_view media);

}  // namespace mediasync::api
