// Parses JSON that a peer sent, no more liberally than JavaScript's JSON.parse (RFC 8259).
#pragma once

#include <cstddef>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string_view>

namespace mediasync {

// A value takes up to a hundred bytes where its text takes two.
inline constexpr std::size_t kManyJsonValues = 65'536;

// nullopt for text that is not exactly one JSON value, is not UTF-8, nests arrays and objects deeper than `maxDepth`,
// or has more than about `maxValues` values: both are known before memory is taken for any. Stricter than JSON.parse in
// two points, because the value could not be sent on: a number beyond the range of a double, and an escaped surrogate
// without its pair. Never recurses into the text.
std::optional<nlohmann::json> parseJson(std::string_view text, std::size_t maxDepth,
                                        std::size_t maxValues = kManyJsonValues);

// Whether parseJson() takes `text`, and it is what events are: an array that begins with a string, the name.
bool isEventArray(std::string_view text, std::size_t maxDepth);

}  // namespace mediasync
