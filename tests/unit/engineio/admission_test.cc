#include "core/engineio/admission.h"

#include <catch2/catch.hpp>
#include <string>

using namespace mediasync::engineio;

namespace {

struct Case {
  std::string query;
  Method method = Method::kGet;
  bool asksWebSocket = false;
};

constexpr bool kRevision3Allowed = true;
constexpr bool kRevision4Only = false;

std::string nameOf(Ask ask) {
  switch (ask) {
    case Ask::kOpenPolling:
      return "open polling";
    case Ask::kPoll:
      return "poll";
    case Ask::kPost:
      return "post";
    case Ask::kUnknownMethod:
      return "unknown method";
    case Ask::kOpenWebSocket:
      return "open websocket";
    case Ask::kUpgrade:
      return "upgrade";
  }
  return "?";
}

std::string nameOf(Reason reason) {
  switch (reason) {
    case Reason::kTransport:
      return "transport";
    case Reason::kRevision3:
      return "revision 3";
    case Reason::kRevision:
      return "revision";
    case Reason::kMethod:
      return "method";
    case Reason::kTransportMismatch:
      return "transport mismatch";
  }
  return "?";
}

// "poll v4", "open polling v3 base64", or the status, the body and the reason: "400 Transport unknown: transport".
std::string answerTo(const Case& one, bool allowsRevision3) {
  const auto admitted = admit({parseQuery(one.query), one.method, one.asksWebSocket}, allowsRevision3);
  if (const auto* refusal = std::get_if<Refusal>(&admitted)) {
    return std::to_string(httpStatus(refusal->error)) + ' ' + std::string(message(refusal->error)) + ": " +
           nameOf(refusal->reason);
  }
  const auto& admission = std::get<Admission>(admitted);
  return nameOf(admission.ask) + " v" + std::to_string(static_cast<int>(admission.protocol.revision)) +
         (admission.protocol.base64 ? " base64" : "");
}

using Table = std::initializer_list<std::pair<Case, std::string>>;

void check(bool allowsRevision3, Table table) {
  for (const auto& [one, expected] : table) {
    CAPTURE(one.query, static_cast<int>(one.method), one.asksWebSocket, allowsRevision3);
    CHECK(answerTo(one, allowsRevision3) == expected);
  }
}

// Whether revision 3 is allowed makes no difference.
void check(Table table) {
  check(kRevision3Allowed, table);
  check(kRevision4Only, table);
}

}  // namespace

TEST_CASE("what a valid request asks for follows from its transport, sid and method", "[engineio]") {
  check({
      {{"EIO=4&transport=polling"}, "open polling v4"},
      {{"EIO=4&transport=polling&sid="}, "open polling v4"},
      {{"EIO=4&transport=polling&sid=a"}, "poll v4"},
      {{"EIO=4&transport=polling&sid=a", Method::kPost}, "post v4"},
      {{"EIO=4&transport=polling&sid=a", Method::kOther}, "unknown method v4"},
      {{"EIO=4&transport=websocket", Method::kGet, true}, "open websocket v4"},
      {{"EIO=4&transport=websocket&sid=a", Method::kGet, true}, "upgrade v4"},
  });
}

TEST_CASE("transports are known by exactly two names", "[engineio]") {
  for (const std::string transport :
       {"", "&transport", "&transport=", "&transport=Polling", "&transport=WEBSOCKET", "&transport=polling2",
        "&transport=polling%20", "&transport=webtransport", "&transport=flashsocket", "&Transport=polling"}) {
    check({
        {{"EIO=4" + transport}, "400 Transport unknown: transport"},
        {{"EIO=4&sid=a" + transport}, "400 Transport unknown: transport"},
        {{"EIO=4" + transport, Method::kGet, true}, "400 Transport unknown: transport"},
    });
  }
}

TEST_CASE("JSONP is an unknown transport, and no matter of WebSocket", "[engineio]") {
  check(kRevision3Allowed,
        {
            {{"EIO=3&transport=polling&j=0"}, "400 Transport unknown: transport"},
            {{"EIO=4&transport=polling&j"}, "400 Transport unknown: transport"},
            {{"EIO=3&transport=polling&sid=a&j=0"}, "400 Transport unknown: transport"},
            {{"EIO=3&transport=polling&sid=a&j=0", Method::kPost}, "400 Transport unknown: transport"},
            {{"EIO=3&transport=websocket&j=0", Method::kGet, true}, "open websocket v3"},
        });
}

TEST_CASE("a handshake without EIO, or with 3, is of revision 3 where that is allowed", "[engineio]") {
  for (const std::string query : {"transport=polling", "EIO=3&transport=polling", "EIO=3&EIO=4&transport=polling"}) {
    check(kRevision3Allowed, {{{query}, "open polling v3"}});
    check(kRevision4Only, {{{query}, "400 Unsupported protocol version: revision 3"}});
  }
  check(kRevision3Allowed, {{{"transport=websocket", Method::kGet, true}, "open websocket v3"}});
  check(kRevision4Only,
        {{{"transport=websocket", Method::kGet, true}, "400 Unsupported protocol version: revision 3"}});
}

TEST_CASE("a handshake of any other revision is refused everywhere", "[engineio]") {
  for (const std::string eio : {"EIO", "EIO=", "EIO=2", "EIO=5", "EIO=04", "EIO=4.0", "EIO=%34", "EIO=44", "EIO=-4"}) {
    check({
        {{eio + "&transport=polling"}, "400 Unsupported protocol version: revision"},
        {{eio + "&transport=websocket", Method::kGet, true}, "400 Unsupported protocol version: revision"},
    });
  }
}

TEST_CASE("b64 counts in revision 3 only", "[engineio]") {
  check(kRevision3Allowed, {
                               {{"EIO=3&transport=polling&b64=1"}, "open polling v3 base64"},
                               {{"transport=polling&b64=true"}, "open polling v3 base64"},
                               {{"EIO=3&transport=websocket&b64=1", Method::kGet, true}, "open websocket v3 base64"},
                               {{"EIO=3&transport=polling&b64=0"}, "open polling v3"},
                               {{"EIO=4&transport=polling&b64=1"}, "open polling v4"},
                           });
}

TEST_CASE("requests of a connection may name any revision", "[engineio]") {
  for (const std::string query : {"transport=polling&sid=a", "EIO=3&transport=polling&sid=a",
                                  "EIO=5&transport=polling&sid=a", "EIO=&transport=polling&sid=a"}) {
    check(kRevision4Only, {{{query}, "poll v4"}, {{query, Method::kPost}, "post v4"}});
  }
  check(kRevision3Allowed, {
                               {{"EIO=3&transport=polling&sid=a"}, "poll v3"},
                               {{"EIO=3&transport=polling&sid=a&b64=1"}, "poll v3 base64"},
                               {{"EIO=5&transport=polling&sid=a"}, "poll v4"},
                           });
  check(kRevision4Only, {{{"EIO=3&transport=websocket&sid=a", Method::kGet, true}, "upgrade v4"}});
}

TEST_CASE("a handshake is a GET", "[engineio]") {
  for (const Method method : {Method::kPost, Method::kOther}) {
    check({
        {{"EIO=4&transport=polling", method}, "400 Bad handshake method: method"},
        {{"EIO=4&transport=websocket", method}, "400 Bad handshake method: method"},
        {{"EIO=4&transport=websocket", method, true}, "400 Bad handshake method: method"},
    });
  }
}

TEST_CASE("a WebSocket's request is an upgrade, and that of polling is none", "[engineio]") {
  check({
      {{"EIO=4&transport=websocket"}, "400 Bad request: transport mismatch"},
      {{"EIO=4&transport=websocket&sid=a"}, "400 Bad request: transport mismatch"},
      {{"EIO=4&transport=websocket&sid=a", Method::kPost}, "400 Bad request: transport mismatch"},
      {{"EIO=4&transport=polling", Method::kGet, true}, "400 Bad request: transport mismatch"},
      {{"EIO=4&transport=polling&sid=a", Method::kGet, true}, "400 Bad request: transport mismatch"},
      {{"EIO=4&transport=polling&sid=a", Method::kPost, true}, "400 Bad request: transport mismatch"},
  });
}

// The WebSocket's own rules refuse it afterwards.
TEST_CASE("the method of an upgrade is not a matter of Engine.IO", "[engineio]") {
  check({{{"EIO=4&transport=websocket&sid=a", Method::kPost, true}, "upgrade v4"}});
}

TEST_CASE("of several errors the first is told: transport, revision, method, mismatch", "[engineio]") {
  check({
      {{"EIO=5&transport=x", Method::kPost, true}, "400 Transport unknown: transport"},
      {{"EIO=5&transport=polling", Method::kPost, true}, "400 Unsupported protocol version: revision"},
      {{"EIO=4&transport=polling", Method::kPost, true}, "400 Bad handshake method: method"},
      {{"EIO=4&transport=polling", Method::kGet, true}, "400 Bad request: transport mismatch"},
      {{"EIO=5&transport=websocket", Method::kOther}, "400 Unsupported protocol version: revision"},
      {{"EIO=4&transport=websocket", Method::kOther}, "400 Bad handshake method: method"},
  });
  check(kRevision4Only, {{{"transport=polling", Method::kPost, true}, "400 Unsupported protocol version: revision 3"}});
}
