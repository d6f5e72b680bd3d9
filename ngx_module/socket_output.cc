#include "ngx_module/socket_output.h"

#include <utility>

#include "ngx_module/text.h"
#include "ngx_module/tls.h"

namespace mediasync::ngx {
namespace {

constexpr size_t kTlsRecord = 16 * 1024;

bool waitForRoom(ngx_connection_t* c) {
  return ngx_handle_write_event(c->write, 0) == NGX_OK;
}

}  // namespace

void SocketOutput::hold(std::string_view bytes) {
  if (!held_) held_ = std::make_unique<std::string>();
  held_->append(bytes);
}

std::unique_ptr<std::string> SocketOutput::takeHeld() {
  return std::exchange(held_, nullptr);
}

SocketOutput::Written SocketOutput::write(ngx_connection_t* c, std::string_view bytes) {
  if (isTls(c)) return writeTls(c, bytes);
  const ssize_t sent = c->send(c, ngxBytes(bytes), bytes.size());
  if (sent == NGX_ERROR) return {-1, true};
  const std::ptrdiff_t taken = sent == NGX_AGAIN ? 0 : sent;
  if (taken == static_cast<std::ptrdiff_t>(bytes.size())) return {taken, false};
  c->write->ready = 0;
  return {taken, !waitForRoom(c)};
}

// A record that OpenSSL could not send must be given to it again as it was, whatever else is written meanwhile.
SocketOutput::Flushed SocketOutput::flush(ngx_connection_t* c) {
  while (record_) {
    const ssize_t sent = c->send(c, ngxBytes(*record_), record_->size());
    if (sent == NGX_ERROR) return Flushed::kBroken;
    if (sent == NGX_AGAIN) return waitForRoom(c) ? Flushed::kWaits : Flushed::kBroken;
    record_->erase(0, static_cast<size_t>(sent));
    if (record_->empty()) record_.reset();
  }
  return Flushed::kAll;
}

SocketOutput::Written SocketOutput::writeTls(ngx_connection_t* c, std::string_view bytes) {
  size_t taken = 0;
  Flushed flushed = flush(c);
  while (flushed == Flushed::kAll && taken < bytes.size()) {
    const std::string_view record = bytes.substr(taken, kTlsRecord);
    const ssize_t sent = c->send(c, ngxBytes(record), record.size());
    if (sent == NGX_ERROR) return {-1, true};
    if (sent == NGX_AGAIN) {
      record_ = std::make_unique<std::string>(record);
      taken += record.size();
    } else {
      taken += static_cast<size_t>(sent);
    }
    flushed = flush(c);
  }
  if (flushed == Flushed::kBroken) return {-1, true};
  return {static_cast<std::ptrdiff_t>(taken), false};
}

}  // namespace mediasync::ngx
