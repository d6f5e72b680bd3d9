#include "core/base/secret.h"

#include <catch2/catch.hpp>
#include <numeric>
#include <set>

using namespace mediasync;

TEST_CASE("the hash of a secret is the beginning of its HMAC-SHA-256", "[base]") {
  SecretKey key{};  // RFC 4231, test case 2: shorter keys are filled up with zeros
  key[0] = 'J', key[1] = 'e', key[2] = 'f', key[3] = 'e';
  CHECK(hashSecret(key, "what do ya want for nothing?") ==
        SecretHash{0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75, 0x4e, 0x6a, 0x04, 0x24, 0x26, 0x08, 0x95, 0x75, 0xc7});
}

TEST_CASE("other secrets, and other keys, have other hashes", "[base]") {
  SecretKey key{};
  std::iota(key.begin(), key.end(), std::uint8_t{1});
  SecretKey otherKey = key;
  otherKey.back() ^= 1;
  std::set<SecretHash> hashes;
  for (const char* secret : {"", "12345678", "12345679", "1234567", "12345678 "}) {
    hashes.insert(hashSecret(key, secret));
    hashes.insert(hashSecret(otherKey, secret));
  }
  CHECK(hashes.size() == 10);
  CHECK(isSameSecret(hashSecret(key, "12345678"), hashSecret(key, "12345678")));
  for (std::size_t i = 0; i < SecretHash().size(); ++i) {
    SecretHash hash = hashSecret(key, "12345678");
    hash[i] ^= 0x80;
    CHECK_FALSE(isSameSecret(hash, hashSecret(key, "12345678")));
  }
}
