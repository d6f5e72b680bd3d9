// The REST endpoints, by the method and the path of a request.
#pragma once

#include <string>
#include <string_view>

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

}  // namespace mediasync::api
