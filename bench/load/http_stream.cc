#include "bench/load/http_stream.h"

#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <cerrno>
#include <charconv>

#include "bench/load/dial.h"

namespace mediasync::bench {
namespace {

bool isLetter(char a, char b) {
  return (a | 0x20) == (b | 0x20);
}

std::size_t contentLength(std::string_view head) {
  constexpr std::string_view kName = "\r\ncontent-length:";
  const auto at = std::search(head.begin(), head.end(), kName.begin(), kName.end(), isLetter);
  if (at == head.end()) return 0;
  const char* value = at + kName.size();
  while (value != head.end() && *value == ' ')
    ++value;
  std::size_t length = 0;
  std::from_chars(value, head.end(), length);
  return length;
}

int statusOf(std::string_view head) {
  constexpr std::size_t kAt = sizeof("HTTP/1.1 ") - 1;
  int status = 0;
  if (head.size() > kAt) std::from_chars(head.data() + kAt, head.data() + head.size(), status);
  return status;
}

}  // namespace

std::string getRequest(std::string_view target, std::string_view headers) {
  return "GET " + std::string(target) + " HTTP/1.1\r\nHost: 127.0.0.1\r\n" + std::string(headers) + "\r\n";
}

std::string postRequest(std::string_view target, std::string_view type, std::string_view body) {
  return "POST " + std::string(target) + " HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: " + std::string(type) +
         "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + std::string(body);
}

void HttpStream::request(std::string text, OnResponse onResponse) {
  unsent_ = std::move(text);
  onResponse_ = std::move(onResponse);
  if (socket_.is_open())
    write();
  else
    connect();
}

void HttpStream::connect() {
  dial(context_, socket_, number_, [this, life = life_](const boost::system::error_code& error) {
    if (error == asio::error::operation_aborted || life != life_) return;
    if (error) return finish(0);
    socket_.non_blocking(true);
    waitToRead();
    write();
  });
}

void HttpStream::drop() {
  ++life_;
  boost::system::error_code ignored;
  socket_.close(ignored);
  onResponse_ = nullptr;
  head_.clear();
  body_.clear();
  hasHead_ = false;
  bodyTaken_ = 0;
}

void HttpStream::write() {
  boost::system::error_code error;
  unsent_.erase(0, socket_.write_some(asio::buffer(unsent_), error));
  if (error && error != asio::error::would_block) return;  // reading tells
  if (unsent_.empty()) return;
  socket_.async_wait(asio::ip::tcp::socket::wait_write, [this, life = life_](const boost::system::error_code& failure) {
    if (!failure && life == life_) write();
  });
}

void HttpStream::waitToRead() {
  socket_.async_wait(asio::ip::tcp::socket::wait_read, [this, life = life_](const boost::system::error_code& error) {
    if (error == asio::error::operation_aborted || life != life_) return;
    if (error)
      finish(0);
    else
      read();
  });
}

void HttpStream::read() {
  if (hasHead_ && !keepsBody_)
    skipBody();
  else
    readBytes();
}

void HttpStream::readBytes() {
  boost::system::error_code error;
  const std::size_t size = socket_.read_some(asio::buffer(context_.buffer), error);
  if (error && error != asio::error::would_block) return finish(0);
  const unsigned life = life_;
  if (size > 0) take({context_.buffer.data(), size});
  if (life == life_) waitToRead();
}

// The kernel throws the bytes away without copying them.
void HttpStream::skipBody() {
  const ssize_t size = ::recv(socket_.native_handle(), nullptr, bodySize_ - bodyTaken_, MSG_TRUNC);
  if (size == 0 || (size < 0 && errno != EAGAIN)) return finish(0);
  const unsigned life = life_;
  if (size > 0) bodyTaken_ += static_cast<std::size_t>(size);
  if (bodyTaken_ >= bodySize_) finish(status_);
  if (life == life_) waitToRead();
}

bool HttpStream::takeHead(std::string_view& bytes) {
  constexpr std::string_view kEnd = "\r\n\r\n";
  const std::size_t before = head_.size();
  head_.append(bytes);
  const std::size_t end = head_.find(kEnd);
  if (end == std::string::npos) return false;
  bytes.remove_prefix(end + kEnd.size() - before);
  head_.resize(end);
  status_ = statusOf(head_);
  bodySize_ = contentLength(head_);
  hasHead_ = true;
  return true;
}

// There is one request at a time, so nothing follows the body.
void HttpStream::take(std::string_view bytes) {
  if (!hasHead_ && !takeHead(bytes)) return;
  bodyTaken_ += bytes.size();
  if (keepsBody_) body_.append(bytes);
  if (bodyTaken_ >= bodySize_) finish(status_);
}

void HttpStream::finish(int status) {
  const OnResponse onResponse = std::move(onResponse_);
  const std::string body = std::move(body_);
  const std::size_t bodySize = bodyTaken_;
  onResponse_ = nullptr;
  head_.clear();
  body_.clear();
  hasHead_ = false;
  bodyTaken_ = 0;
  if (status == 0) drop();
  if (onResponse) onResponse({status, body, bodySize});
}

}  // namespace mediasync::bench
