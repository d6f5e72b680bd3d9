// Paths of a session's mediaUrl on this server.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mediasync::api {

// The decoded path of a URL, with or without scheme and host: "https://films.example.org/a%20b.mp4?x#t=3" and
// "/a%20b.mp4" are "/a b.mp4". Returns nullopt if the URL has no path, is relative to a page, or has "." or ".."
// segments.
std::optional<std::string> mediaPath(std::string_view url);

// Prefixes of paths that sessions may load.
using MediaPrefixes = std::vector<std::string>;
// True if the URL has a path that begins with one of the prefixes.
bool isLoadable(std::string_view url, const MediaPrefixes& prefixes);

// A file name for viewers: the last part of the path, decoded if that gives text, otherwise the host; at most
// session::kMaxMediaTitleBytes. For "https://films.example.org/a%20b.mp4?x" it is "a b.mp4".
std::string mediaFileName(std::string_view url);

// True if the file at `path` is the media or, if the media is a playlist, lies in or below its folder.
bool isPartOfMedia(std::string_view path, std::string_view media);

}  // namespace mediasync::api
