#include "core/engineio/handshake.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace mediasync::engineio;

TEST_CASE("the open packet offers the upgrade and the settings", "[engineio]") {
  std::string out = "x";
  appendOpenPacket(out, "abc_-9", true, {});
  CHECK(out ==
        "x0{\"sid\":\"abc_-9\",\"upgrades\":[\"websocket\"],\"pingInterval\":25000,\"pingTimeout\":20000,"
        "\"maxPayload\":1000000}");
}

TEST_CASE("the open packet without an upgrade is JSON with an empty list", "[engineio]") {
  std::string out;
  appendOpenPacket(out, "s", false, {1, 2, 3});
  const auto json = nlohmann::json::parse(out.substr(1));
  CHECK(json == nlohmann::json{{"sid", "s"},
                               {"upgrades", nlohmann::json::array()},
                               {"pingInterval", 1},
                               {"pingTimeout", 2},
                               {"maxPayload", 3}});
}
