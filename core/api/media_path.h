// Which files of this server a session's mediaUrl means.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace mediasync::api {

// The decoded path of a URL, with or without scheme and host: "https://films.example.org/a%20b.mp4?x#t=3" and
// "/a%20b.mp4" are "/a b.mp4". nullopt for what has none, is relative to a page, or has "." or ".." segments.
std::optional<std::string> mediaPath(std::string_view url);

// What a viewer would call it: the last part of the path, decoded where that gives text, or else the host; at most
// session::kMaxMediaTitleBytes. "https://films.example.org/a%20b.mp4?x" is "a b.mp4".
std::string mediaFileName(std::string_view url);

// Whether the file at `path` is the media itself or, when that is a playlist, lies in its folder or below.
bool isPartOfMedia(std::string_view path, std::string_view media);

}  // namespace mediasync::api
