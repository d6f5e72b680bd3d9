#include "core/api/origin.h"

#include <catch2/catch.hpp>

using mediasync::api::isSameOrigin;

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
