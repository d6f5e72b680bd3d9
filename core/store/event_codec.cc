#include "core/store/event_codec.h"

#include <cstring>
#include <type_traits>

namespace mediasync::store {
namespace {

using namespace session;

class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  template <class T>
  void put(T value) {
    static_assert(std::is_arithmetic_v<T>);
    out_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }
  void put(std::string_view text) {
    put(static_cast<std::uint16_t>(text.size()));
    out_.append(text);
  }
  template <class T>
  void put(const std::optional<T>& value) {
    put(static_cast<std::uint8_t>(value.has_value()));
    if (value) put(*value);
  }

 private:
  std::string& out_;
};

// Sticky failure: after it every read gives a default value.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }

  template <class T>
  void get(T& value) {
    const std::span<const std::byte> taken = take(sizeof value);
    if (!taken.empty()) std::memcpy(&value, taken.data(), sizeof value);
  }
  void get(bool& value) {
    std::uint8_t byte = 0;
    get(byte);
    value = byte != 0;
  }
  void get(std::string_view& text) {
    std::uint16_t size = 0;
    get(size);
    const std::span<const std::byte> taken = take(size);
    text = {reinterpret_cast<const char*>(taken.data()), taken.size()};
  }
  template <class T>
  void get(std::optional<T>& value) {
    bool present = false;
    get(present);
    if (present) get(value.emplace());
  }

 private:
  std::span<const std::byte> take(std::size_t size) {
    if (size > bytes_.size()) ok_ = false;
    if (!ok_) return {};
    const auto taken = bytes_.first(size);
    bytes_ = bytes_.subspan(size);
    return taken;
  }

  std::span<const std::byte> bytes_;
  bool ok_ = true;
};

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

template <std::size_t I = 0>
bool decodeBody(Reader& reader, std::uint8_t index, EventBody& body) {
  if constexpr (I < std::variant_size_v<EventBody>) {
    if (index != I) return decodeBody<I + 1>(reader, index, body);
    auto get = [&reader](auto& field) { reader.get(field); };
    fields(get, body.emplace<I>());
    return reader.ok();
  } else {
    return false;
  }
}

}  // namespace

void encodeEvent(const Event& event, std::string& out) {
  out.clear();
  Writer writer(out);
  writer.put(static_cast<std::uint8_t>(event.body.index()));
  writer.put(event.timestamp);
  auto put = [&writer](const auto& field) {
    if constexpr (std::is_same_v<std::decay_t<decltype(field)>, bool>) {
      writer.put(static_cast<std::uint8_t>(field));
    } else {
      writer.put(field);
    }
  };
  std::visit([&put](const auto& body) { fields(put, body); }, event.body);
}

std::optional<Event> decodeEvent(std::span<const std::byte> bytes) {
  Reader reader(bytes);
  Event event;
  std::uint8_t index = 0;
  reader.get(index);
  reader.get(event.timestamp);
  if (!reader.ok() || !decodeBody(reader, index, event.body)) return std::nullopt;
  return event;
}

}  // namespace mediasync::store
