// The request of a WebSocket's handshake, while it is open.
#pragma once

#include "ngx_module/nginx.h"

namespace mediasync::ngx {

// It has the connection back at its end.
class HeldRequest {
 public:
  // Refers to it once more. The events of its connection come to these handlers from now on.
  void hold(ngx_http_request_t* r, ngx_event_handler_pt read, ngx_event_handler_pt write);
  // Null: there is none, or no longer.
  ngx_http_request_t* get() const { return r_; }
  // The caller has it, without the connection.
  ngx_http_request_t* release();
  // Gives it the connection back and ends it; then the owner of this object may be gone.
  void end(bool isBroken);

 private:
  ngx_http_request_t* r_ = nullptr;
  ngx_event_handler_pt read_ = nullptr;  // its own
  ngx_event_handler_pt write_ = nullptr;
};

}  // namespace mediasync::ngx
