// The request that a WebSocket has left, since subrequests of the handshake are still at work.
#pragma once

#include "ngx_module/nginx.h"

namespace mediasync::ngx {

// Keeps it until the WebSocket ends, for those who have things to undo at its end, unless a subrequest ends it before.
class LeftRequest {
 public:
  LeftRequest() = default;
  ~LeftRequest();
  LeftRequest(const LeftRequest&) = delete;
  LeftRequest& operator=(const LeftRequest&) = delete;

  // Once at most. Does not keep it when memory is short.
  void keep(ngx_http_request_t* r);

 private:
  // Lies in the pool of the request.
  struct Entry {
    ngx_http_request_t* r;
    LeftRequest* keeper;  // null: needs it no longer
  };
  static void forget(void* entry);

  Entry* entry_ = nullptr;  // null as well when the request has ended
};

}  // namespace mediasync::ngx
