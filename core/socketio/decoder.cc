#include "core/socketio/decoder.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "core/base/json_text.h"
#include "core/base/utf8.h"

namespace mediasync::socketio {
namespace {

constexpr std::uint64_t kMaxAckId = std::uint64_t{1} << 53;  // JavaScript's numbers count no further

constexpr std::array<std::string_view, 6> kReservedEvents = {"connect",       "connect_error", "disconnect",
                                                             "disconnecting", "newListener",   "removeListener"};

bool isDigit(char c) {
  return c >= '0' && c <= '9';
}

// Takes the decimal number at the front of `text`: false when there is none or it is above `max`.
bool takeNumber(std::string_view& text, std::uint64_t max, std::uint64_t& number) {
  if (text.empty() || !isDigit(text.front())) return false;
  number = 0;
  while (!text.empty() && isDigit(text.front())) {
    number = number * 10 + static_cast<std::uint64_t>(text.front() - '0');
    if (number > max) return false;
    text.remove_prefix(1);
  }
  return true;
}

bool takeType(std::string_view& text, PacketType& type) {
  if (text.empty() || text.front() < '0' || text.front() > '6') return false;
  type = static_cast<PacketType>(text.front() - '0');
  text.remove_prefix(1);
  return true;
}

bool isBinary(PacketType type) {
  return type == PacketType::kBinaryEvent || type == PacketType::kBinaryAck;
}

bool takeAttachments(std::string_view& text, PacketType type, std::uint32_t max, std::uint32_t& attachments) {
  attachments = 0;
  if (!isBinary(type)) return true;
  std::uint64_t number = 0;
  if (!takeNumber(text, max, number) || number == 0 || !text.starts_with('-')) return false;
  text.remove_prefix(1);
  attachments = static_cast<std::uint32_t>(number);
  return true;
}

bool isControlCharacter(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

bool takeNamespace(std::string_view& text, std::size_t maxSize, std::string& nsp) {
  nsp.assign(1, '/');
  if (!text.starts_with('/')) return true;
  const std::string_view name = text.substr(0, text.find(','));
  if (name.size() > maxSize || !isValidUtf8(name)) return false;
  if (std::any_of(name.begin(), name.end(), isControlCharacter)) return false;
  nsp = name;
  text.remove_prefix(std::min(name.size() + 1, text.size()));
  return true;
}

bool takeId(std::string_view& text, std::optional<std::uint64_t>& id) {
  id.reset();
  if (text.empty() || !isDigit(text.front())) return true;
  std::uint64_t number = 0;
  if (!takeNumber(text, kMaxAckId, number)) return false;
  id = number;
  return true;
}

bool isEventData(const nlohmann::json& data) {
  if (!data.is_array() || data.empty()) return false;
  const auto& name = data.front();
  if (name.is_number()) return true;
  if (!name.is_string()) return false;
  const auto& text = name.get_ref<const std::string&>();
  return std::find(kReservedEvents.begin(), kReservedEvents.end(), text) == kReservedEvents.end();
}

bool isDataValid(const Packet& packet) {
  switch (packet.type) {
    case PacketType::kConnect:
      return !packet.hasData || packet.data.is_object();
    case PacketType::kDisconnect:
      return !packet.hasData;
    case PacketType::kConnectError:
      return packet.data.is_string() || packet.data.is_object();
    case PacketType::kEvent:
    case PacketType::kBinaryEvent:
      return isEventData(packet.data);
    case PacketType::kAck:
    case PacketType::kBinaryAck:
      return packet.data.is_array();
  }
  return false;
}

bool takeData(std::string_view text, std::size_t maxDepth, Packet& packet) {
  packet.data = nullptr;
  packet.hasData = !text.empty();
  if (!packet.hasData) return true;
  auto data = parseJson(text, maxDepth);
  if (!data) return false;
  packet.data = std::move(*data);
  return true;
}

}  // namespace

bool decode(std::string_view text, const Limits& limits, Packet& packet) {
  return takeType(text, packet.type) && takeAttachments(text, packet.type, limits.maxAttachments, packet.attachments) &&
         takeNamespace(text, limits.maxNamespace, packet.nsp) && takeId(text, packet.id) &&
         takeData(text, limits.maxDepth, packet) && isDataValid(packet);
}

}  // namespace mediasync::socketio
