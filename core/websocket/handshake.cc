#include "core/websocket/handshake.h"

#include <openssl/evp.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <cstddef>

#include "core/base/ascii.h"
#include "core/base/bytes.h"

namespace mediasync::websocket {
namespace {

constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
constexpr std::size_t kKeyCharacters = 22;

bool isBase64Character(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '/';
}

}  // namespace

bool asksWebSocket(std::string_view upgrade, std::string_view connection) {
  return equalsIgnoreCase(upgrade, "websocket") && listsToken(connection, "upgrade");
}

OpeningVerdict judge(const Opening& opening) {
  if (opening.version != kVersion) return OpeningVerdict::kUpgradeRequired;
  const bool isSound = opening.isGet && opening.isHttp11 && isValidKey(opening.key);
  return isSound ? OpeningVerdict::kAccepted : OpeningVerdict::kBadRequest;
}

bool isValidKey(std::string_view secWebSocketKey) {
  if (secWebSocketKey.size() != kKeyCharacters + 2) return false;
  const auto characters = secWebSocketKey.substr(0, kKeyCharacters);
  return std::all_of(characters.begin(), characters.end(), isBase64Character) && secWebSocketKey.ends_with("==");
}

std::string acceptKey(std::string_view secWebSocketKey) {
  std::string input(secWebSocketKey);
  input.append(kGuid);
  std::array<unsigned char, SHA_DIGEST_LENGTH> digest{};
  SHA1(asBytes(input).data(), input.size(), digest.data());

  // EVP_EncodeBlock writes 28 characters for 20 bytes, and a NUL.
  std::array<unsigned char, 29> encoded{};
  const int size = EVP_EncodeBlock(encoded.data(), digest.data(), static_cast<int>(digest.size()));
  return std::string(asText(encoded).substr(0, static_cast<std::size_t>(size)));
}

}  // namespace mediasync::websocket
