#include "core/engineio/query.h"

#include <catch2/catch.hpp>

using namespace mediasync::engineio;

namespace {

void checkQuery(std::string_view raw, std::string_view eio, std::string_view transport, std::string_view sid) {
  CAPTURE(raw);
  const Query query = parseQuery(raw);
  CHECK(query.eio.value_or("") == eio);
  CHECK(query.transport == transport);
  CHECK(query.sid == sid);
}

}  // namespace

TEST_CASE("EIO, transport and sid are found in any order", "[engineio]") {
  checkQuery("EIO=4&transport=polling&t=abc&sid=lv_VI97HAXpY6yYWAAAC", "4", "polling", "lv_VI97HAXpY6yYWAAAC");
  checkQuery("sid=x&EIO=4&transport=websocket", "4", "websocket", "x");
}

TEST_CASE("absent and empty parameters are empty", "[engineio]") {
  checkQuery("", "", "", "");
  checkQuery("EIO=&transport&sid=", "", "", "");
  checkQuery("&&=&EIO=4&", "4", "", "");
}

TEST_CASE("an empty EIO is not an absent one", "[engineio]") {
  for (const auto* absent : {"", "&", "eio=3", "transport=polling"})
    CHECK_FALSE(parseQuery(absent).eio);
  for (const auto* empty : {"EIO", "EIO=", "EIO=&EIO=3", "transport=polling&EIO"})
    CHECK(parseQuery(empty).eio == "");
}

TEST_CASE("the first occurrence counts, an empty one too", "[engineio]") {
  checkQuery("EIO=4&EIO=3&sid=&sid=b", "4", "", "");
  checkQuery("transport&transport=polling", "", "", "");
}

TEST_CASE("other names and other spellings are ignored", "[engineio]") {
  checkQuery("eio=4&Transport=polling&ssid=x&sid%20=y&xEIO=4", "", "", "");
}

TEST_CASE("a value keeps what follows its first equals sign, undecoded", "[engineio]") {
  checkQuery("sid=a=b&EIO=%34", "%34", "", "a=b");
}

TEST_CASE("a parameter j asks for JSONP, whatever its value", "[engineio]") {
  CHECK_FALSE(parseQuery("").jsonp);
  CHECK_FALSE(parseQuery("EIO=3&J=0&jj=0&xj=1&t=j").jsonp);
  for (const auto& [raw, j] :
       std::initializer_list<std::pair<std::string_view, std::string_view>>{{"EIO=3&transport=polling&j=12&t=x", "12"},
                                                                            {"j=0", "0"},
                                                                            {"j=", ""},
                                                                            {"j", ""},
                                                                            {"&j&j=1", ""},
                                                                            {"j=1&j=2", "1"},
                                                                            {"j=%30", "%30"}}) {
    CAPTURE(raw);
    CHECK(parseQuery(raw).jsonp);
    CHECK(parseQuery(raw).j == j);
  }
}

TEST_CASE("b64 asks for base64 unless its value says no", "[engineio]") {
  for (const std::string_view raw : {"b64=1", "EIO=3&b64=true&t=x", "b64=yes", "b64=00", "b64=False", "b64=1&b64=0"}) {
    CAPTURE(raw);
    CHECK(parseQuery(raw).base64);
  }
  for (const std::string_view raw :
       {"", "b64", "b64=", "b64=0", "b64=false", "B64=1", "b=64", "b64=0&b64=1", "b64&b64=1"}) {
    CAPTURE(raw);
    CHECK_FALSE(parseQuery(raw).base64);
  }
}
