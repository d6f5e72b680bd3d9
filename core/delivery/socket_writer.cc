#include "core/delivery/socket_writer.h"

#include <utility>

#include "core/engineio/base64.h"
#include "core/engineio/packet.h"
#include "core/engineio/payload_writer.h"
#include "core/websocket/frame.h"

namespace mediasync::server {

namespace {

// Replies that gather while input is worked off are written from this size on.
constexpr std::size_t kCorkBytes = 16 * 1024;
// A buffer that is larger is given back once it is empty.
constexpr std::size_t kKeptBytes = 64 * 1024;

}  // namespace

SocketWriter::SocketWriter(Context& context) : Part(context) {}

// What goes out is gathered in one buffer, which goes from link to link: as a rule its bytes are sent at once.
void SocketWriter::lendBuffer(Link& link) {
  if (link.out.empty()) link.out.swap(spareOut_);
}

void SocketWriter::takeBackBuffer(Link& link) {
  link.out.clear();
  if (link.out.capacity() <= kKeptBytes) link.out.swap(spareOut_);
  std::string().swap(link.out);
}

void SocketWriter::send(Link& link, std::string_view packet) {
  lendBuffer(link);
  ++link.traffic.messagesOut;
  context_.compressor.appendFrame(link.out, link.compression, websocket::Opcode::kText, packet);
  if (!link.corked || link.out.size() > kCorkBytes) sendRaw(link, {});
}

void SocketWriter::sendBinary(Link& link, std::string_view bytes) {
  const bool typed = link.protocol.revision == engineio::Revision::kV3;  // the packet's type goes along
  if (typed && link.protocol.base64) {
    std::string packet = "b4";
    engineio::appendBase64(packet, bytes);
    return send(link, packet);
  }
  std::string message;
  if (typed) message.push_back(static_cast<char>(engineio::PacketType::kMessage));
  message.append(bytes);
  lendBuffer(link);
  ++link.traffic.messagesOut;
  context_.compressor.appendFrame(link.out, link.compression, websocket::Opcode::kBinary, message);
  if (!link.corked || link.out.size() > kCorkBytes) sendRaw(link, {});
}

void SocketWriter::uncork(Link& link) {
  link.corked = false;
  if (!link.out.empty()) sendRaw(link, {});
}

void SocketWriter::sendRaw(Link& link, std::string_view frames) {
  link.out.append(frames);
  if (link.full || link.out.empty()) return;
  const std::ptrdiff_t taken = link.socket->write(link.out);
  if (taken > 0) link.traffic.sent(static_cast<std::size_t>(taken));
  if (taken == static_cast<std::ptrdiff_t>(link.out.size())) {
    link.hasRead = !link.awaitsSnapshot;
    return takeBackBuffer(link);
  }
  if (taken > 0) link.out.erase(0, static_cast<std::size_t>(taken));
  link.full = true;
}

}  // namespace mediasync::server
