#include "core/base/json_text.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <string>

using namespace mediasync;

namespace {

std::string repeated(std::string_view part, std::size_t times) {
  std::string text;
  for (std::size_t i = 0; i < times; ++i)
    text += part;
  return text;
}

}  // namespace

TEST_CASE("JSON of more values than there may be is refused, whatever they are", "[json]") {
  CHECK(parseJson("[" + repeated("1,", 98) + "1]", 8, 100));
  CHECK_FALSE(parseJson("[" + repeated("1,", 99) + "1]", 8, 100));
  CHECK_FALSE(parseJson("[" + repeated("[],", 60) + "[]]", 8, 100));
  CHECK_FALSE(parseJson("[" + repeated("{},", 60) + "{}]", 8, 100));
  CHECK_FALSE(parseJson("{" + repeated(R"("a":1,)", 99) + R"("a":1})", 8, 100));
  CHECK(parseJson("[\"" + repeated(",[{\\\"", 200) + "\"]", 8, 100));  // within a string they are text
  CHECK(parseJson("[" + repeated("1,", 60'000) + "1]", 8));
  CHECK_FALSE(parseJson("[" + repeated("1,", 70'000) + "1]", 8));
}

TEST_CASE("an event is an array that begins with its name", "[json]") {
  CHECK(isEventArray(R"(["name"])", 8));
  CHECK(isEventArray(R"( ["", {"a":[1]}, 2] )", 3));
  for (const auto* text : {"", "[]", "[1]", "[null,\"name\"]", R"([["name"]])", "\"name\"", "{\"0\":\"name\"}", "null",
                           "[\"name\"", "[\"name\"]x", "[\"\xff\"]"}) {
    CAPTURE(text);
    CHECK_FALSE(isEventArray(text, 8));
  }
  CHECK_FALSE(isEventArray(R"(["", {"a":[1]}])", 2));
}
