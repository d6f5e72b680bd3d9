// A WebSocket after its handshake, as NGINX has it and as the worker knows it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/server/channel.h"
#include "core/server/environment.h"
#include "ngx_module/guard.h"
#include "ngx_module/nginx.h"
#include "ngx_module/process.h"

namespace mediasync::ngx {

// A connection that was taken over from its request. Lives in the pool of the request, which stays open with it.
class Connection final : public server::WebSocket {
 public:
  Connection(ngx_http_request_t* r, Runtime& runtime)
      : r_(r), c_(r->connection), runtime_(runtime), timer_(&Connection::onTimer, this, r->connection->log) {}

  ~Connection() override {
    if (channel_ && !finished_) guardedVoid(c_->log, [this] { runtime_.worker().gone(*channel_); });
    runtime_.settle();
  }

  void attach(std::unique_ptr<server::Channel> channel) { channel_ = std::move(channel); }
  // The handshake is out: from now on the connection is ours. `late`: what was written before is sent a moment later.
  void takeOver(bool late);
  // Another process has the connection: this one forgets it.
  void forget();

  // server::WebSocket
  std::ptrdiff_t write(std::string_view bytes) override;
  void pause(bool paused) override;
  void finish() override;
  std::optional<std::int64_t> roundTrip() const override;
  bool canBeGiven() const override { return c_->ssl == nullptr; }  // else its keys are in this process
  Giving give(std::uint16_t slot, std::string_view parcel) override;
  void letGo() override { forget(); }
  void goOn() override;

 private:
  static Connection* of(ngx_event_t* event);
  static void onRead(ngx_event_t* event);
  static void onWrite(ngx_event_t* event);
  static void onTimer(void* self);
  static void onEnd(Connection*);

  void feed(u_char* data, size_t size);
  void read();
  bool flushTls();
  std::ptrdiff_t writeTls(std::string_view bytes);
  void broken();
  void writeEarly();
  void close();

  ngx_http_request_t* r_;
  ngx_connection_t* c_;
  Runtime& runtime_;
  std::unique_ptr<server::Channel> channel_;
  Timer timer_;
  ngx_event_handler_pt requestRead_ = nullptr;  // of the request, which has the connection back at the end
  ngx_event_handler_pt requestWrite_ = nullptr;
  std::string early_;  // written before the handshake was out
  std::string tls_;    // a record that OpenSSL must be given again, unchanged
  bool open_ = false;
  bool paused_ = false;
  bool finished_ = false;  // the worker is done with the channel
  bool broken_ = false;
  bool late_ = false;  // finished, and waits for tls_ to be sent
  bool away_ = false;  // on its way to another process
};

// In the pool of the request, whose end destroys it.
Connection* makeConnection(ngx_http_request_t* r, Runtime& runtime);

// Takes the connection out of the event loop, and its events out of the queues.
void unwatch(ngx_connection_t* c);

}  // namespace mediasync::ngx
