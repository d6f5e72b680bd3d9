// A parser for JSON from peers, at least as strict as JavaScript's JSON.parse (RFC 8259).
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string_view>

namespace mediasync {

// The usual bound of values: one takes up to a hundred bytes of memory for two of text.
inline constexpr std::size_t kManyJsonValues = 65'536;

// Returns nullopt for text that is not exactly one JSON value, is not UTF-8, nests arrays and objects deeper than
// `maxDepth`, or has more than about `maxValues` values; it checks both limits before it allocates any value. It is
// stricter than JSON.parse in two points, because the value could not be sent on: it refuses numbers beyond the range
// of a double, and escaped surrogates without their pair. It never recurses.
std::optional<nlohmann::json> parseJson(std::string_view text, std::size_t maxDepth,
                                        std::size_t maxValues = kManyJsonValues);

// True if parseJson() accepts `text` as an event: an array that begins with a string, the name.
bool isEventArray(std::string_view text, std::size_t maxDepth);

}  // namespace mediasync
