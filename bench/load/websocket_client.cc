#include "bench/load/websocket_client.h"

#include <boost/asio/buffer.hpp>

#include "bench/load/dial.h"
#include "bench/masked_frame.h"

namespace mediasync::bench {
namespace {

constexpr int kOpcodeClose = 8;

}  // namespace

void WebSocketClient::connect(bool join) {
  begin(join);
  ++life_;
  isUpgraded_ = false;
  frames_.reset();
  response_.clear();
  unsent_.clear();
  dial(context_, socket_, number(), [this, life = life_](const boost::system::error_code& error) {
    if (error == asio::error::operation_aborted || life != life_) return;
    if (error)
      broken();
    else
      requestUpgrade();
  });
}

std::string WebSocketClient::request() const {
  const Options& options = context_.options;
  const std::string target =
      options.bare ? options.path + sessionName(session()) : options.path + "?EIO=4&transport=websocket";
  return "GET " + target + " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(options.port) +
         "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
         "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
}

void WebSocketClient::requestUpgrade() {
  socket_.non_blocking(true);
  const std::string text = request();
  boost::system::error_code error;
  if (socket_.write_some(asio::buffer(text), error) != text.size()) return broken();
  context_.readSet.add(socket_.native_handle(), *this);
}

void WebSocketClient::drop() {
  ++life_;
  boost::system::error_code ignored;
  socket_.close(ignored);
}

void WebSocketClient::broken() {
  drop();
  fail();
}

void WebSocketClient::send(std::string_view packet) {
  const bool isWaiting = !unsent_.empty();
  unsent_ += maskedFrame(packet, kZeroKey);
  if (!isWaiting && socket_.is_open()) write();
}

void WebSocketClient::write() {
  boost::system::error_code error;
  unsent_.erase(0, socket_.write_some(asio::buffer(unsent_), error));
  if (error && error != asio::error::would_block) return;  // reading tells
  if (unsent_.empty()) return;
  socket_.async_wait(asio::ip::tcp::socket::wait_write, [this, life = life_](const boost::system::error_code& failure) {
    if (!failure && life == life_) write();
  });
}

// One read for each time that the socket is ready: what is left makes it ready again.
void WebSocketClient::read() {
  if (!socket_.is_open()) return;
  boost::system::error_code error;
  const std::size_t size = socket_.read_some(asio::buffer(context_.buffer), error);
  if (error == asio::error::would_block) return;
  if (error) return broken();
  take({context_.buffer.data(), size}, nowNs());
}

void WebSocketClient::take(std::string_view bytes, std::int64_t now) {
  if (!isUpgraded_) bytes = takeResponse(bytes);
  if (!isUpgraded_) return;
  bool isClosed = false;
  frames_.feed(bytes, [&](int opcode, std::string_view payload) {
    if (opcode == kOpcodeClose)
      isClosed = true;
    else if (context_.options.bare)
      onMessage(payload, now);
    else
      onPacket(payload, now);
  });
  if (isClosed) broken();
}

// What follows the response.
std::string_view WebSocketClient::takeResponse(std::string_view bytes) {
  constexpr std::string_view kEnd = "\r\n\r\n", kSwitching = "HTTP/1.1 101";
  const std::size_t before = response_.size();
  response_.append(bytes);
  const std::size_t end = response_.find(kEnd);
  if (end == std::string::npos) return {};
  if (response_.compare(0, kSwitching.size(), kSwitching) != 0) {
    broken();
    return {};
  }
  isUpgraded_ = true;
  response_ = {};
  if (context_.options.bare) becomeReady();
  return bytes.substr(end + kEnd.size() - before);
}

void WebSocketClient::stopReading() {
  context_.readSet.remove(socket_.native_handle());
  socket_.set_option(asio::socket_base::receive_buffer_size(4096));
}

void WebSocketClient::goOnReading() {
  if (socket_.is_open()) context_.readSet.add(socket_.native_handle(), *this);
}

}  // namespace mediasync::bench
