#include "core/socketio/placeholders.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

using mediasync::socketio::placeholdersFit;
using nlohmann::json;

TEST_CASE("placeholders name attachments, wherever they stand", "[socketio][binary]") {
  const char* fit[] = {
      R"(["a"])",
      R"(["a",{"_placeholder":true,"num":0}])",
      R"(["a",{"_placeholder":true,"num":1},{"_placeholder":true,"num":0}])",
      R"(["a",{"b":[{"c":{"_placeholder":true,"num":1}}]}])",
      R"(["a",{"_placeholder":false,"num":9}])",
      R"(["a",{"_placeholder":"true","num":9}])",
      R"(["a",{"_placeholder":1}])",
      R"(["a",{"num":9}])",
  };
  for (const char* text : fit) {
    CAPTURE(text);
    CHECK(placeholdersFit(json::parse(text), 2));
  }
  const char* astray[] = {
      R"(["a",{"_placeholder":true,"num":0},[{"_placeholder":true,"num":0}]])",
      R"(["a",{"_placeholder":true,"num":64}])",
      R"(["a",{"_placeholder":true,"num":2}])",
      R"(["a",{"_placeholder":true,"num":-1}])",
      R"(["a",{"_placeholder":true,"num":0.5}])",
      R"(["a",{"_placeholder":true,"num":1e300}])",
      R"(["a",{"_placeholder":true,"num":18446744073709551615}])",
      R"(["a",{"_placeholder":true,"num":"0"}])",
      R"(["a",{"_placeholder":true}])",
      R"(["a",{"b":[{"_placeholder":true,"num":0},{"_placeholder":true,"num":2}]}])",
  };
  for (const char* text : astray) {
    CAPTURE(text);
    CHECK_FALSE(placeholdersFit(json::parse(text), 2));
  }
}
