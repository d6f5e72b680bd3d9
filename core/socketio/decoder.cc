#include "core/socketio/decoder.h"

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "core/base/json_text.h"
#include "core/base/utf8.h"
#include "core/socketio/event_name.h"
#include "core/socketio/packet_number.h"

namespace mediasync::socketio {
namespace {

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

bool isEventData(const nlohmann::json& data) {
  if (!data.is_array() || data.empty()) return false;
  const auto& name = data.front();
  if (name.is_number()) return true;
  if (!name.is_string()) return false;
  return !isReservedEvent(name.get_ref<const std::string&>());
}

bool isDataValid(const Packet& packet) {
  switch (packet.type) {
    case PacketType::kConnect:
      return !packet.hasData || packet.data->is_object();
    case PacketType::kDisconnect:
      return !packet.hasData;
    case PacketType::kConnectError:
      return packet.data->is_string() || packet.data->is_object();
    case PacketType::kEvent:
    case PacketType::kBinaryEvent:
      return isEventData(packet.data);
    case PacketType::kAck:
    case PacketType::kBinaryAck:
      return packet.data->is_array();
  }
  return false;
}

bool takeData(std::string_view text, std::size_t maxDepth, Packet& packet) {
  packet.data = JsonBox();
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
