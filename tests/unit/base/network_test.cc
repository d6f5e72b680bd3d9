#include "core/base/network.h"

#include <catch2/catch.hpp>
#include <string>

using namespace mediasync;

TEST_CASE("a client is known by its IPv4 address, or by the /64 of an IPv6 one", "[limits][network]") {
  const std::string v4("\xc0\x00\x02\x07", 4);
  const std::string one = std::string("\x20\x01\x0d\xb8", 4) + std::string(3, '\0') + "\x01" + "abcdefgh";
  const std::string sameNet = one.substr(0, 8) + "12345678";
  const std::string otherNet = one.substr(0, 7) + "\x02" + "abcdefgh";
  CHECK(clientNetwork(v4) == v4);
  CHECK(clientNetwork(std::string(10, '\0') + "\xff\xff" + v4) == v4);
  CHECK(clientNetwork(one) == one.substr(0, 8));
  CHECK(clientNetwork(sameNet) == clientNetwork(one));
  CHECK(clientNetwork(otherNet) != clientNetwork(one));
  CHECK(clientNetwork("") == "");
  CHECK(clientNetwork("/run/a.sock") == "");
}
