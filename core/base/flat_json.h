// A reader for the usual JSON of events: an object that holds only scalars. It reads in place, without copies or
// allocations, at a small part of the cost of parseJson(), and with the same results. It supports only part of JSON;
// leave the rest to parseJson().
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace mediasync {

// A scalar value. Views point into the text that was read.
struct JsonScalar {
  enum class Kind : std::uint8_t { kNull, kBoolean, kNumber, kText };
  Kind kind = Kind::kNull;
  bool boolean = false;
  double number = 0;
  std::string_view text;
};

class FlatObject {
 public:
  static constexpr std::size_t kMaxFields = 8;

  void clear() { count_ = 0; }
  // Null if there is no such field. If a name repeats, the last field counts, as in JSON.parse.
  const JsonScalar* find(std::string_view name) const;

 private:
  friend class FlatJsonReader;
  struct Field {
    std::string_view name;
    JsonScalar value;
  };
  std::size_t count_ = 0;
  std::array<Field, kMaxFields> fields_;
};

// Reads a text from its front. Each function returns false if it does not support the text, valid or not; the reader is
// unusable then.
class FlatJsonReader {
 public:
  explicit FlatJsonReader(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}

  bool isAtEnd() const { return at_ == end_; }
  // Takes one character, with white space around it.
  bool take(char);
  // Takes a string without escapes and non-ASCII bytes.
  bool takeString(std::string_view&);
  // Takes a scalar. Numbers with a sign or an exponent are not supported.
  bool takeScalar(JsonScalar&);
  // Takes an object with at most FlatObject::kMaxFields fields.
  bool takeObject(FlatObject&);

 private:
  void skipSpace();
  void skipDigits();
  bool takeWord(std::string_view word);
  bool takeNumber(double& number);

  const char* at_;
  const char* end_;
};

}  // namespace mediasync
