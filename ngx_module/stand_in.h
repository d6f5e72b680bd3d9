// A connection of NGINX's for a WebSocket whose request goes on without it.
#pragma once

#include <memory>

#include "ngx_module/nginx.h"

namespace mediasync::ngx {

// A request with subrequests keeps its connection, since all of them have it. Its socket moves to another connection,
// and the request is left with one whose peer has closed: it ends by itself when its last subrequest has.
class StandIn {
 public:
  // Takes all that is needed to replace the connection of that request. Null: no connection, descriptor or memory is
  // left.
  static std::unique_ptr<StandIn> make(const ngx_http_request_t* r);
  ~StandIn();  // gives back what replace() did not use
  StandIn(const StandIn&) = delete;
  StandIn& operator=(const StandIn&) = delete;

  // Moves the socket, and OpenSSL's state of it. The new connection has no pool, but for one over TLS.
  ngx_connection_t* replace(ngx_connection_t* from);
  // For a connection over TLS: an entry of its pool, and its own log.
  ngx_pool_cleanup_t* owner() const { return owner_; }
  ngx_log_t* log() const { return tlsLog_; }

 private:
  explicit StandIn(ngx_connection_t* c) : c_(c) {}
  bool prepareTls();

  ngx_connection_t* c_;
  int descriptor_ = -1;
  ngx_pool_t* pool_ = nullptr;
  ngx_ssl_connection_t* ssl_ = nullptr;
  ngx_log_t* tlsLog_ = nullptr;
  ngx_pool_cleanup_t* owner_ = nullptr;
};

}  // namespace mediasync::ngx
