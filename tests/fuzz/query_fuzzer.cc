// Query strings: of Engine.IO requests, and behind the namespaces that clients of Socket.IO protocol 4 connect to.
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/utf8.h"
#include "core/engineio/query.h"
#include "core/socketio/namespace_query.h"
#include "tests/fuzz/require.h"

using namespace mediasync;

namespace {

std::vector<std::string_view> fieldsOf(std::string_view query) {
  std::vector<std::string_view> fields;
  for (std::size_t at = 0; at <= query.size();) {
    const std::size_t end = std::min(query.find('&', at), query.size());
    fields.push_back(query.substr(at, end - at));
    at = end + 1;
  }
  return fields;
}

// The value of the first field of that name.
std::optional<std::string_view> valueOf(std::string_view query, std::string_view name) {
  for (const std::string_view field : fieldsOf(query)) {
    if (field == name) return "";
    if (field.starts_with(std::string(name) + "=")) return field.substr(name.size() + 1);
  }
  return std::nullopt;
}

void checkEngineQuery(std::string_view raw) {
  const engineio::Query query = engineio::parseQuery(raw);
  FUZZ_REQUIRE(query.eio == valueOf(raw, "EIO"));
  FUZZ_REQUIRE(query.transport == valueOf(raw, "transport").value_or(""));
  FUZZ_REQUIRE(query.sid == valueOf(raw, "sid").value_or(""));
  FUZZ_REQUIRE(query.j == valueOf(raw, "j").value_or(""));
  FUZZ_REQUIRE(query.jsonp == valueOf(raw, "j").has_value());
  const std::string_view b64 = valueOf(raw, "b64").value_or("");
  FUZZ_REQUIRE(query.base64 == (!b64.empty() && b64 != "0" && b64 != "false"));
}

std::string escaped(std::string_view text) {
  constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<std::uint8_t>(c);
    out.append({'%', kHex[byte >> 4], kHex[byte & 15]});
  }
  return out;
}

void checkNamespaceQuery(std::string_view text) {
  std::string nsp(text);
  nlohmann::json object = nlohmann::json::object();
  socketio::splitQuery(nsp, object);
  FUZZ_REQUIRE(nsp == text.substr(0, text.find('?')));
  FUZZ_REQUIRE(isValidUtf8(object.dump()));
  std::string again = nsp + "?";
  for (const auto& [name, value] : object.items()) {
    FUZZ_REQUIRE(!name.empty() && value.is_string());
    again += escaped(name) + "=" + escaped(value.get_ref<const std::string&>()) + "&";
  }
  nlohmann::json same = nlohmann::json::object();
  socketio::splitQuery(again, same);
  FUZZ_REQUIRE(again == nsp && same == object);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  checkEngineQuery(text);
  checkNamespaceQuery(text);
  return 0;
}
