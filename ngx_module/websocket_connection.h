// A WebSocket after its handshake, as NGINX has it and as the worker knows it.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/base/prefetch.h"
#include "core/connection/channel.h"
#include "core/context/environment.h"
#include "ngx_module/conf.h"
#include "ngx_module/held_request.h"
#include "ngx_module/left_request.h"
#include "ngx_module/lingering_close.h"
#include "ngx_module/nginx.h"
#include "ngx_module/process.h"
#include "ngx_module/socket_output.h"
#include "ngx_module/stand_in.h"
#include "ngx_module/tls.h"
#include "ngx_module/websocket_state.h"

namespace mediasync::ngx {

// A connection of NGINX's once its handshake has been sent. The request is given back as soon as nothing
// needs it any more, and the connection's pool with it: the connection is bare then, and belongs to this object.
class Connection final : public server::WebSocket {
 public:
  // `conf`: the location's, of all modules.
  Connection(ngx_connection_t* c, void** conf, Runtime& runtime) : c_(c), conf_(conf), runtime_(runtime) {}
  ~Connection() override;

  void attach(std::unique_ptr<server::Channel> channel) { channel_ = std::move(channel); }
  // The handshake is out: from now on NGINX's connection is ours. The request owns this object, by an entry of its pool
  // that was made before; then the pool of NGINX's connection does; then, when it is bare, nobody. With a stand-in the
  // WebSocket leaves the request at once. `late`: what was written before is sent a moment later.
  static void takeOver(std::unique_ptr<Connection>, ngx_pool_cleanup_t* owner, ngx_http_request_t* r,
                       std::unique_ptr<StandIn>, bool late);
  // The same for one whose handshake another process had: it has no pool. `client`: its address, for the error log.
  static Connection* goOnWith(std::unique_ptr<Connection>, std::string client);
  // Another process has the connection: this one forgets it.
  void forget();

  // server::WebSocket
  std::ptrdiff_t write(std::string_view bytes) override;
  void expectWrite() const override { prefetch(c_); }
  void pause(bool paused) override;
  void finish() override;
  std::optional<std::int64_t> roundTrip() const override;
  bool canBeGiven() const override { return !isTls(c_); }  // else its keys are in this process
  Giving give(std::uint16_t slot, std::string_view parcel) override;
  void letGo() override { forget(); }
  void goOn() override;

  // Events of NGINX's connection.
  void readable();
  void writable();
  // The same, once it has nothing more to send.
  void linger();
  void lingerOn();

 private:
  static Connection* stayWith(std::unique_ptr<Connection>, ngx_pool_cleanup_t* owner, ngx_http_request_t* r);
  static Connection* leave(std::unique_ptr<Connection>, ngx_http_request_t* r, StandIn&);

  void begin();
  void goBare(std::string client);
  void takeEvents();
  void endSoon();
  void timedOut();
  void feed(std::span<std::uint8_t> bytes);
  void read();
  bool flush();
  void broken();
  void failed();
  void writeEarly();
  void close();
  bool canReleaseRequest() const;
  void releaseRequest();
  void end();
  void endConnection();
  void closeNow();

  ngx_connection_t* c_;
  void** conf_;
  Runtime& runtime_;
  std::unique_ptr<server::Channel> channel_;
  HeldRequest request_;
  std::unique_ptr<std::string> ahead_;  // came with the handshake, and has yet to be read
  SocketOutput output_;
  std::string client_;  // its address as text, once it is bare
  LingeringClose lingering_;
  WebSocketState state_;
  LeftRequest left_;  // the last field: its request ends before the others are destroyed
};

static_assert(sizeof(Connection) <= 144, "one Connection is kept per idle WebSocket");

}  // namespace mediasync::ngx
