#include "core/base/json_box.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <utility>

using mediasync::JsonBox;
using nlohmann::json;

TEST_CASE("a box holds null until it is given a value", "[json]") {
  JsonBox box;
  CHECK(box->is_null());
  box = json{{"a", 1}};
  CHECK(*box == json{{"a", 1}});
  const json& value = box;
  CHECK(&value == &*box);
  box = json();
  CHECK(box->is_null());
  CHECK(JsonBox(json())->is_null());
}

TEST_CASE("a box is moved with its value", "[json]") {
  JsonBox from(json::array({1, "two"}));
  JsonBox to(std::move(from));
  CHECK(*to == json::array({1, "two"}));
  from = json(3);
  to = std::move(from);
  CHECK(*to == 3);
}

TEST_CASE("a box of a text holds what was parsed, or null", "[json]") {
  CHECK(*JsonBox::parsed(R"({"a":[1]})", 2) == json::parse(R"({"a":[1]})"));
  CHECK(JsonBox::parsed("null", 2)->is_null());
  CHECK(JsonBox::parsed(R"({"a":[1]})", 1)->is_null());
  CHECK(JsonBox::parsed("{", 2)->is_null());
}
