// Which files a mediaUrl opens, and which it does not.
#include <catch2/catch.hpp>

#include "core/api/media_path.h"

using namespace mediasync::api;

TEST_CASE("a mediaUrl names a path of this server", "[api][media_path]") {
  const auto path = [](std::string_view url) { return mediaPath(url).value_or("none"); };
  CHECK(path("/films/a.mp4") == "/films/a.mp4");
  CHECK(path("/films/a%20b.mp4?session=x#t=3") == "/films/a b.mp4");
  CHECK(path("https://films.example.org/a.mp4") == "/a.mp4");
  CHECK(path("http://films.example.org:8080/a/b.m3u8") == "/a/b.m3u8");
  CHECK(path("//films.example.org/a.mp4") == "/a.mp4");
  for (const std::string_view url : {"", "a.mp4", "films/a.mp4", "https://films.example.org", "blob:https://x/y",
                                     "ftp://x/a", "/a/../b", "/a/%2e%2e/b", "/./a", "/..", "/%", "/%2", "/%zz"}) {
    INFO(url);
    CHECK(path(url) == "none");
  }
}

TEST_CASE("a file is part of media when it is it, or under its playlist", "[api][media_path]") {
  CHECK(isPartOfMedia("/films/a.mp4", "/films/a.mp4"));
  CHECK_FALSE(isPartOfMedia("/films/b.mp4", "/films/a.mp4"));
  CHECK_FALSE(isPartOfMedia("/films/a.mp4/x", "/films/a.mp4"));
  CHECK(isPartOfMedia("/films/a/1.ts", "/films/a/index.m3u8"));
  CHECK(isPartOfMedia("/films/a/720/1.m4s", "/films/a/index.mpd"));
  CHECK_FALSE(isPartOfMedia("/films/ab/1.ts", "/films/a/index.m3u8"));
  CHECK_FALSE(isPartOfMedia("/films/1.ts", "/films/a/index.m3u8"));
  CHECK_FALSE(isPartOfMedia("/anything", "/index.m3u8"));
  CHECK(isPartOfMedia("/index.m3u8", "/index.m3u8"));
}

TEST_CASE("a medium without a title is called by the file in its URL", "[api]") {
  const std::pair<std::string, std::string> rows[] = {
      {"https://films.example.org/a%20b.mp4?x=1#t=3", "a b.mp4"},
      {"/films/one.mp4", "one.mp4"},
      {"one.mp4", "one.mp4"},
      {"https://films.example.org/live/", "live"},
      {"https://films.example.org", "films.example.org"},
      {"https://films.example.org/?v=1", "films.example.org"},
      {"/%F0%9F%8E%AC.mp4", "🎬.mp4"},
      {"/%ff.mp4", "%ff.mp4"},
      {"/a%0Ab.mp4", "a%0Ab.mp4"},
      {"/100%.mp4", "100%.mp4"},
      {"?", "?"},
      {"///", "///"},
      {"/" + std::string(2000, 'x'), std::string(512, 'x')},
  };
  for (const auto& [url, name] : rows)
    CHECK(mediaFileName(url) == name);
}
