#include "core/engineio/error.h"

#include <catch2/catch.hpp>

using namespace mediasync::engineio;

TEST_CASE("errors have the reference server's codes and messages", "[engineio]") {
  CHECK(body(Error::kUnknownTransport) == R"({"code":0,"message":"Transport unknown"})");
  CHECK(body(Error::kUnknownSid) == R"({"code":1,"message":"Session ID unknown"})");
  CHECK(body(Error::kBadHandshakeMethod) == R"({"code":2,"message":"Bad handshake method"})");
  CHECK(body(Error::kBadRequest) == R"({"code":3,"message":"Bad request"})");
  CHECK(body(Error::kForbidden) == R"({"code":4,"message":"Forbidden"})");
  CHECK(body(Error::kUnsupportedProtocolVersion) == R"({"code":5,"message":"Unsupported protocol version"})");
}

TEST_CASE("only a forbidden request is 403", "[engineio]") {
  CHECK(httpStatus(Error::kForbidden) == 403);
  for (const int code : {0, 1, 2, 3, 5})
    CHECK(httpStatus(static_cast<Error>(code)) == 400);
}
