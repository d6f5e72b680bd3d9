#include "core/base/secret.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <stdexcept>

#include "core/base/bytes.h"

namespace mediasync {

SecretHash hashSecret(const SecretKey& key, std::string_view secret) {
  std::array<std::uint8_t, EVP_MAX_MD_SIZE> whole{};
  unsigned int size = 0;
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), asBytes(secret).data(), secret.size(), whole.data(),
           &size) == nullptr) {
    throw std::runtime_error("no HMAC-SHA-256");
  }
  SecretHash hash;
  std::copy_n(whole.begin(), hash.size(), hash.begin());
  return hash;
}

bool isSameSecret(const SecretHash& a, const SecretHash& b) {
  return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace mediasync
