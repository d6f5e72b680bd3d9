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

// Output is gathered in one buffer, which the connections use in turn: as a rule its bytes are sent at once.
void SocketWriter::lendBuffer(Recipient& to) {
  if (to.out.empty()) to.out.swap(spareOut_);
}

void SocketWriter::takeBackBuffer(Recipient& to) {
  to.out.clear();
  if (to.out.capacity() <= kKeptBytes) to.out.swap(spareOut_);
  std::string().swap(to.out);
}

void SocketWriter::send(Recipient& to, std::string_view packet) {
  lendBuffer(to);
  ++to.traffic.messagesOut;
  context_.compressor.appendFrame(to.out, to.compression, websocket::Opcode::kText, packet);
  if (!to.corked || to.out.size() > kCorkBytes) sendRaw(to, {});
}

void SocketWriter::sendBinary(Recipient& to, std::string_view bytes) {
  const bool typed = to.protocol.revision == engineio::Revision::kV3;  // the packet's type goes along
  if (typed && to.protocol.base64) {
    std::string packet = "b4";
    engineio::appendBase64(packet, bytes);
    return send(to, packet);
  }
  std::string message;
  if (typed) message.push_back(static_cast<char>(engineio::PacketType::kMessage));
  message.append(bytes);
  lendBuffer(to);
  ++to.traffic.messagesOut;
  context_.compressor.appendFrame(to.out, to.compression, websocket::Opcode::kBinary, message);
  if (!to.corked || to.out.size() > kCorkBytes) sendRaw(to, {});
}

void SocketWriter::uncork(Recipient& to) {
  to.corked = false;
  if (!to.out.empty()) sendRaw(to, {});
}

void SocketWriter::sendRaw(Recipient& to, std::string_view frames) {
  to.out.append(frames);
  if (to.full || to.out.empty()) return;
  const std::ptrdiff_t taken = to.socket->write(to.out);
  if (taken > 0) to.traffic.sent(static_cast<std::size_t>(taken));
  if (taken == static_cast<std::ptrdiff_t>(to.out.size())) {
    to.hasRead = !to.awaitsSnapshot;
    return takeBackBuffer(to);
  }
  if (taken > 0) to.out.erase(0, static_cast<std::size_t>(taken));
  to.full = true;
}

}  // namespace mediasync::server
