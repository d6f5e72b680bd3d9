#include "core/api/origin.h"

#include <catch2/catch.hpp>

using namespace mediasync::api;

TEST_CASE("same-origin rule", "[api]") {
  struct Row {
    const char* origin;
    const char* host;
    bool same;
  };
  for (const Row row : {
           Row{"", "example.com", true},
           Row{"", "", true},
           Row{"https://example.com", "example.com", true},
           Row{"https://Example.COM", "eXample.com", true},
           Row{"HTTP://example.com", "example.com:80", true},
           Row{"https://example.com:443", "example.com", true},
           Row{"https://example.com", "example.com:443", true},
           Row{"http://localhost:3000", "localhost:3000", true},
           Row{"http://[::1]:8080", "[::1]:8080", true},
           Row{"http://[::1]", "[::1]:80", true},
           Row{"http://[::80]", "[::80]", true},
           Row{"ws://example.com", "example.com", true},
           Row{"wss://example.com:443", "example.com", true},
           Row{"ws://localhost:3000", "localhost:3000", true},
           Row{"wss://example.com", "example.com:80", false},
           Row{"ftp://example.com", "example.com", false},
           Row{"http://example.com:", "example.com", false},
           Row{"https://example.com", "example.com:80", false},
           Row{"http://example.com", "example.com:443", false},
           Row{"http://example.com:8080", "example.com", false},
           Row{"http://example.com", "example.com:8080", false},
           Row{"https://evil.com", "example.com", false},
           Row{"https://example.com.evil.com", "example.com", false},
           Row{"https://evil.com/example.com", "example.com", false},
           Row{"https://evil.com@example.com", "example.com", false},
           Row{"https://example.com/", "example.com", false},
           Row{"https://example.com https://evil.com", "example.com", false},
           Row{"null", "null", false},
           Row{"null", "", false},
           Row{"http://", "", false},
           Row{"http://:80", ":80", false},
           Row{"http://", ":80", false},
           Row{"example.com", "example.com", false},
           Row{"file://example.com", "example.com", false},
           Row{"://example.com", "example.com", false},
       }) {
    INFO(row.origin << " at " << row.host);
    CHECK(isSameOrigin(row.origin, row.host) == row.same);
  }
}

TEST_CASE("the scheme counts where it is known", "[api]") {
  for (const auto* same : {"https://example.com", "wss://example.com", "HTTPS://example.com:443"})
    CHECK(isSameOrigin(same, "example.com", "https"));
  for (const auto* other : {"http://example.com", "ws://example.com", "http://example.com:443"})
    CHECK_FALSE(isSameOrigin(other, "example.com", "https"));
  CHECK(isSameOrigin("http://example.com:8080", "example.com:8080", "http"));
  CHECK_FALSE(isSameOrigin("https://example.com:8080", "example.com:8080", "http"));
}

TEST_CASE("origins that are named", "[api]") {
  struct Row {
    const char* pattern;
    const char* origin;
    bool matches;
  };
  for (const Row row : {
           Row{"https://films.example.org", "https://films.example.org", true},
           Row{"https://films.example.org", "https://FILMS.example.org:443", true},
           Row{"https://films.example.org", "wss://films.example.org", true},
           Row{"wss://films.example.org", "https://films.example.org", true},
           Row{"https://films.example.org", "http://films.example.org", false},
           Row{"https://films.example.org", "https://films.example.org:8443", false},
           Row{"https://films.example.org", "https://films.example.org.evil.example", false},
           Row{"https://films.example.org", "null", false},
           Row{"https://films.example.org:8443", "https://films.example.org:8443", true},
           Row{"https://films.example.org:*", "https://films.example.org:8443", true},
           Row{"https://films.example.org:*", "https://films.example.org", true},
           Row{"https://*.example.org", "https://films.example.org", true},
           Row{"https://*.example.org", "https://a.b.example.org", true},
           Row{"https://*.example.org", "https://example.org", false},
           Row{"https://*.example.org", "https://.example.org", false},
           Row{"https://*.example.org", "https://evilexample.org", false},
           Row{"https://*.example.org", "https://films.example.org:8443", false},
           Row{"https://*.example.org", "https://films.example.org@evil.example", false},
           Row{"https://*.example.org:*", "https://films.example.org:1", true},
           Row{"http://[::1]:*", "http://[::1]:8080", true},
           Row{"http://[::1]", "http://[::1]", true},
           Row{"capacitor://localhost", "capacitor://localhost", true},
           Row{"capacitor://localhost", "ionic://localhost", false},
           Row{"app://obsidian.md", "app://obsidian.md", true},
           Row{"file://", "file://", true},
           Row{"file://", "file://host", false},
           Row{"null", "null", true},
           Row{"null", "NULL", false},
           Row{"null", "https://null", false},
       }) {
    INFO(row.pattern << " and " << row.origin);
    const auto pattern = parseOriginPattern(row.pattern);
    REQUIRE(pattern);
    CHECK(pattern->matches(row.origin) == row.matches);
  }
  for (const auto* wrong : {"",
                            "*",
                            "https://",
                            "https://*",
                            "https://*:*",
                            "https://*.",
                            "https://a.*.org",
                            "https://*films.org",
                            "films.example.org",
                            "https://a.example/",
                            "https://a.example/page",
                            "https://a b",
                            "https://a:x",
                            "https://a:0",
                            "https://a:65536",
                            "https://a:",
                            "://a",
                            "1x://a",
                            "https://user@a",
                            "https://[::1",
                            "file://*.a:*/",
                            "Null",
                            "https://:8443"}) {
    INFO(wrong);
    CHECK_FALSE(parseOriginPattern(wrong));
  }
}
