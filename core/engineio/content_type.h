// Content types of polling: text, or binary, which only revision 3 has (protocol 3, section "Encoding").
#pragma once

#include <string_view>

#include "core/engineio/protocol.h"

namespace mediasync::engineio {

// True if a POST's body is binary, by the value of its Content-Type header. Ignores case and parameters.
bool isBinaryType(std::string_view contentType);

// The Content-Type of the answer to a poll, in static storage.
std::string_view contentTypeOf(const Payload& payload);

}  // namespace mediasync::engineio
