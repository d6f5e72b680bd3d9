#include "core/api/json_writer.h"

#include <catch2/catch.hpp>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>

using mediasync::api::JsonWriter;
using nlohmann::json;

namespace {

std::string numberText(double value) {
  std::string out;
  JsonWriter(out).number(value);
  return out;
}

std::string stringText(std::string_view value) {
  std::string out;
  JsonWriter(out).string(value);
  return out;
}

}  // namespace

TEST_CASE("structures get their commas and colons, after what the buffer held", "[api]") {
  std::string out = "42";
  JsonWriter writer(out);
  writer.beginArray().string("e").beginObject();
  writer.key("a").integer(-5).key("b").beginArray().null().boolean(true).boolean(false).endArray();
  writer.key("c").beginObject().endObject().key("d").beginArray().endArray();
  writer.key("e").stringOrNull(std::nullopt).key("f").stringOrNull("x");
  writer.key("g").numberOrNull(std::nullopt).key("h").numberOrNull(0.5).key("i").raw("[1]");
  writer.endObject().number(7).endArray();
  CHECK(out == R"(42["e",{"a":-5,"b":[null,true,false],"c":{},"d":[],"e":null,"f":"x","g":null,"h":0.5,"i":[1]},7])");
}

TEST_CASE("numbers are written in their shortest exact form", "[api]") {
  CHECK(numberText(10) == "10");
  CHECK(numberText(0) == "0");
  CHECK(numberText(-0.0) == "0");
  CHECK(numberText(-3) == "-3");
  CHECK(numberText(123.45) == "123.45");
  CHECK(numberText(0.1) == "0.1");
  CHECK(numberText(0.0625) == "0.0625");
  CHECK(numberText(1e15) == "1000000000000000");
  CHECK(numberText(9007199254740991.0) == "9007199254740991");
  CHECK(numberText(1640995200.123) == "1640995200.123");
}

TEST_CASE("numbers without a JSON form are null", "[api]") {
  CHECK(numberText(std::numeric_limits<double>::infinity()) == "null");
  CHECK(numberText(std::numeric_limits<double>::quiet_NaN()) == "null");
}

TEST_CASE("every finite double reads back as itself", "[api]") {
  using Limits = std::numeric_limits<double>;
  for (const double value : {Limits::max(), Limits::min(), Limits::denorm_min(), Limits::lowest(), 1e21, 1e-7,
                             9007199254740992.0, 9007199254740993.5, 1.0 / 3.0}) {
    CHECK(json::parse(numberText(value)).get<double>() == value);
  }
  std::mt19937_64 random(1);
  for (int i = 0; i < 20000; ++i) {
    const double value = std::ldexp(static_cast<double>(random()), static_cast<int>(random() % 200) - 130);
    if (json::parse(numberText(value)).get<double>() != value) FAIL("lost " << numberText(value));
  }
}

TEST_CASE("integers keep every digit", "[api]") {
  std::string out;
  JsonWriter(out).integer(std::numeric_limits<std::int64_t>::min());
  CHECK(out == "-9223372036854775808");
}

TEST_CASE("strings are escaped where JSON needs it and nowhere else", "[api]") {
  CHECK(stringText("") == R"("")");
  CHECK(stringText("say \"hi\" \\ /") == R"("say \"hi\" \\ /")");
  CHECK(stringText("\b\f\n\r\t") == R"("\b\f\n\r\t")");
  CHECK(stringText(std::string_view("\0\x01\x1f\x7f", 4)) == "\"\\u0000\\u0001\\u001f\x7f\"");
  CHECK(stringText("Zoë 🎬 \u2028") == "\"Zoë 🎬 \u2028\"");
}

TEST_CASE("strings read back as themselves", "[api]") {
  std::string all;
  for (int c = 0; c < 0x80; ++c)
    all += static_cast<char>(c);
  all += "é€🎬\u2028\u2029\u0085";
  CHECK(json::parse(stringText(all)).get<std::string>() == all);
}
