#include "core/engineio/content_type.h"

#include <catch2/catch.hpp>

using namespace mediasync::engineio;

TEST_CASE("a body is binary when its type says so, in any case and with any parameters", "[engineio]") {
  for (const auto* type : {"application/octet-stream", "Application/OCTET-Stream", "application/octet-stream;q=1",
                           "application/octet-stream; charset=UTF-8"}) {
    CAPTURE(type);
    CHECK(isBinaryType(type));
  }
  for (const auto* type :
       {"", "text/plain;charset=UTF-8", "application/octet-stream2", "application/octet-strea",
        " application/octet-stream", "application/octet-stream ;q=1", "text/plain;application/octet-stream"}) {
    CAPTURE(type);
    CHECK_FALSE(isBinaryType(type));
  }
}

TEST_CASE("an answer's type is that of its payload", "[engineio]") {
  CHECK(contentTypeOf({"4hi", false}) == "text/plain; charset=UTF-8");
  CHECK(contentTypeOf({"\1\1\xff", true}) == "application/octet-stream");
  CHECK(isBinaryType(contentTypeOf({"", true})));
  CHECK_FALSE(isBinaryType(contentTypeOf({"", false})));
}
