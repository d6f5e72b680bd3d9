#include "ngx_module/held_request.h"

#include <utility>

#include "ngx_module/pending.h"

namespace mediasync::ngx {

void HeldRequest::hold(ngx_http_request_t* r, ngx_event_handler_pt read, ngx_event_handler_pt write) {
  ++r->main->count;
  r_ = r;
  read_ = std::exchange(r->connection->read->handler, read);
  write_ = std::exchange(r->connection->write->handler, write);
}

ngx_http_request_t* HeldRequest::release() {
  return std::exchange(r_, nullptr);
}

void HeldRequest::end(bool isBroken) {
  ngx_connection_t* c = r_->connection;
  if (!isBroken) {
    r_->lingering_close = 1;  // the peer shall see the close frame, whatever it is still sending
    c->read->ready = 1;
  }
  c->read->handler = read_;
  c->write->handler = write_;
  finish(r_, isBroken ? NGX_ERROR : NGX_DONE);
}

}  // namespace mediasync::ngx
