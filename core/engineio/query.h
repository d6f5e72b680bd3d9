// The query parameters of an Engine.IO request (protocols 3 and 4, section "URL").
#pragma once

#include <optional>
#include <string_view>

namespace mediasync::engineio {

// Values as they stand in the query string; empty when absent.
struct Query {
  std::optional<std::string_view> eio;  // by which its absence means revision 3, and an empty one nothing
  std::string_view transport;
  std::string_view sid;
  // Only revision 3 has these:
  std::string_view j;   // the number of the callback
  bool jsonp = false;   // j is present, if only by name
  bool base64 = false;  // the client takes no binary payloads: b64 is present and neither empty, "0" nor "false"
};

// Takes the first EIO, transport, sid, j and b64 and ignores everything else. Names are case-sensitive, and nothing
// is percent-decoded: no valid value needs it. The views point into `rawQuery`, which has no leading '?'.
Query parseQuery(std::string_view rawQuery);

}  // namespace mediasync::engineio
