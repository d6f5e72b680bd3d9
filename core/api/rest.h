// The REST endpoints: routes, request bodies, and the bodies of answers.
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
  std::string_view allow;  // value of the Allow header, in static storage; empty only for kNotFound
};

// `pathAfterLocation` is the client's path, still percent-encoded and without the query, after the prefix of its
// location: "" or "/" is the collection, "/ID" one session, anything else kNotFound. An ID is one segment; it may
// contain any byte in percent-encoded form, including %2F. Bad percent-encoding and an ID that breaks isId are
// kNotFound. HEAD counts as GET. OPTIONS on a known path is kMethodNotAllowed with `allow` set; the caller answers it.
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

// Reads the body of POST /api/sessions: a JSON object with creatorId, creatorName and optionally creatorSecret. Ignores
// other fields; of equal keys the last counts. Returns the error of any other body. Builds no document, and refuses
// arrays and objects nested deeper than 32.
std::variant<CreateSession, BadRequest> parseCreate(std::string_view body);

// A place in the list of sessions: after the sessions with serials up to `serial` in a bucket of the table.
struct ListPlace {
  std::uint64_t bucket = 0;
  std::uint64_t serial = 0;
  friend bool operator==(const ListPlace&, const ListPlace&) = default;
};

// The text form in answers, "BUCKET-SERIAL", and its parser, which returns nullopt for any other text.
std::string listPlaceText(const ListPlace& place);
std::optional<ListPlace> parseListPlace(std::string_view text);

// The requested part of the list.
struct ListQuery {
  static constexpr std::uint32_t kMaxLimit = 1000;
  std::uint32_t limit = kMaxLimit;  // 1 to kMaxLimit
  bool isWhole = false;             // neither limit nor place were given: the whole list
  ListPlace after;                  // the `next` of the previous answer
};

// Reads the query of GET /api/sessions, "limit=N&after=NEXT". Ignores other parameters; of equal ones the first counts.
std::variant<ListQuery, BadRequest> parseList(std::string_view query);

// Bodies of answers, appended to `out`. All texts must be valid UTF-8.

// {"success":true,"sessionId":..,"creatorId":..,"message":"Session created successfully"}
void appendCreated(std::string& out, std::string_view sessionId, std::string_view creatorId);

// {"success":true,"session":{...}}
void appendSession(std::string& out, const session::SessionView& view, TimestampUnit unit);

// {"success":true,"sessions":[...],"totalSessions":N}, and "next":"..." if there is more, in parts: the beginning,
// elements (`added` to earlier ones), and the end.
void beginSessionList(std::string& out);
void addSessions(std::string& out, std::span<const session::SessionSummary> sessions, bool added, TimestampUnit unit);
void endSessionList(std::string& out, std::uint64_t total, const std::optional<ListPlace>& next);

// {"success":false,"message":..}
void appendFailure(std::string& out, std::string_view message);

}  // namespace mediasync::api
