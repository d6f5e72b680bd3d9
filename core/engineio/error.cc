#include "core/engineio/error.h"

namespace mediasync::engineio {

std::string_view message(Error error) {
  switch (error) {
    case Error::kUnknownTransport:
      return "Transport unknown";
    case Error::kUnknownSid:
      return "Session ID unknown";
    case Error::kBadHandshakeMethod:
      return "Bad handshake method";
    case Error::kBadRequest:
      return "Bad request";
    case Error::kForbidden:
      return "Forbidden";
    case Error::kUnsupportedProtocolVersion:
      return "Unsupported protocol version";
  }
  return "Bad request";
}

int httpStatus(Error error) {
  return error == Error::kForbidden ? 403 : 400;
}

std::string body(Error error) {
  std::string out = "{\"code\":" + std::to_string(static_cast<int>(error)) + ",\"message\":\"";
  out.append(message(error)).append("\"}");
  return out;
}

}  // namespace mediasync::engineio
