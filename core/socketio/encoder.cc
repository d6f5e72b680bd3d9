#include "core/socketio/encoder.h"

#include "core/socketio/packet.h"

namespace mediasync::socketio {
namespace {

void appendHead(std::string& out, PacketType type, std::string_view nsp, std::size_t attachments = 0) {
  out.push_back(static_cast<char>('0' + static_cast<int>(type)));
  if (attachments > 0) out.append(std::to_string(attachments)).push_back('-');
  if (nsp != "/") out.append(nsp).push_back(',');
}

void appendEscapedControl(std::string& out, char c) {
  constexpr std::string_view kHex = "0123456789abcdef";
  const auto byte = static_cast<unsigned char>(c);
  out.append("\\u00").push_back(kHex[byte >> 4]);
  out.push_back(kHex[byte & 0x0f]);
}

// RFC 8259 section 7.
void appendJsonString(std::string& out, std::string_view text) {
  out.push_back('"');
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20) {
      appendEscapedControl(out, c);
    } else {
      if (c == '"' || c == '\\') out.push_back('\\');
      out.push_back(c);
    }
  }
  out.push_back('"');
}

}  // namespace

void appendEventPrefix(std::string& out, std::string_view nsp, std::size_t attachments,
                       std::optional<std::uint64_t> id) {
  appendHead(out, attachments > 0 ? PacketType::kBinaryEvent : PacketType::kEvent, nsp, attachments);
  if (id) out.append(std::to_string(*id));
}

void appendAckPrefix(std::string& out, std::string_view nsp, std::uint64_t id, std::size_t attachments) {
  appendHead(out, attachments > 0 ? PacketType::kBinaryAck : PacketType::kAck, nsp, attachments);
  out.append(std::to_string(id));
}

void appendConnect(std::string& out, std::string_view nsp, std::string_view sid, std::string_view pid) {
  appendHead(out, PacketType::kConnect, nsp);
  out.append("{\"sid\":");
  appendJsonString(out, sid);
  if (!pid.empty()) {
    out.append(",\"pid\":");
    appendJsonString(out, pid);
  }
  out.push_back('}');
}

void appendConnectError(std::string& out, std::string_view nsp, std::string_view message, std::string_view data) {
  appendHead(out, PacketType::kConnectError, nsp);
  out.append("{\"message\":");
  appendJsonString(out, message);
  if (!data.empty()) out.append(",\"data\":").append(data);
  out.push_back('}');
}

void appendConnectV4(std::string& out, std::string_view nsp) {
  appendHead(out, PacketType::kConnect, nsp);
}

void appendConnectErrorV4(std::string& out, std::string_view nsp, std::string_view message) {
  appendHead(out, PacketType::kConnectError, nsp);
  appendJsonString(out, message);
}

void appendDisconnect(std::string& out, std::string_view nsp) {
  appendHead(out, PacketType::kDisconnect, nsp);
}

}  // namespace mediasync::socketio
