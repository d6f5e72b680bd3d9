#include "core/socketio/namespace_query.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <string>

using namespace mediasync::socketio;
using nlohmann::json;

TEST_CASE("the query of a namespace becomes parameters", "[socketio][query]") {
  struct Row {
    const char* text;
    const char* nsp;
    json object;
  };
  const Row row = GENERATE_COPY(values<Row>({
      {"/", "/", json::object()},
      {"/chat", "/chat", json::object()},
      {"/chat?", "/chat", json::object()},
      {"/?token=abc", "/", {{"token", "abc"}}},
      {"/chat?a=1&b=2", "/chat", {{"a", "1"}, {"b", "2"}}},
      {"/chat?a=1&a=2", "/chat", {{"a", "2"}}},
      {"/chat?a", "/chat", {{"a", ""}}},
      {"/chat?a=", "/chat", {{"a", ""}}},
      {"/chat?=1", "/chat", json::object()},
      {"/chat?=", "/chat", json::object()},
      {"/chat?&&a=1&&", "/chat", {{"a", "1"}}},
      {"/chat?&", "/chat", json::object()},
      {"/chat?a=b=c", "/chat", {{"a", "b=c"}}},
      {"/chat?a=1?b=2", "/chat", {{"a", "1?b=2"}}},
      {"/chat?a=x+y", "/chat", {{"a", "x y"}}},
      {"/chat?a=x%20y%2Bz", "/chat", {{"a", "x y+z"}}},
      {"/chat?%61%62=%2f%2F", "/chat", {{"ab", "//"}}},
      {"/chat?a=%26%3D%3F", "/chat", {{"a", "&=?"}}},
      {"/chat?a=%E2%82%AC", "/chat", {{"a", "\xE2\x82\xAC"}}},
      {"/chat?a=\xE2\x82\xAC", "/chat", {{"a", "\xE2\x82\xAC"}}},
      {"/chat?a=%", "/chat", {{"a", "%"}}},
      {"/chat?a=%4", "/chat", {{"a", "%4"}}},
      {"/chat?a=%4g%g4%", "/chat", {{"a", "%4g%g4%"}}},
      {"/chat?a=%%41", "/chat", {{"a", "%A"}}},
      {"/chat?a=%2541", "/chat", {{"a", "%41"}}},  // decoded once
      {"/chat?a=%ff&b=1", "/chat", {{"b", "1"}}},  // not UTF-8
      {"/chat?%ff=1&b=1", "/chat", {{"b", "1"}}},
      {"/chat?a=%E2%82&b=1", "/chat", {{"b", "1"}}},
      {"/chat?a=%C0%80&b=1", "/chat", {{"b", "1"}}},
      {"?a=1", "", {{"a", "1"}}},
      {"", "", json::object()},
  }));
  CAPTURE(row.text);
  std::string nsp = row.text;
  json object = json::object();
  splitQuery(nsp, object);
  CHECK(nsp == row.nsp);
  CHECK(object == row.object);
}

TEST_CASE("what a query says is added to what is there, and replaces what has its name", "[socketio][query]") {
  std::string nsp = "/chat?a=new&b=2&__proto__=x";
  json object{{"a", 1}, {"c", {1, 2}}};
  splitQuery(nsp, object);
  CHECK(object == json{{"a", "new"}, {"b", "2"}, {"c", {1, 2}}, {"__proto__", "x"}});
}

TEST_CASE("a byte of zero in a query stays one", "[socketio][query]") {
  std::string nsp = "/chat?a=x%00y";
  json object = json::object();
  splitQuery(nsp, object);
  CHECK(object["a"] == std::string("x\0y", 3));
}
