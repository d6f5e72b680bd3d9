#include "core/engineio/base64.h"

#include <openssl/evp.h>

#include <catch2/catch.hpp>
#include <vector>

using mediasync::engineio::appendBase64;
using mediasync::engineio::base64Size;
using mediasync::engineio::decodeBase64;

namespace {

std::string encode(const std::string& bytes) {
  std::vector<unsigned char> out(bytes.size() * 2 + 8);
  const int size =
      EVP_EncodeBlock(out.data(), reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  return {out.begin(), out.begin() + size};
}

}  // namespace

TEST_CASE("base64 of every byte and length gives the bytes back", "[engineio]") {
  std::string bytes;
  std::string out;
  for (int i = 0; i <= 256; ++i) {
    REQUIRE(decodeBase64(encode(bytes), out));
    REQUIRE(out == bytes);
    bytes.push_back(static_cast<char>(i * 7));
  }
}

TEST_CASE("decoding replaces what the output held", "[engineio]") {
  std::string out = "old";
  REQUIRE(decodeBase64("AQID", out));
  CHECK(out == "\x01\x02\x03");
}

TEST_CASE("base64 that is not exact is refused", "[engineio]") {
  std::string out;
  for (const std::string_view text : {"A", "AA", "AAA", "AAAAA", "AA==A", "A===", "====", "=", "==", "AA=A", "A=AA",
                                      "AA==AAAA", "A A=", "AAA\n", "AA-_", "AAA\xC3", "AB==", "AAB=", "AAAA===="}) {
    CAPTURE(text);
    CHECK_FALSE(decodeBase64(text, out));
  }
}

TEST_CASE("the test vectors of RFC 4648", "[engineio]") {
  const std::vector<std::pair<std::string, std::string>> vectors{{"", ""},
                                                                 {"f", "Zg=="},
                                                                 {"fo", "Zm8="},
                                                                 {"foo", "Zm9v"},
                                                                 {"foob", "Zm9vYg=="},
                                                                 {"fooba", "Zm9vYmE="},
                                                                 {"foobar", "Zm9vYmFy"}};
  for (const auto& [bytes, text] : vectors) {
    CAPTURE(bytes);
    std::string out = "kept";
    appendBase64(out, bytes);
    CHECK(out == "kept" + text);
    CHECK(base64Size(bytes.size()) == text.size());
  }
}

TEST_CASE("bytes of every value and length are encoded as OpenSSL does", "[engineio]") {
  std::string bytes;
  for (int i = 0; i <= 768; ++i) {
    std::string out;
    appendBase64(out, bytes);
    REQUIRE(out == encode(bytes));
    REQUIRE(out.size() == base64Size(bytes.size()));
    std::string back;
    REQUIRE(decodeBase64(out, back));
    REQUIRE(back == bytes);
    bytes.push_back(static_cast<char>(i * 7 + i / 256));
  }
}
