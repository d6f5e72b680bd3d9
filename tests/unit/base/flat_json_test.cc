#include "core/base/flat_json.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <string>

#include "core/base/json_text.h"

using namespace mediasync;
using nlohmann::json;

namespace {

// All of the text, or nothing.
bool read(std::string_view text, FlatObject& object) {
  FlatJsonReader reader(text);
  return reader.takeObject(object) && reader.isAtEnd();
}

bool isTaken(const std::string& text) {
  FlatObject object;
  return read(text, object);
}

json valueOf(const JsonScalar& scalar) {
  switch (scalar.kind) {
    case JsonScalar::Kind::kText:
      return std::string(scalar.text);
    case JsonScalar::Kind::kNumber:
      return scalar.number;
    case JsonScalar::Kind::kBoolean:
      return scalar.boolean;
    default:
      return nullptr;
  }
}

}  // namespace

TEST_CASE("a flat object reads as JSON does", "[json]") {
  for (const char* text : {
           R"({})",
           R"({"a":1})",
           R"({"position":12.5,"isPlaying":true,"mediaUrl":"https://example.com/a.mp4","rate":0.0625,"none":null})",
           " { \"a\" : \"b\" ,\t\"c\"\n: false }\r\n",
           R"({"":0,"a":"","n":9007199254740993,"x":0.1,"y":1640995200.123})",
           R"({"a":18446744073709551615,"b":123456789012345678901234567890})",
           R"({"a":1,"b":2,"a":3})",
           R"({"a":0.30000000000000004,"b":5e0})",
       }) {
    CAPTURE(text);
    FlatObject object;
    const auto whole = parseJson(text, 1);
    REQUIRE(whole);
    if (!read(text, object)) continue;  // the last one: exponents are left to others
    for (const auto& [name, value] : whole->items()) {
      const JsonScalar* scalar = object.find(name);
      REQUIRE(scalar != nullptr);
      CHECK(valueOf(*scalar) == (value.is_number() ? json(value.get<double>()) : value));
    }
    CHECK(object.find("absent") == nullptr);
  }
}

TEST_CASE("what a flat object holds is bounded", "[json]") {
  std::string text = "{";
  for (std::size_t i = 0; i < FlatObject::kMaxFields; ++i)
    text += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":" + std::to_string(i);
  CHECK(isTaken(text + "}"));
  CHECK_FALSE(isTaken(text + ",\"more\":1}"));
}

TEST_CASE("what is not flat, or not JSON, is not taken", "[json]") {
  for (const char* text :
       {"", "{", "}", "[]", "1", "null", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{,}", "{\"a\":1}}", "{\"a\":1}x",
        "{a:1}", "{'a':1}", "{\"a\":01}", "{\"a\":00}", "{\"a\":1.}", "{\"a\":.5}", "{\"a\":+1}", "{\"a\":-1}",
        "{\"a\":1e5}", "{\"a\":1E5}", "{\"a\":0x1}", "{\"a\":1 2}", "{\"a\":Infinity}", "{\"a\":NaN}", "{\"a\":nul}",
        "{\"a\":True}", "{\"a\":tru}", "{\"a\":truee}", "{\"a\":\"\\n\"}", "{\"a\":\"\n\"}", "{\"a\":\"\x7f",
        "{\"a\":\"\xc3\xa9\"}", "{\"\xff\":1}", "{\"a\":[]}", "{\"a\":{}}", "{\"a\":1 \"b\":2}", "{\"a\"1}"}) {
    CAPTURE(text);
    CHECK_FALSE(isTaken(text));
  }
  CHECK_FALSE(isTaken(std::string("{\"a\":\"\0\"}", 9)));
  CHECK_FALSE(isTaken("{\"a\":" + std::string(400, '9') + "}"));  // beyond the range of a double
}

TEST_CASE("every prefix of a flat object is refused", "[json]") {
  const std::string text = R"({"a":1.5,"b":true,"c":null,"d":"text"})";
  for (std::size_t size = 0; size < text.size(); ++size)
    CHECK_FALSE(isTaken(text.substr(0, size)));
  CHECK(isTaken(text));
}
