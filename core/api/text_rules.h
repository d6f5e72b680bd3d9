// Rules for texts of the API. Lengths are bytes of UTF-8.
#pragma once

#include <cstddef>
#include <string_view>

namespace mediasync::api {

// True for 0 to `maxBytes` bytes of well-formed UTF-8 (RFC 3629) without control characters (C0, DEL and C1).
bool isText(std::string_view text, std::size_t maxBytes);

// The longest prefix of valid UTF-8 with at most `maxBytes` bytes that does not end inside a character.
std::string_view cutAtCharacter(std::string_view text, std::size_t maxBytes);

// sessionId, userId, creatorId: 1 to session::kMaxIdBytes bytes of such text.
bool isId(std::string_view text);

// username, creatorName: 1 to session::kMaxUsernameBytes bytes of such text.
bool isUsername(std::string_view text);

// userSecret, creatorSecret: session::kMinSecretBytes to session::kMaxSecretBytes bytes of such text.
bool isSecret(std::string_view text);

}  // namespace mediasync::api
