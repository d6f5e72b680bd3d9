#include "core/websocket/handshake.h"

#include <catch2/catch.hpp>

using namespace mediasync::websocket;

TEST_CASE("the accept key is the RFC's own example", "[websocket]") {
  CHECK(acceptKey("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

TEST_CASE("a key is the base64 form of 16 bytes", "[websocket]") {
  CHECK(isValidKey("dGhlIHNhbXBsZSBub25jZQ=="));
  CHECK(isValidKey("+/+/AZaz09AAAAAAAAAAAA=="));
}

TEST_CASE("a key of another size or alphabet is refused", "[websocket]") {
  const std::string key = GENERATE(as<std::string>(), "", "==", "dGhlIHNhbXBsZSBub25jZQ", "dGhlIHNhbXBsZSBub25jZQ=",
                                   "dGhlIHNhbXBsZSBub25jZQA=", "dGhlIHNhbXBsZSBub25jZQ===", "dGhlIHNhbXBsZSBub25jZ===",
                                   "dGhlIHNhbXBsZSBub25j Q==", "dGhlIHNhbXBsZSBub25j_Q==", "dGhlIHNhbXBsZSBub25jZQAA");
  CAPTURE(key);
  CHECK_FALSE(isValidKey(key));
}
