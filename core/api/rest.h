// The REST endpoints: which one a request means, what its body says, and the bodies of the answers.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "core/api/timestamps.h"
#include "core/session/snapshot.h"

namespace mediasync::api {

enum class Method { kGet, kHead, kPost, kOptions, kOther };

struct Route {
  enum class Kind { kList, kCreate, kShow, kNotFound, kMethodNotAllowed };

  Kind kind = Kind::kNotFound;
  std::string sessionId;   // kShow: percent-decoded, satisfies isId
  std::string_view allow;  // value of the Allow header, static storage; empty for kNotFound only
};

// `pathAfterLocation` is the path as the client sent it, still percent-encoded and without the query, after
// the prefix of its location: "" or "/" is the collection, "/ID" one session, anything else kNotFound. An ID
// is one segment; it may hold any byte in percent-encoded form, %2F too. Bad percent-encoding and an ID that
// breaks isId are kNotFound. HEAD counts as GET. OPTIONS on a known path is kMethodNotAllowed with `allow`
// set, for the caller to answer.
Route route(Method method, std::string_view pathAfterLocation);

// True for application/json in any case, with or without parameters (RFC 9110 section 8.3.1).
bool isJsonContentType(std::string_view contentType);

struct CreateSession {
  std::string creatorId;                          // satisfies isId
  std::string creatorName;                        // satisfies isUsername
  std::optional<std::string> creatorSecret = {};  // satisfies isSecret
};

struct BadRequest {
  std::string message;
};

// Reads the body of POST /api/sessions: a JSON object with creatorId, creatorName and perhaps creatorSecret; other
// fields are ignored, and the last of equal keys counts. Returns what is wrong with any other body. Builds no document
// and gives up on arrays and objects nested deeper than 32.
std::variant<CreateSession, BadRequest> parseCreate(std::string_view body);

// A place in the list of sessions: behind those with serials up to `serial` in a bucket of the table.
struct ListPlace {
  std::uint64_t bucket = 0;
  std::uint64_t serial = 0;
  friend bool operator==(const ListPlace&, const ListPlace&) = default;
};

// As it stands in an answer, "BUCKET-SERIAL", and back. nullopt: no answer had it.
std::string listPlaceText(const ListPlace& place);
std::optional<ListPlace> parseListPlace(std::string_view text);

// Which part of the list is asked for.
struct ListQuery {
  static constexpr std::uint32_t kMaxLimit = 1000;
  std::uint32_t limit = kMaxLimit;  // 1 to kMaxLimit
  bool isWhole = false;             // no limit was given, and no place: all of it
  ListPlace after;                  // the `next` of the answer before
};

// Reads the query of GET /api/sessions, "limit=N&after=NEXT"; other parameters are ignored, and the first of equal ones
// counts.
std::variant<ListQuery, BadRequest> parseList(std::string_view query);

// Bodies of answers, appended to `out`. All texts must be valid UTF-8.

// {"success":true,"sessionId":..,"creatorId":..,"message":"Session created successfully"}
void appendCreated(std::string& out, std::string_view sessionId, std::string_view creatorId);

// {"success":true,"session":{...}}
void appendSession(std::string& out, const session::SessionView& view, TimestampUnit unit);

// {"success":true,"sessions":[...],"totalSessions":N}, and "next":"..." when there are more: as a whole, or its
// beginning, the elements that are `added` to others, and its end.
void beginSessionList(std::string& out);
void addSessions(std::string& out, std::span<const session::SessionSummary> sessions, bool added, TimestampUnit unit);
void endSessionList(std::string& out, std::uint64_t total, const std::optional<ListPlace>& next);

// {"success":false,"message":..}
void appendFailure(std::string& out, std::string_view message);

}  // namespace mediasync::api
