// JSON from peers and to them. What parseJson() accepts is what nlohmann/json accepts and this project allows, and
// nothing else; a value that JsonWriter writes reads back as the same.
//
// Input: a byte for the depth that is allowed, then the text.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "core/api/json_writer.h"
#include "core/base/json_text.h"
#include "core/base/utf8.h"
#include "tests/fuzz/input.h"
#include "tests/fuzz/require.h"

using nlohmann::json;

namespace {

std::size_t depthOf(const json& value) {
  if (!value.is_structured()) return 0;
  std::size_t deepest = 0;
  for (const json& child : value)
    deepest = std::max(deepest, depthOf(child));
  return 1 + deepest;
}

// Objects as arrays of names and values: the writer's keys are this project's own.
json withoutKeys(const json& value) {
  if (!value.is_structured()) return value;
  json out = json::array();
  for (const auto& item : value.items()) {
    if (value.is_object()) out.push_back(item.key());
    out.push_back(withoutKeys(item.value()));
  }
  return out;
}

void write(mediasync::api::JsonWriter& writer, const json& value) {
  if (value.is_array()) {
    writer.beginArray();
    for (const json& child : value)
      write(writer, child);
    writer.endArray();
  } else if (value.is_string()) {
    writer.string(value.get_ref<const std::string&>());
  } else if (value.is_boolean()) {
    writer.boolean(value.get<bool>());
  } else if (value.is_number()) {
    writer.number(value.get<double>());
  } else {
    writer.null();
  }
}

// Numbers are doubles, as in JavaScript.
bool isSame(const json& a, const json& b) {
  if (a.is_number() && b.is_number()) return a.get<double>() == b.get<double>();
  if (!a.is_array() || !b.is_array()) return a == b;
  return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), isSame);
}

void checkWriter(const json& value) {
  const json plain = withoutKeys(value);
  std::string out;
  mediasync::api::JsonWriter writer(out);
  write(writer, plain);
  const json again = json::parse(out, nullptr, false);
  FUZZ_REQUIRE(!again.is_discarded() && isSame(plain, again));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  mediasync::fuzz::Input input(data, size);
  const std::size_t maxDepth = input.below(16);
  const std::string_view text = input.rest();
  const auto value = mediasync::parseJson(text, maxDepth);
  const json reference = json::parse(text, nullptr, false);
  const bool isForeign = text.starts_with('\xef') || text.find('\0') != std::string_view::npos;
  FUZZ_REQUIRE(value.has_value() == (!isForeign && !reference.is_discarded() && depthOf(reference) <= maxDepth));
  if (!value) return 0;
  FUZZ_REQUIRE(*value == reference);
  const std::string dumped = value->dump();
  FUZZ_REQUIRE(mediasync::isValidUtf8(dumped));
  FUZZ_REQUIRE(mediasync::parseJson(dumped, maxDepth) == *value);
  checkWriter(*value);
  return 0;
}
