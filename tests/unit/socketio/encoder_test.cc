#include "core/socketio/encoder.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/socketio/decoder.h"

using namespace mediasync::socketio;

namespace {

template <class Append, class... Arguments>
std::string written(Append append, Arguments... arguments) {
  std::string out = "4";
  append(out, arguments...);
  return out;
}

// A function that may have default arguments, as something to call.
#define WRITER(function) [](auto&... arguments) { function(arguments...); }

}  // namespace

TEST_CASE("packets of the main namespace do not name it", "[socketio]") {
  CHECK(written(WRITER(appendEventPrefix), "/") == "42");
  CHECK(written(WRITER(appendEventPrefix), "/", 2U) == "452-");
  CHECK(written(WRITER(appendEventPrefix), "/", 0U, 7U) == "427");
  CHECK(written(WRITER(appendAckPrefix), "/", 12U) == "4312");
  CHECK(written(WRITER(appendAckPrefix), "/", 12U, 1U) == "461-12");
  CHECK(written(WRITER(appendConnect), "/", "abc") == R"(40{"sid":"abc"})");
  CHECK(written(WRITER(appendConnect), "/", "abc", "def") == R"(40{"sid":"abc","pid":"def"})");
  CHECK(written(WRITER(appendConnectError), "/", "no") == R"(44{"message":"no"})");
  CHECK(written(WRITER(appendConnectError), "/", "no", R"({"a":1})") == R"(44{"message":"no","data":{"a":1}})");
  CHECK(written(WRITER(appendConnectV4), "/") == "40");
  CHECK(written(WRITER(appendConnectErrorV4), "/", "no") == R"(44"no")");
  CHECK(written(WRITER(appendDisconnect), "/") == "41");
}

TEST_CASE("packets of another namespace name it before everything else", "[socketio]") {
  CHECK(written(WRITER(appendEventPrefix), "/admin") == "42/admin,");
  CHECK(written(WRITER(appendEventPrefix), "/admin", 3U, 8U) == "453-/admin,8");
  CHECK(written(WRITER(appendAckPrefix), "/admin", std::uint64_t{1} << 53) == "43/admin,9007199254740992");
  CHECK(written(WRITER(appendConnect), "/admin", "abc") == R"(40/admin,{"sid":"abc"})");
  CHECK(written(WRITER(appendConnectError), "/admin", "Invalid namespace") ==
        R"(44/admin,{"message":"Invalid namespace"})");
  CHECK(written(WRITER(appendConnectV4), "/admin") == "40/admin,");
  CHECK(written(WRITER(appendConnectErrorV4), "/admin", "no") == R"(44/admin,"no")");
  CHECK(written(WRITER(appendDisconnect), "/admin") == "41/admin,");
}

TEST_CASE("a message is escaped and comes back as it was", "[socketio]") {
  std::string message = "quote \" backslash \\ euro \xE2\x82\xAC";
  for (char c = 0; c < 0x20; ++c)
    message.push_back(c);
  std::string out;
  appendConnectError(out, "/ns", message);
  for (const char c : out)
    CHECK(static_cast<unsigned char>(c) >= 0x20);  // no payload separator either
  Packet packet;
  REQUIRE(decode(out, {}, packet));
  CHECK(packet.data->at("message") == message);
}
