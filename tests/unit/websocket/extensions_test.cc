#include "core/websocket/extensions.h"

#include <catch2/catch.hpp>
#include <ostream>

using namespace mediasync::websocket;

namespace {

using Accepted = std::optional<DeflateParams>;

constexpr Accepted kDeclined;

constexpr Accepted plain(std::uint8_t bits) {
  return DeflateParams{bits, false};
}
constexpr Accepted named(std::uint8_t bits) {
  return DeflateParams{bits, true};
}

struct Row {
  std::string_view header;
  Accepted expected;
  std::uint8_t maxWindowBits = 15;
};

std::string answer(const DeflateParams& params) {
  std::string out;
  appendDeflateAnswer(out, params);
  return out;
}

std::string describe(const Accepted& params) {
  return params ? answer(*params) : "declined";
}

void check(std::initializer_list<Row> rows) {
  for (const Row& row : rows) {
    CAPTURE(row.header, int{row.maxWindowBits});
    CHECK(describe(acceptDeflate(row.header, row.maxWindowBits)) == describe(row.expected));
    CHECK(acceptDeflate(row.header, row.maxWindowBits) == row.expected);
  }
}

}  // namespace

TEST_CASE("what browsers and libraries offer is accepted", "[websocket][deflate]") {
  check({
      {"permessage-deflate; client_max_window_bits", plain(15)},  // Chrome, Safari, ws
      {"permessage-deflate", plain(15)},                          // Firefox
      {"permessage-deflate; client_no_context_takeover; client_max_window_bits", plain(15)},
      {"permessage-deflate; server_no_context_takeover; client_no_context_takeover", plain(15)},
      {"permessage-deflate; client_no_context_takeover; server_no_context_takeover", plain(15)},
      {"permessage-deflate; server_max_window_bits=12; client_max_window_bits=12", named(12)},
  });
}

TEST_CASE("the server's window is the smaller of both wishes, named below 15 or when asked for",
          "[websocket][deflate]") {
  check({
      {"permessage-deflate; server_max_window_bits=15", named(15)},
      {"permessage-deflate; server_max_window_bits=14", named(14)},
      {"permessage-deflate; server_max_window_bits=10", named(10)},
      {"permessage-deflate; server_max_window_bits=9", named(9)},
      {"permessage-deflate; server_max_window_bits=15", named(11), 11},
      {"permessage-deflate; server_max_window_bits=12", named(11), 11},
      {"permessage-deflate; server_max_window_bits=11", named(11), 11},
      {"permessage-deflate; server_max_window_bits=10", named(10), 11},
      {"permessage-deflate", named(11), 11},
      {"permessage-deflate; client_max_window_bits=10", named(9), 9},
      {"permessage-deflate; server_max_window_bits=8", kDeclined},
      {"permessage-deflate; server_max_window_bits=8, permessage-deflate", plain(15)},
      {"permessage-deflate; server_max_window_bits=8, permessage-deflate; server_max_window_bits=9", named(9)},
  });
}

TEST_CASE("client_max_window_bits is accepted with and without a value, and limits nothing", "[websocket][deflate]") {
  check({
      {"permessage-deflate; client_max_window_bits=8", plain(15)},
      {"permessage-deflate; client_max_window_bits=15", plain(15)},
      {"permessage-deflate; client_max_window_bits=7", kDeclined},
      {"permessage-deflate; client_max_window_bits=16", kDeclined},
      {"permessage-deflate; client_max_window_bits=08", kDeclined},
      {"permessage-deflate; client_max_window_bits=x", kDeclined},
  });
}

TEST_CASE("an offer with an invalid parameter is declined", "[websocket][deflate]") {
  check({
      {"permessage-deflate; server_max_window_bits", kDeclined},
      {"permessage-deflate; server_max_window_bits=7", kDeclined},
      {"permessage-deflate; server_max_window_bits=16", kDeclined},
      {"permessage-deflate; server_max_window_bits=0", kDeclined},
      {"permessage-deflate; server_max_window_bits=1", kDeclined},
      {"permessage-deflate; server_max_window_bits=010", kDeclined},
      {"permessage-deflate; server_max_window_bits=100", kDeclined},
      {"permessage-deflate; server_max_window_bits=+9", kDeclined},
      {"permessage-deflate; server_max_window_bits=-9", kDeclined},
      {"permessage-deflate; server_max_window_bits=0x9", kDeclined},
      {"permessage-deflate; server_max_window_bits=1a", kDeclined},
      {"permessage-deflate; server_max_window_bits=99999999999999999999", kDeclined},
      {"permessage-deflate; server_no_context_takeover=1", kDeclined},
      {"permessage-deflate; client_no_context_takeover=true", kDeclined},
      {"permessage-deflate; server_no_context_takeover=\"x\"", kDeclined},
  });
}

TEST_CASE("an offer with an unknown or repeated parameter is declined", "[websocket][deflate]") {
  check({
      {"permessage-deflate; unknown", kDeclined},
      {"permessage-deflate; client_max_window_bits; unknown=3", kDeclined},
      {"permessage-deflate; Server_No_Context_Takeover", kDeclined},
      {"permessage-deflate; server_no_context_takeover; server_no_context_takeover", kDeclined},
      {"permessage-deflate; client_no_context_takeover; client_no_context_takeover", kDeclined},
      {"permessage-deflate; server_max_window_bits=10; server_max_window_bits=10", kDeclined},
      {"permessage-deflate; client_max_window_bits=10; client_max_window_bits", kDeclined},
  });
}

TEST_CASE("the first acceptable offer counts", "[websocket][deflate]") {
  check({
      {"permessage-deflate; server_max_window_bits=10, permessage-deflate", named(10)},
      {"permessage-deflate; unknown, permessage-deflate; server_max_window_bits=10", named(10)},
      {"permessage-deflate, permessage-deflate; server_max_window_bits=10", plain(15)},
      {"permessage-deflate; server_max_window_bits=7, permessage-deflate; unknown", kDeclined},
      {"x-webkit-deflate-frame, permessage-deflate; client_max_window_bits", plain(15)},
      {"permessage-bzip2; level=9, permessage-deflate; server_max_window_bits=13", named(13)},
      {"permessage-foo; server_max_window_bits=9; server_max_window_bits=9; x=\"y\", permessage-deflate", plain(15)},
  });
}

TEST_CASE("other extensions are not permessage-deflate", "[websocket][deflate]") {
  check({
      {"", kDeclined},
      {"permessage-deflat", kDeclined},
      {"permessage-deflate2", kDeclined},
      {"xpermessage-deflate", kDeclined},
      {"Permessage-Deflate", kDeclined},
      {"deflate-frame, x-webkit-deflate-frame", kDeclined},
      {"other; permessage-deflate", kDeclined},
      {"other; x=permessage-deflate", kDeclined},
  });
}

TEST_CASE("space and empty elements between the parts mean nothing", "[websocket][deflate]") {
  check({
      {"permessage-deflate;server_max_window_bits=10", named(10)},
      {"  \tpermessage-deflate\t ;\t server_max_window_bits \t=\t 10 \t", named(10)},
      {"a,permessage-deflate", plain(15)},
      {" , ,permessage-deflate, ,", plain(15)},
      {",", kDeclined},
      {"   ", kDeclined},
  });
}

TEST_CASE("a quoted value is the same as a token", "[websocket][deflate]") {
  check({
      {"permessage-deflate; server_max_window_bits=\"10\"", named(10)},
      {"permessage-deflate; server_max_window_bits=\"1\\0\"", named(10)},
      {"permessage-deflate; server_max_window_bits = \"\\9\" ; client_max_window_bits=\"15\"", named(9)},
      {"permessage-deflate; server_max_window_bits=\"16\"", kDeclined},
      {"other; x=\"a\\b\", permessage-deflate", plain(15)},
  });
}

TEST_CASE("a value that breaks the grammar anywhere is declined as a whole", "[websocket][deflate]") {
  check({
      {"permessage-deflate;", kDeclined},
      {"permessage-deflate; ", kDeclined},
      {"permessage-deflate;;client_max_window_bits", kDeclined},
      {"permessage-deflate; client_max_window_bits=", kDeclined},
      {"permessage-deflate; =15", kDeclined},
      {"permessage-deflate client_max_window_bits", kDeclined},
      {"permessage-deflate=1", kDeclined},
      {"; permessage-deflate", kDeclined},
      {"permessage-deflate, other;", kDeclined},
      {"permessage-deflate, \"other\"", kDeclined},
      {"other; x=\"open, permessage-deflate", kDeclined},
      {"permessage-deflate, other; x=\"open", kDeclined},
      {"other; x=\"\", permessage-deflate", kDeclined},
      {"other; x=\"a b\", permessage-deflate", kDeclined},
      {"other; x=\"a,b\", permessage-deflate", kDeclined},
      {"other; x=\"a\\", kDeclined},
      {"other; x=\"a\\\"\", permessage-deflate", kDeclined},
      {"other; x=\"a\"b, permessage-deflate", kDeclined},
      {"permessage-deflate, other@", kDeclined},
      {"permessage-deflate\r\n", kDeclined},
      {"permessage-deflate, caf\xC3\xA9", kDeclined},
      {std::string_view("permessage-deflate\0", 19), kDeclined},
  });
}

TEST_CASE("a long header is read to its end", "[websocket][deflate]") {
  std::string offers;
  std::string parameters = "permessage-deflate";
  for (int i = 0; i < 100000; ++i) {
    offers += "permessage-deflate; server_max_window_bits=8,";
    parameters += ";client_max_window_bits";
  }
  CHECK(acceptDeflate(offers, 15) == kDeclined);
  CHECK(acceptDeflate(offers + "permessage-deflate", 15) == plain(15));
  CHECK(acceptDeflate(parameters + ",permessage-deflate;server_max_window_bits=9", 15) == named(9));
  CHECK(acceptDeflate("other; x=\"" + std::string(1000000, 'a') + "\", permessage-deflate", 15) == plain(15));
  CHECK(acceptDeflate("other; x=\"" + std::string(1000000, '\\'), 15) == kDeclined);
}

TEST_CASE("the answer holds both sides to no context takeover", "[websocket][deflate]") {
  const std::string both = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
  CHECK(answer({15, false}) == both);
  CHECK(answer({15, true}) == both + "; server_max_window_bits=15");
  CHECK(answer({9, true}) == both + "; server_max_window_bits=9");
}
