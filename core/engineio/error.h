// Refusals of Engine.IO requests: codes, messages and HTTP statuses of the reference server.
#pragma once

#include <string>
#include <string_view>

namespace mediasync::engineio {

enum class Error : int {
  kUnknownTransport = 0,
  kUnknownSid = 1,
  kBadHandshakeMethod = 2,
  kBadRequest = 3,
  kForbidden = 4,
  kUnsupportedProtocolVersion = 5,
};

// In static storage.
std::string_view message(Error error);
// 403 for kForbidden, otherwise 400.
int httpStatus(Error error);
// {"code":0,"message":"Transport unknown"}
std::string body(Error error);

}  // namespace mediasync::engineio
