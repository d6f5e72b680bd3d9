#include <catch2/catch.hpp>

#include "core/api/rest_request.h"
#include "core/api/rest_response.h"
#include "core/api/rest_route.h"
#include "tests/unit/api/sample_session.h"

using namespace mediasync;
using namespace mediasync::api;
using nlohmann::json;
using Kind = Route::Kind;

namespace {

constexpr auto kSeconds = TimestampUnit::kSeconds;

std::string complaintOf(std::string_view body) {
  const auto parsed = parseCreate(body);
  const auto* bad = std::get_if<BadRequest>(&parsed);
  return bad != nullptr ? bad->message : "";
}

constexpr const char* kNotJson = "The body is not valid JSON or is nested too deeply";
constexpr const char* kNotObject = "The body must be a JSON object";
constexpr const char* kBadId = "creatorId must be 1 to 128 bytes of text without control characters";
constexpr const char* kBadName = "creatorName must be 1 to 256 bytes of text without control characters";

}  // namespace

TEST_CASE("REST routes", "[api]") {
  constexpr const char* kAll = "GET, HEAD, POST, OPTIONS";
  constexpr const char* kOne = "GET, HEAD, OPTIONS";
  struct Row {
    Method method;
    std::string path;
    Kind kind;
    std::string id;
    const char* allow;
  };
  const std::string longest(128, 'x');
  std::string longestEncoded;
  for (int i = 0; i < 128; ++i)
    longestEncoded += "%78";
  const Row rows[] = {
      {Method::kGet, "", Kind::kList, "", kAll},
      {Method::kGet, "/", Kind::kList, "", kAll},
      {Method::kHead, "", Kind::kList, "", kAll},
      {Method::kPost, "", Kind::kCreate, "", kAll},
      {Method::kPost, "/", Kind::kCreate, "", kAll},
      {Method::kOptions, "/", Kind::kMethodNotAllowed, "", kAll},
      {Method::kOther, "", Kind::kMethodNotAllowed, "", kAll},
      {Method::kGet, "/abc", Kind::kShow, "abc", kOne},
      {Method::kHead, "/abc", Kind::kShow, "abc", kOne},
      {Method::kPost, "/abc", Kind::kMethodNotAllowed, "", kOne},
      {Method::kOptions, "/abc", Kind::kMethodNotAllowed, "", kOne},
      {Method::kOther, "/abc", Kind::kMethodNotAllowed, "", kOne},
      {Method::kGet, "/a%2Fb%2fc", Kind::kShow, "a/b/c", kOne},
      {Method::kGet, "/%F0%9F%8E%AC+x%20y", Kind::kShow, "🎬+x y", kOne},
      {Method::kGet, "/%25%32%35", Kind::kShow, "%25", kOne},
      {Method::kGet, "/%3f%23", Kind::kShow, "?#", kOne},
      {Method::kGet, "/é", Kind::kShow, "é", kOne},
      {Method::kGet, "/" + longest, Kind::kShow, longest, kOne},
      {Method::kGet, "/" + longestEncoded, Kind::kShow, longest, kOne},
      {Method::kGet, "/" + longest + "x", Kind::kNotFound, "", ""},
      {Method::kGet, "/" + longestEncoded + "%78", Kind::kNotFound, "", ""},
      {Method::kGet, "/abc/", Kind::kNotFound, "", ""},
      {Method::kGet, "/abc/def", Kind::kNotFound, "", ""},
      {Method::kOther, "/abc/def", Kind::kNotFound, "", ""},
      {Method::kGet, "//", Kind::kNotFound, "", ""},
      {Method::kGet, "//abc", Kind::kNotFound, "", ""},
      {Method::kGet, "abc", Kind::kNotFound, "", ""},
      {Method::kGet, "/%", Kind::kNotFound, "", ""},
      {Method::kGet, "/a%2", Kind::kNotFound, "", ""},
      {Method::kGet, "/%zz", Kind::kNotFound, "", ""},
      {Method::kGet, "/%-1", Kind::kNotFound, "", ""},
      {Method::kGet, "/%00", Kind::kNotFound, "", ""},
      {Method::kGet, "/a%0Ab", Kind::kNotFound, "", ""},
      {Method::kGet, "/%C2%85", Kind::kNotFound, "", ""},
      {Method::kGet, "/%FF", Kind::kNotFound, "", ""},
      {Method::kGet, "/%C0%AF", Kind::kNotFound, "", ""},
  };
  for (const Row& row : rows) {
    INFO(row.path);
    const Route found = route(row.method, row.path);
    CHECK(found.kind == row.kind);
    CHECK(found.sessionId == row.id);
    CHECK(found.allow == row.allow);
  }
}

TEST_CASE("JSON content types", "[api]") {
  for (const char* type : {"application/json", "Application/JSON", "application/json; charset=utf-8",
                           " application/json ;x", "application/json;"}) {
    CHECK(isJsonContentType(type));
  }
  for (const char* type : {"", ";", "text/plain", "application/jsonp", "application/json-patch+json", "json",
                           "text/plain; application/json", "application/json, text/plain"}) {
    CHECK_FALSE(isJsonContentType(type));
  }
}

TEST_CASE("a creation is read from its body", "[api]") {
  const auto parsed = parseCreate(
      R"( {"x":[{"creatorId":"no"}],"creatorId":"u \"1\"","y":{"creatorName":"no","z":null},"creatorName":"\ud83c\udfac Zoë"} )");
  REQUIRE(std::holds_alternative<CreateSession>(parsed));
  CHECK(std::get<CreateSession>(parsed).creatorId == "u \"1\"");
  CHECK(std::get<CreateSession>(parsed).creatorName == "🎬 Zoë");
}

TEST_CASE("a creation may bring the secret of its creator", "[api]") {
  const auto secretOf = [](const std::string& value) {
    const auto parsed = parseCreate(R"({"creatorId":"a","creatorName":"n","creatorSecret":)" + value + "}");
    REQUIRE(std::holds_alternative<CreateSession>(parsed));
    return std::get<CreateSession>(parsed).creatorSecret;
  };
  CHECK(secretOf(R"("12345678")") == "12345678");
  CHECK(secretOf("null") == std::nullopt);
  for (const char* value : {R"("1234567")", R"("")", "12345678", "{}", R"(["12345678"])", R"("1234567\n8")"}) {
    CHECK(complaintOf(std::string(R"({"creatorId":"a","creatorName":"n","creatorSecret":)") + value + "}") ==
          "creatorSecret must be 8 to 128 bytes of text without control characters");
  }
}

TEST_CASE("the last of equal keys counts", "[api]") {
  const auto parsed = parseCreate(R"({"creatorId":7,"creatorName":"n","creatorId":"a","creatorId":"b"})");
  REQUIRE(std::holds_alternative<CreateSession>(parsed));
  CHECK(std::get<CreateSession>(parsed).creatorId == "b");
  CHECK(complaintOf(R"({"creatorId":"a","creatorName":"n","creatorId":7})") == kBadId);
  CHECK(complaintOf(R"({"creatorId":"a","creatorName":"n","creatorId":{}})") == kBadId);
}

TEST_CASE("a body that is not a creation is refused with its reason", "[api]") {
  struct Row {
    std::string body;
    const char* message;
  };
  const Row rows[] = {
      {"", kNotJson},
      {"{", kNotJson},
      {"{}x", kNotJson},
      {"{\"creatorId\":\"\xff\"}", kNotJson},
      {R"({"creatorId":"\ud800","creatorName":"n"})", kNotJson},
      {R"({"creatorId":"a","creatorName":"n","x":1e999})", kNotJson},
      {"null", kNotObject},
      {"5", kNotObject},
      {R"("creatorId")", kNotObject},
      {R"([{"creatorId":"a","creatorName":"n"}])", kNotObject},
      {"{}", kBadId},
      {R"({"creatorName":"n"})", kBadId},
      {R"({"creatorId":"","creatorName":"n"})", kBadId},
      {R"({"creatorId":5,"creatorName":"n"})", kBadId},
      {R"({"creatorId":-5,"creatorName":"n"})", kBadId},
      {R"({"creatorId":1.5,"creatorName":"n"})", kBadId},
      {R"({"creatorId":true,"creatorName":"n"})", kBadId},
      {R"({"creatorId":null,"creatorName":"n"})", kBadId},
      {R"({"creatorId":["a"],"creatorName":"n"})", kBadId},
      {R"({"creatorId":{"creatorId":"a"},"creatorName":"n"})", kBadId},
      {R"({"creatorId":"a\u0000b","creatorName":"n"})", kBadId},
      {R"({"creatorId":")" + std::string(129, 'x') + R"(","creatorName":"n"})", kBadId},
      {R"({"creatorId":"a"})", kBadName},
      {R"({"creatorId":"a","creatorName":""})", kBadName},
      {R"({"creatorId":"a","creatorName":7})", kBadName},
      {R"({"creatorId":"a","creatorName":"b\nc"})", kBadName},
      {R"({"creatorId":"a","creatorName":")" + std::string(257, 'x') + R"("})", kBadName},
  };
  for (const Row& row : rows) {
    INFO(row.body);
    CHECK(complaintOf(row.body) == row.message);
  }
}

TEST_CASE("nesting is bounded", "[api]") {
  const auto nested = [](std::size_t depth) {
    return R"({"creatorId":"a","creatorName":"n","x":)" + std::string(depth, '[') + std::string(depth, ']') + "}";
  };
  CHECK(complaintOf(nested(31)).empty());
  CHECK(complaintOf(nested(32)) == kNotJson);
  CHECK(complaintOf(std::string(1000000, '[')) == kNotJson);
}

TEST_CASE("the answer to a creation", "[api]") {
  std::string out;
  appendCreated(out, "s\"1", "u🎬");
  CHECK(json::parse(out) == json({{"success", true},
                                  {"sessionId", "s\"1"},
                                  {"creatorId", "u🎬"},
                                  {"message", "Session created successfully"}}));
}

TEST_CASE("one session over REST", "[api]") {
  std::string out;
  appendSession(out, sample::session(), kSeconds);
  CHECK(json::parse(out) == json({{"success", true}, {"session", sample::sessionJson()}}));
}

TEST_CASE("the session list", "[api]") {
  const session::SessionSummary sessions[] = {{"a", 2, 1, true, 1672531200000, 1640995200123},
                                              {"b\"", 0, 0, false, 0, 1640995200000}};
  const auto line = [](const char* id, int users, int connected, bool media, const char* created, json active) {
    return json{{"sessionId", id},   {"userCount", users},   {"connectedCount", connected},
                {"hasMedia", media}, {"createdAt", created}, {"lastActivity", std::move(active)}};
  };
  const auto whole = [](std::span<const session::SessionSummary> all, TimestampUnit unit) {
    std::string list;
    beginSessionList(list);
    addSessions(list, all, false, unit);
    endSessionList(list, all.size(), std::nullopt);
    return list;
  };
  const std::string out = whole(sessions, kSeconds);
  CHECK(json::parse(out) == json({{"success", true},
                                  {"sessions",
                                   {line("a", 2, 1, true, "2023-01-01T00:00:00.000Z", 1640995200.123),
                                    line("b\"", 0, 0, false, "1970-01-01T00:00:00.000Z", 1640995200)}},
                                  {"totalSessions", 2}}));
  CHECK(whole({}, kSeconds) == R"({"success":true,"sessions":[],"totalSessions":0})");
  CHECK(json::parse(whole(sessions, TimestampUnit::kMilliseconds))["sessions"][0]["lastActivity"] == 1640995200123);
  std::string pieces;
  beginSessionList(pieces);
  addSessions(pieces, std::span(sessions).first(1), false, kSeconds);
  addSessions(pieces, {}, true, kSeconds);
  addSessions(pieces, std::span(sessions).last(1), true, kSeconds);
  endSessionList(pieces, 2, std::nullopt);
  CHECK(pieces == out);
}

TEST_CASE("a failed request", "[api]") {
  std::string out;
  appendFailure(out, "No \"such\" session");
  CHECK(json::parse(out) == json({{"success", false}, {"message", "No \"such\" session"}}));
}

TEST_CASE("the part of the list that is asked for", "[api][rest]") {
  const auto read = [](std::string_view query) { return std::get<ListQuery>(parseList(query)); };
  CHECK(read("").limit == ListQuery::kMaxLimit);
  CHECK(read("").after == ListPlace{});
  CHECK(read("").isWhole);
  CHECK(read("x=y").isWhole);
  CHECK_FALSE(read("limit=1").isWhole);
  CHECK_FALSE(read("after=0-1").isWhole);
  CHECK(read("limit=1").limit == 1);
  CHECK(read("limit=1000&after=12-281474976710657").after == ListPlace{12, 281474976710657});
  CHECK(read("x=y&&after=7-0&limit=5&limit=0").limit == 5);
  CHECK(read("limit=&limited=3").limit == ListQuery::kMaxLimit);
  for (const std::string_view bad :
       {"limit=0", "limit=1001", "limit=x", "limit=1x", "limit=-1", "limit=+1", "after=x", "after=0", "after=-1",
        "after=1-", "after=-", "after=1-2-3", "after=+1-2", "after=0-18446744073709551616", "limit=4294967297"}) {
    CAPTURE(bad);
    CHECK(std::holds_alternative<BadRequest>(parseList(bad)));
  }
}

TEST_CASE("a list that goes on says where", "[api][rest]") {
  std::string out;
  beginSessionList(out);
  endSessionList(out, 12, ListPlace{7, 281474976710657});
  CHECK(out == R"({"success":true,"sessions":[],"totalSessions":12,"next":"7-281474976710657"})");
  CHECK(parseListPlace(listPlaceText({7, 281474976710657})) == ListPlace{7, 281474976710657});
}
