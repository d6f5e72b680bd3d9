// Percent-encoding of URLs (RFC 3986 section 2.1).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace mediasync::api {

// Returns nullopt if a "%" is not followed by two hexadecimal digits.
std::optional<std::string> percentDecode(std::string_view encoded);

}  // namespace mediasync::api
