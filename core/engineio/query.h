// The query parameters of an Engine.IO request (protocols 3 and 4, section "URL").
#pragma once

#include <optional>
#include <string_view>

namespace mediasync::engineio {

// Raw values from the query string; empty if absent.
struct Query {
  std::optional<std::string_view> eio;  // absent means revision 3; an empty one is invalid
  std::string_view transport;
  std::string_view sid;
  // Only in revision 3:
  std::string_view j;   // the number of the callback
  bool jsonp = false;   // j is present, even without a value
  bool base64 = false;  // the client accepts no binary payloads: b64 is present and not empty, "0" or "false"
};

// Takes the first EIO, transport, sid, j and b64 and ignores everything else. Names are case-sensitive, and nothing is
// percent-decoded, since no valid value needs it. The views point into `rawQuery`, which must have no leading '?'.
Query parseQuery(std::string_view rawQuery);

}  // namespace mediasync::engineio
