#include "core/store/event_codec.h"

#include <cmath>
#include <type_traits>

#include "core/base/json_text.h"
#include "core/base/utf8.h"
#include "core/store/byte_codec.h"

namespace mediasync::store {
namespace {

using namespace session;

// The fields of each event, once for both directions.
template <class Codec, class T>
void fields(Codec& codec, T& body) requires std::is_same_v<std::remove_const_t<T>, UserJoined> {
  codec(body.userId), codec(body.username), codec(body.avatar);
}
template <class Codec, class T>
void fields(Codec& codec, T& body) requires std::is_same_v<std::remove_const_t<T>, UserLeft> {
  codec(body.userId), codec(body.username);
}
template <class Codec, class T>
void fields(Codec& codec, T& body) requires std::is_same_v<std::remove_const_t<T>, PlaybackSync> {
  codec(body.state.mediaUrl), codec(body.state.mediaId), codec(body.state.mediaTitle);
  codec(body.state.mediaDuration), codec(body.state.position), codec(body.state.isPlaying);
  codec(body.state.playbackRate), codec(body.state.lastUpdateTime), codec(body.leaderId);
}
template <class Codec, class T>
void fields(Codec& codec, T& body) requires std::is_same_v<std::remove_const_t<T>, MediaLoaded> {
  codec(body.mediaUrl), codec(body.mediaId), codec(body.mediaTitle), codec(body.mediaDuration);
  codec(body.loadedBy);
}
template <class Codec, class T>
void fields(Codec& codec, T& body) requires std::is_same_v<std::remove_const_t<T>, LeadershipChanged> {
  codec(body.newLeaderId), codec(body.newLeaderName);
}
template <class Codec, class T>
void fields(Codec& codec, T& body) requires std::is_same_v<std::remove_const_t<T>, UserBuffering> {
  codec(body.userId), codec(body.username), codec(body.stall.isBuffering), codec(body.stall.problem);
}
template <class Codec, class T>
void fields(Codec& codec, T& body) requires std::is_same_v<std::remove_const_t<T>, CustomEvent> {
  codec(body.json);
}

template <class T>
void put(ByteWriter& writer, const T& field) {
  writer.put(field);
}
void put(ByteWriter& writer, Problem problem) {
  writer.put(static_cast<std::uint8_t>(problem));
}

template <class T>
void get(ByteReader& reader, T& field) {
  reader.get(field);
}
void get(ByteReader& reader, Problem& problem) {
  std::uint8_t number = 0;
  reader.get(number);
  if (number > static_cast<std::uint8_t>(Problem::kUnsupported)) return reader.fail();
  problem = static_cast<Problem>(number);
}

template <std::size_t I = 0>
bool decodeBody(ByteReader& reader, std::uint8_t index, EventBody& body) {
  if constexpr (I < std::variant_size_v<EventBody>) {
    if (index != I) return decodeBody<I + 1>(reader, index, body);
    auto codec = [&reader](auto& field) { get(reader, field); };
    fields(codec, body.emplace<I>());
    return reader.ok();
  } else {
    return false;
  }
}

// Of one field.
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
  auto codec = [&writer](const auto& field) { put(writer, field); };
  std::visit([&codec](const auto& body) { fields(codec, body); }, event.body);
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
  const auto check = [&areFit](const auto& field) { areFit = areFit && isFit(field); };
  std::visit([&check](const auto& body) { fields(check, body); }, event.body);
  const auto* custom = std::get_if<CustomEvent>(&event.body);
  if (custom == nullptr || !areFit) return areFit;
  return isEventArray(custom->json, kMaxCustomDepth);
}

}  // namespace mediasync::store
