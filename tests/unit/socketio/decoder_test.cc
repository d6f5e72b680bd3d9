#include "core/socketio/decoder.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using namespace mediasync::socketio;
using nlohmann::json;

namespace {

bool isAccepted(std::string_view text, const Limits& limits = {}) {
  Packet packet;
  return decode(text, limits, packet);
}

Packet decoded(std::string_view text) {
  CAPTURE(text);
  Packet packet;
  // Left over from a packet before: decode() must overwrite all of it.
  packet.nsp = "/old";
  packet.id = 99;
  packet.attachments = 9;
  packet.data = json("old");
  packet.hasData = true;
  REQUIRE(decode(text, {}, packet));
  return packet;
}

std::string nested(std::size_t depth) {
  return std::string(depth, '[') + std::string(depth, ']');
}

}  // namespace

TEST_CASE("CONNECT without and with data", "[socketio]") {
  const Packet bare = decoded("0");
  CHECK(bare.type == PacketType::kConnect);
  CHECK(bare.nsp == "/");
  CHECK_FALSE(bare.id);
  CHECK(bare.attachments == 0);
  CHECK_FALSE(bare.hasData);
  CHECK(bare.data->is_null());

  const Packet full = decoded(R"(0/admin,{"token":"x"})");
  CHECK(full.nsp == "/admin");
  CHECK(full.hasData);
  CHECK(*full.data == json{{"token", "x"}});
}

TEST_CASE("a namespace ends at the comma or with the packet", "[socketio]") {
  CHECK(decoded("0/admin").nsp == "/admin");
  CHECK(decoded("0/admin,").nsp == "/admin");
  CHECK(decoded("0/,").nsp == "/");
  CHECK(decoded("0/a/b?c=d,{}").nsp == "/a/b?c=d");
  CHECK(decoded("0/\xE2\x82\xAC,{}").nsp == "/\xE2\x82\xAC");
}

TEST_CASE("DISCONNECT", "[socketio]") {
  CHECK(decoded("1").type == PacketType::kDisconnect);
  CHECK(decoded("1/admin,").nsp == "/admin");
}

TEST_CASE("EVENT with and without an acknowledgement id", "[socketio]") {
  const Packet plain = decoded(R"(2["heartbeat",{"a":1}])");
  CHECK(plain.type == PacketType::kEvent);
  CHECK_FALSE(plain.id);
  CHECK(*plain.data == json::parse(R"(["heartbeat",{"a":1}])"));

  const Packet acked = decoded(R"(2/admin,456["project:delete",123])");
  CHECK(acked.nsp == "/admin");
  CHECK(acked.id == 456U);
  CHECK(*acked.data == json::parse(R"(["project:delete",123])"));
  CHECK(decoded(R"(20["a"])").id == 0U);
  CHECK(decoded(R"(2[1,"number as name"])").data->size() == 2);
}

TEST_CASE("ACK", "[socketio]") {
  const Packet packet = decoded("3/admin,456[]");
  CHECK(packet.type == PacketType::kAck);
  CHECK(packet.id == 456U);
  CHECK(*packet.data == json::array());
}

TEST_CASE("CONNECT_ERROR takes a string or an object", "[socketio]") {
  CHECK(*decoded(R"(4"no")").data == "no");
  CHECK(decoded(R"(4/admin,{"message":"Not authorized"})").data->is_object());
}

TEST_CASE("binary packets count their attachments", "[socketio]") {
  const Packet event = decoded(R"(51-/admin,456["upload",{"_placeholder":true,"num":0}])");
  CHECK(event.type == PacketType::kBinaryEvent);
  CHECK(event.attachments == 1);
  CHECK(event.nsp == "/admin");
  CHECK(event.id == 456U);
  const Packet ack = decoded(R"(610-7[{"_placeholder":true,"num":0}])");
  CHECK(ack.type == PacketType::kBinaryAck);
  CHECK(ack.attachments == 10);
  CHECK(ack.id == 7U);
}

TEST_CASE("empty text and an unknown type are refused", "[socketio]") {
  for (const std::string_view text : {"", "7", "999", "a", " ", "-1", "/", "\xFF", "[\"a\"]"}) {
    CAPTURE(text);
    CHECK_FALSE(isAccepted(text));
  }
}

TEST_CASE("illegal attachments are refused", "[socketio]") {
  for (const std::string_view text : {"5", "6", "5-[\"a\"]", "5[\"a\"]", "51[\"a\"]", "51", "5x-[\"a\"]", "51x-[\"a\"]",
                                      "50-[\"a\"]", "5-1-[\"a\"]", "51.5-[\"a\"]", "51e1-[\"a\"]", "5 1-[\"a\"]",
                                      "511-[\"a\"]", "54294967297-[\"a\"]", "599999999999999999999999-[\"a\"]"}) {
    CAPTURE(text);
    CHECK_FALSE(isAccepted(text));
  }
}

TEST_CASE("attachments are limited", "[socketio]") {
  CHECK(isAccepted("52-[\"a\"]", {.maxAttachments = 2}));
  CHECK_FALSE(isAccepted("53-[\"a\"]", {.maxAttachments = 2}));
  CHECK_FALSE(isAccepted("51-[\"a\"]", {.maxAttachments = 0}));
}

TEST_CASE("an acknowledgement id above 2^53 is refused", "[socketio]") {
  CHECK(decoded(R"(29007199254740992["a"])").id == 9007199254740992U);
  CHECK_FALSE(isAccepted(R"(29007199254740993["a"])"));
  CHECK_FALSE(isAccepted(R"(218446744073709551617["a"])"));
  CHECK_FALSE(isAccepted("2" + std::string(1000, '9') + R"(["a"])"));
}

TEST_CASE("an acknowledgement id is digits", "[socketio]") {
  for (const std::string_view text : {"2-1[\"a\"]", "21.5[\"a\"]", "21e3[\"a\"]", "2+1[\"a\"]", "2x[\"a\"]"}) {
    CAPTURE(text);
    CHECK_FALSE(isAccepted(text));
  }
}

TEST_CASE("data that does not fit the type is refused", "[socketio]") {
  // The first nine are the reference parser's own cases.
  for (const std::string_view text : {"442[\"some\",\"data\"",
                                      "0/admin,\"invalid\"",
                                      "0[]",
                                      "1/admin,{}",
                                      "2/admin,\"invalid",
                                      "2/admin,{}",
                                      "2[{\"toString\":\"foo\"}]",
                                      "2[true,\"foo\"]",
                                      "2[null,\"bar\"]",
                                      "0null",

                                      "1[]",
                                      "1null",
                                      "2",
                                      "2/admin,",
                                      "212",
                                      "2[]",
                                      "2[[\"a\"]]",
                                      "2null",
                                      "2\"a\"",
                                      "3",
                                      "31",
                                      "3{}",
                                      "3null",
                                      "4",
                                      "4[]",
                                      "41",
                                      "4null",
                                      "51-",
                                      "51-[]",
                                      "51-{}",
                                      "51-[{}]",
                                      "61-",
                                      "61-{}"}) {
    CAPTURE(text);
    CHECK_FALSE(isAccepted(text));
  }
}

TEST_CASE("digits behind the type are an id, never data", "[socketio]") {
  CHECK(decoded("01").id == 1U);
  CHECK_FALSE(decoded("01").hasData);
  CHECK_FALSE(isAccepted("41"));
}

TEST_CASE("reserved event names are refused", "[socketio]") {
  for (const std::string name :
       {"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"}) {
    CAPTURE(name);
    CHECK_FALSE(isAccepted("2[\"" + name + "\"]"));
    CHECK_FALSE(isAccepted("51-[\"" + name + "\"]"));
    CHECK(isAccepted("2[\"" + name + "x\"]"));
    CHECK(isAccepted("3[\"" + name + "\"]"));
  }
}

TEST_CASE("malformed JSON is refused", "[socketio]") {
  for (const std::string_view text :
       {"2[", "2]", "2[\"a\"", "2[\"a\"]]", "2[\"a\"]x", "2[\"a\",]", "2['a']", "2[\"a\",NaN]", "2[\"a\",01]",
        "2[\"a\",\"\x01\"]", "2[\"a\"] // comment", "2[\"a\",\"\\x\"]", "2[\"a\",\"\\", "2{", "0{\"a\"}",
        "2[\"a\",1e999]", "2[\"a\",\"\\ud800\"]"}) {
    CAPTURE(text);
    CHECK_FALSE(isAccepted(text));
  }
}

TEST_CASE("blanks around the JSON are part of it", "[socketio]") {
  CHECK(isAccepted("2 [ \"a\" , 1 ]\r\n\t"));
}

TEST_CASE("a byte order mark and a NUL are not JSON", "[socketio]") {
  CHECK_FALSE(isAccepted("2\xEF\xBB\xBF[\"a\"]"));
  CHECK_FALSE(isAccepted(std::string("2[\"a\"]\0", 7)));
  CHECK_FALSE(isAccepted(std::string("2[\"a\"]\0garbage", 14)));
}

TEST_CASE("text that is not UTF-8 is refused", "[socketio]") {
  CHECK_FALSE(isAccepted("2[\"a\xFF\"]"));
  CHECK_FALSE(isAccepted("2[\"a\",\"\xED\xA0\x80\"]"));
  CHECK_FALSE(isAccepted("0/\xFF,{}"));
}

TEST_CASE("a namespace that could not be echoed safely is refused", "[socketio]") {
  CHECK_FALSE(
      isAccepted("0/a\x1e"
                 "b,{}"));
  CHECK_FALSE(isAccepted("0/a\nb"));
  CHECK_FALSE(isAccepted("0/a\x7f"));
  CHECK_FALSE(isAccepted(std::string("0/a\0", 4)));
}

TEST_CASE("a namespace is limited in size", "[socketio]") {
  CHECK(isAccepted("0/" + std::string(255, 'a')));
  CHECK_FALSE(isAccepted("0/" + std::string(256, 'a')));
  CHECK_FALSE(isAccepted("0/abc,", {.maxNamespace = 3}));
}

TEST_CASE("nesting is limited, however deep the text is", "[socketio]") {
  CHECK(isAccepted("3" + nested(64)));
  CHECK_FALSE(isAccepted("3" + nested(65)));
  CHECK_FALSE(isAccepted("3" + std::string(1000000, '[')));
  CHECK_FALSE(isAccepted("3[{\"a\":{\"b\":1}}]", {.maxDepth = 2}));
  CHECK(isAccepted("3[{\"a\":{\"b\":1}}]", {.maxDepth = 3}));
}

TEST_CASE("nesting counts what is open at once, and nothing inside strings", "[socketio]") {
  CHECK(isAccepted("3[[],[],[],{},{}]", {.maxDepth = 2}));
  CHECK(isAccepted("3[\"[[[[{{{{\",\"\\\"[[[[\",\"\\\\\"]", {.maxDepth = 1}));
  CHECK_FALSE(isAccepted("3[\"\\\\\",[[]]]", {.maxDepth = 2}));
}

TEST_CASE("no packet cut short is taken for a whole one", "[socketio]") {
  const std::string text = R"(51-/admin,456["upload",{"_placeholder":true,"num":0}])";
  for (std::size_t size = 0; size < text.size(); ++size) {
    CAPTURE(size);
    CHECK_FALSE(isAccepted(std::string_view(text).substr(0, size)));
  }
  CHECK(isAccepted(text));
}
