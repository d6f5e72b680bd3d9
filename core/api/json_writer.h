// Streams JSON text onto a string without building a document: the hot path encodes events.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mediasync::api {

// Appends RFC 8259 text to `out`, which must outlive the writer; earlier content of `out` stays. The writer adds commas
// and colons. The caller must call in the right order: a key before each value of an object, and an end for each begin.
class JsonWriter {
 public:
  explicit JsonWriter(std::string& out) : out_(out) {}

  JsonWriter& beginObject() { return open('{'); }
  JsonWriter& endObject() { return close('}'); }
  JsonWriter& beginArray() { return open('['); }
  JsonWriter& endArray() { return close(']'); }

  // `name` is written unchanged: it must contain nothing that JSON escapes.
  JsonWriter& key(std::string_view name);

  // `text` must be valid UTF-8. Escapes quotes, backslashes and characters below U+0020.
  JsonWriter& string(std::string_view text);
  // Writes integral values below 2^53 without fraction or exponent (10, not 10.0), others in the shortest form that
  // reads back as the same double. Like JSON.stringify, it writes -0 as 0 and non-finite values as null.
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
