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

TEST_CASE("a request for a WebSocket has Upgrade and Connection, in any case", "[websocket]") {
  CHECK(asksWebSocket("websocket", "Upgrade"));
  CHECK(asksWebSocket("WebSocket", "upgrade"));
  CHECK(asksWebSocket("websocket", "keep-alive, Upgrade"));
  CHECK(asksWebSocket("websocket", "keep-alive,\tUPGRADE , x"));
  CHECK(asksWebSocket("websocket", ",,upgrade,"));
}

TEST_CASE("a request without one of them, or with another, asks for no WebSocket", "[websocket]") {
  for (const auto* upgrade :
       {"", "h2c", "websockets", "websocket/13", " websocket", "websocket, h2c", "h2c, websocket"}) {
    CAPTURE(upgrade);
    CHECK_FALSE(asksWebSocket(upgrade, "Upgrade"));
  }
  for (const auto* connection :
       {"", "close", "keep-alive", "upgraded", "keep-alive Upgrade", "\"upgrade\"", "upgrade;q=1"}) {
    CAPTURE(connection);
    CHECK_FALSE(asksWebSocket("websocket", connection));
  }
}

namespace {

constexpr std::string_view kKey = "dGhlIHNhbXBsZSBub25jZQ==";

}  // namespace

TEST_CASE("an opening is accepted when it is a GET of HTTP/1.1 with a key and version 13", "[websocket]") {
  CHECK(judge({true, true, kKey, "13"}) == OpeningVerdict::kAccepted);
}

TEST_CASE("an opening without one of these is a bad request", "[websocket]") {
  CHECK(judge({false, true, kKey, "13"}) == OpeningVerdict::kBadRequest);
  CHECK(judge({true, false, kKey, "13"}) == OpeningVerdict::kBadRequest);
  CHECK(judge({true, true, "", "13"}) == OpeningVerdict::kBadRequest);
  CHECK(judge({true, true, "dGhlIHNhbXBsZSBub25jZQ", "13"}) == OpeningVerdict::kBadRequest);
}

TEST_CASE("an opening of another version is told which one to use, whatever else it lacks", "[websocket]") {
  for (const auto* version : {"", "8", "12", "14", "013", "13 ", "13.0", "1"}) {
    CAPTURE(version);
    CHECK(judge({true, true, kKey, version}) == OpeningVerdict::kUpgradeRequired);
    CHECK(judge({false, false, "", version}) == OpeningVerdict::kUpgradeRequired);
  }
  CHECK(kVersion == "13");
}

TEST_CASE("a key or version that came twice is not valid", "[websocket]") {
  const std::string twice = std::string(kKey).append(", ").append(kKey);
  CHECK(judge({true, true, twice, "13"}) == OpeningVerdict::kBadRequest);
  CHECK(judge({true, true, kKey, "13, 13"}) == OpeningVerdict::kUpgradeRequired);
  CHECK(judge({true, true, kKey, "13, 8"}) == OpeningVerdict::kUpgradeRequired);
}
