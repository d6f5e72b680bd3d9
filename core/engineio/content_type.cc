#include "core/engineio/content_type.h"

#include "core/base/ascii.h"

namespace mediasync::engineio {
namespace {

constexpr std::string_view kText = "text/plain; charset=UTF-8";
constexpr std::string_view kBinary = "application/octet-stream";

}  // namespace

bool isBinaryType(std::string_view contentType) {
  return equalsIgnoreCase(contentType.substr(0, contentType.find(';')), kBinary);
}

std::string_view contentTypeOf(const Payload& payload) {
  return payload.binary ? kBinary : kText;
}

}  // namespace mediasync::engineio
