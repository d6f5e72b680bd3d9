// Content types of polling: text, or binary, which only revision 3 has (protocol 3, section "Encoding").
#pragma once

#include <string_view>

#include "core/engineio/protocol.h"

namespace mediasync::engineio {

// Whether the body of a POST is binary, by the value of its Content-Type header. Compared without regard to case;
// parameters are not looked at.
bool isBinaryType(std::string_view contentType);

// The Content-Type of the answer to a poll. Static storage.
std::string_view contentTypeOf(const Payload& payload);

}  // namespace mediasync::engineio
