// Parses requests of REST: the body of a POST, and the query of the list.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

namespace mediasync::api {

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

}  // namespace mediasync::api
