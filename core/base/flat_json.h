// JSON of the kind that most events have: an object that holds nothing but scalars. It is read where it stands, without a
// copy and without memory, at a small part of what parseJson() takes; what it makes of a text is the same. It does not
// know all of JSON: what it does not take is a matter for parseJson().
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace mediasync {

// Views point into the text that was read.
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
  // Null when there is no such field. Of several the last counts, as in JSON.parse.
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

// Reads a text from its front. The functions return false where that is not what they are for, right or wrong; then
// there is no going on.
class FlatJsonReader {
 public:
  explicit FlatJsonReader(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}

  bool isAtEnd() const { return at_ == end_; }
  // One character, with white space around it.
  bool take(char);
  // Without escapes and bytes beyond ASCII.
  bool takeString(std::string_view&);
  // Numbers must have neither a sign nor an exponent.
  bool takeScalar(JsonScalar&);
  // With at most FlatObject::kMaxFields fields.
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
