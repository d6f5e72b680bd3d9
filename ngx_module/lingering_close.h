// The end of a connection without a request.
#pragma once

#include "ngx_module/nginx.h"

namespace mediasync::ngx {

// Closes a connection as NGINX does after a request: the peer shall see all that was sent, although it is still
// sending. Closing at once would reset the connection.
class LingeringClose {
 public:
  // Tells the peer that nothing more will come, then discards its input. `onRead` handles the connection's read events
  // from now on, and calls discard(). Over TLS, `again` is called when begin() is to be called again. False: the time
  // to close the connection has come.
  bool begin(ngx_connection_t* c, const ngx_http_core_loc_conf_t&, ngx_connection_handler_pt again,
             ngx_event_handler_pt onRead);
  bool discard(ngx_connection_t* c, const ngx_http_core_loc_conf_t&);

 private:
  ngx_msec_t until_ = 0;
};

}  // namespace mediasync::ngx
