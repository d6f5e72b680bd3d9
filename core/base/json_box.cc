#include "core/base/json_box.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "core/base/json_text.h"

namespace mediasync {
namespace {

const nlohmann::json kNull;

std::unique_ptr<nlohmann::json> boxed(nlohmann::json value) {
  return value.is_null() ? nullptr : std::make_unique<nlohmann::json>(std::move(value));
}

}  // namespace

JsonBox::JsonBox() = default;
JsonBox::JsonBox(nlohmann::json value) : value_(boxed(std::move(value))) {}
JsonBox::~JsonBox() = default;
JsonBox::JsonBox(JsonBox&&) noexcept = default;
JsonBox& JsonBox::operator=(JsonBox&&) noexcept = default;

JsonBox& JsonBox::operator=(nlohmann::json value) {
  value_ = boxed(std::move(value));
  return *this;
}

JsonBox JsonBox::parsed(std::string_view text, std::size_t maxDepth) {
  auto value = parseJson(text, maxDepth);
  return value ? JsonBox(std::move(*value)) : JsonBox();
}

const nlohmann::json& JsonBox::operator*() const {
  return value_ ? *value_ : kNull;
}

}  // namespace mediasync
