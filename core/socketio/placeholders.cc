#include "core/socketio/placeholders.h"

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>

namespace mediasync::socketio {

using nlohmann::json;

namespace {

bool isPlaceholder(const json& value) {
  const auto mark = value.find("_placeholder");
  return mark != value.end() && *mark == true;
}

// Attachments that have yet to be named.
class Unnamed {
 public:
  explicit Unnamed(std::size_t attachments) : bits_(attachments < 64 ? (std::uint64_t{1} << attachments) - 1 : ~0ULL) {}

  bool take(const json& placeholder) {
    const auto number = placeholder.find("num");
    if (number == placeholder.end() || !number->is_number_unsigned()) return false;
    const auto index = number->get<std::uint64_t>();
    if (index >= 64 || (bits_ >> index & 1) == 0) return false;
    bits_ &= ~(std::uint64_t{1} << index);
    return true;
  }

 private:
  std::uint64_t bits_;
};

bool fit(const json& data, Unnamed& unnamed) {
  if (!data.is_structured()) return true;
  if (data.is_object() && isPlaceholder(data)) return unnamed.take(data);
  return std::all_of(data.begin(), data.end(), [&unnamed](const json& one) { return fit(one, unnamed); });
}

}  // namespace

bool placeholdersFit(const json& data, std::size_t attachments) {
  Unnamed unnamed(attachments);
  return fit(data, unnamed);
}

}  // namespace mediasync::socketio
