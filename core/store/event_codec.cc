#include "core/store/event_codec.h"

#include <cmath>
#include <type_traits>
#include <utility>

#include "core/base/json_text.h"
#include "core/base/utf8.h"
#include "core/store/byte_codec.h"
#include "core/store/described_bytes.h"

namespace mediasync::store {
namespace {

using namespace session;

// ---- how long events become

constexpr std::size_t kMaxHead = sizeof(std::uint8_t) + sizeof(Event::timestamp);

template <class T, class Form>
constexpr std::size_t longest(const T&, const Form& form) {
  std::size_t bytes = isOptional<T> ? 1 : 0;
  if constexpr (std::is_base_of_v<Text, Form>) {
    bytes += sizeof(std::uint16_t) + form.most;
  } else {
    bytes += sizeof(T);
  }
  return bytes;
}

template <class Body>
constexpr std::size_t longestOf() {
  std::size_t most = kMaxHead;
  const Body body{};
  eachKept(body, [&most](const auto& value, const auto& entry) { most += longest(value, entry.form); });
  return most;
}

template <class Body>
constexpr bool hasRoom() {
  return longestOf<Body>() <= (Body::kFacts.room == Room::kAlways ? kMaxCertainEvent : kMaxEncodedEvent);
}
template <std::size_t... I>
constexpr bool haveRoom(std::index_sequence<I...>) {
  return (hasRoom<std::variant_alternative_t<I, EventBody>>() && ...);
}
static_assert(haveRoom(std::make_index_sequence<std::variant_size_v<EventBody>>()));

// ----

template <std::size_t I = 0>
bool decodeBody(ByteReader& reader, std::uint8_t index, EventBody& body) {
  if constexpr (I < std::variant_size_v<EventBody>) {
    return index == I ? getFields(reader, body.emplace<I>()) : decodeBody<I + 1>(reader, index, body);
  } else {
    return false;
  }
}

// Checks one field.
bool isFit(std::string_view text) {
  return isValidUtf8(text);
}
bool isFit(double number) {
  return std::isfinite(number);
}
bool isFit(bool) {
  return true;
}
bool isFit(std::int64_t) {
  return true;
}
bool isFit(Problem) {
  return true;  // or it would not have been decoded
}
template <class T>
bool isFit(const std::optional<T>& field) {
  return !field || isFit(*field);
}

constexpr std::size_t kMaxCustomDepth = 64;

}  // namespace

void encodeEvent(const Event& event, std::string& out) {
  out.clear();
  ByteWriter writer(out);
  writer.put(static_cast<std::uint8_t>(event.body.index()));
  writer.put(event.timestamp);
  std::visit([&writer](const auto& body) { putFields(writer, body); }, event.body);
}

std::optional<Event> decodeEvent(std::span<const std::byte> bytes) {
  ByteReader reader(bytes);
  Event event;
  std::uint8_t index = 0;
  reader.get(index);
  reader.get(event.timestamp);
  if (!reader.ok() || !decodeBody(reader, index, event.body)) return std::nullopt;
  return event;
}

bool isSound(const Event& event) {
  bool areFit = true;
  const auto check = [&areFit](const auto& value, const auto&) { areFit = areFit && isFit(value); };
  std::visit([&check](const auto& body) { eachKept(body, check); }, event.body);
  const auto* custom = std::get_if<CustomEvent>(&event.body);
  if (custom == nullptr || !areFit) return areFit;
  return isEventArray(custom->json, kMaxCustomDepth);
}

}  // namespace mediasync::store
