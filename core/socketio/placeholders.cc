#include "core/socketio/placeholders.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace mediasync::socketio {

using nlohmann::json;

namespace {

bool isPlaceholder(const json& value) {
  const auto mark = value.find("_placeholder");
  return mark != value.end() && *mark == true;
}

bool namesOne(const json& placeholder, std::size_t attachments) {
  const auto number = placeholder.find("num");
  return number != placeholder.end() && number->is_number_unsigned() && number->get<std::uint64_t>() < attachments;
}

}  // namespace

bool placeholdersFit(const json& data, std::size_t attachments) {
  if (!data.is_structured()) return true;
  if (data.is_object() && isPlaceholder(data)) return namesOne(data, attachments);
  return std::all_of(data.begin(), data.end(),
                     [attachments](const json& one) { return placeholdersFit(one, attachments); });
}

}  // namespace mediasync::socketio
