// Streaming JSON text onto a string, with no document in between: events are encoded on the hot path.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mediasync::api {

// Appends RFC 8259 text to `out`, which must outlive the writer; what `out` held before stays. Commas and
// colons are the writer's, the order of calls is the caller's: a key before each value of an object, and
// every begin ended.
class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}

  JsonWriter& beginObject() { return open('{'); }
  JsonWriter& endObject() { return close('}'); }
  JsonWriter& beginArray() { return open('['); }
  JsonWriter& endArray() { return close(']'); }

  // `name` is written as it is: it must hold nothing that JSON escapes.
  JsonWriter& key(std::string_view name);

  // `text` must be valid UTF-8. Quotes, backslashes and characters below U+0020 are escaped.
  JsonWriter& string(std::string_view text);
  // Integral values below 2^53 without fraction or exponent (10, not 10.0), others in the shortest form that
  // reads back as the same double. -0 is written as 0, and a value that is not finite as null, as
  // JSON.stringify does.
  JsonWriter& number(double value);
  JsonWriter& integer(std::int64_t value);
  JsonWriter& boolean(bool value);
  JsonWriter& null();
  JsonWriter& stringOrNull(const std::optional<std::string_view>& text);
  JsonWriter& numberOrNull(const std::optional<double>& value);

  // Appends `value`, which must be the text of one JSON value.
  JsonWriter& raw(std::string_view value);

 private:
  JsonWriter& open(char bracket);
  JsonWriter& close(char bracket);
  void separate();
  void appendEscaped(unsigned char c);

  std::string& out_;
  bool needsComma_ = false;
};

}  // namespace mediasync::api
