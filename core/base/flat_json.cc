#include "core/base/flat_json.h"

#include <charconv>

namespace mediasync {
namespace {

constexpr bool isPlain(unsigned char c) {
  return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

}  // namespace

const JsonScalar* FlatObject::find(std::string_view name) const {
  for (std::size_t i = count_; i > 0; --i) {
    if (fields_[i - 1].name == name) return &fields_[i - 1].value;
  }
  return nullptr;
}

bool FlatJsonReader::take(char c) {
  skipSpace();
  if (at_ == end_ || *at_ != c) return false;
  ++at_;
  skipSpace();
  return true;
}

bool FlatJsonReader::takeString(std::string_view& text) {
  if (at_ == end_ || *at_ != '"') return false;
  const char* start = ++at_;
  while (at_ != end_ && isPlain(static_cast<unsigned char>(*at_)))
    ++at_;
  if (at_ == end_ || *at_ != '"') return false;
  text = {start, static_cast<std::size_t>(at_ - start)};
  ++at_;
  return true;
}

bool FlatJsonReader::takeScalar(JsonScalar& value) {
  using Kind = JsonScalar::Kind;
  if (at_ == end_) return false;
  switch (*at_) {
    case '"':
      value.kind = Kind::kText;
      return takeString(value.text);
    case 't':
    case 'f':
      value.kind = Kind::kBoolean;
      value.boolean = *at_ == 't';
      return takeWord(value.boolean ? "true" : "false");
    case 'n':
      value.kind = Kind::kNull;
      return takeWord("null");
    default:
      value.kind = Kind::kNumber;
      return takeNumber(value.number);
  }
}

bool FlatJsonReader::takeObject(FlatObject& object) {
  object.clear();
  if (!take('{')) return false;
  if (take('}')) return true;
  do {
    if (object.count_ == FlatObject::kMaxFields) return false;
    FlatObject::Field& field = object.fields_[object.count_++];
    if (!takeString(field.name) || !take(':') || !takeScalar(field.value)) return false;
  } while (take(','));
  return take('}');
}

void FlatJsonReader::skipSpace() {
  while (at_ != end_ && (*at_ == ' ' || *at_ == '\t' || *at_ == '\n' || *at_ == '\r'))
    ++at_;
}

void FlatJsonReader::skipDigits() {
  while (at_ != end_ && *at_ >= '0' && *at_ <= '9')
    ++at_;
}

bool FlatJsonReader::takeWord(std::string_view word) {
  if (!std::string_view(at_, static_cast<std::size_t>(end_ - at_)).starts_with(word)) return false;
  at_ += word.size();
  return true;
}

// RFC 8259, section 6. What must not follow a number, whoever reads on does not take.
bool FlatJsonReader::takeNumber(double& number) {
  const char* start = at_;
  skipDigits();
  if (at_ == start || (*start == '0' && at_ - start > 1)) return false;
  if (at_ != end_ && *at_ == '.') {
    const char* fraction = ++at_;
    skipDigits();
    if (at_ == fraction) return false;
  }
  const auto [stop, error] = std::from_chars(start, at_, number);
  return error == std::errc() && stop == at_;
}

}  // namespace mediasync
