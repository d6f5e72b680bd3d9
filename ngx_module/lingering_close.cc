#include "ngx_module/lingering_close.h"

#include <algorithm>

#include "ngx_module/read_buffer.h"
#include "ngx_module/tls.h"

namespace mediasync::ngx {

bool LingeringClose::begin(ngx_connection_t* c, const ngx_http_core_loc_conf_t& conf, ngx_connection_handler_pt again,
                           ngx_event_handler_pt onRead) {
  if (isTls(c)) {
    const ngx_int_t rc = shutdownTls(c, again);
    if (rc == NGX_ERROR) return false;
    if (rc == NGX_AGAIN) return true;
  }
  c->read->handler = onRead;
  c->write->handler = ngx_http_empty_handler;
  if (c->write->active && (ngx_event_flags & NGX_USE_LEVEL_EVENT) != 0) {
    ngx_del_event(c->write, NGX_WRITE_EVENT, 0);
  }
  if (ngx_shutdown_socket(c->fd, NGX_WRITE_SHUTDOWN) == -1) return false;
  c->close = 0;
  ngx_reusable_connection(c, 1);  // makes way for others when there are too many
  until_ = ngx_current_msec + conf.lingering_time;
  return discard(c, conf);
}

bool LingeringClose::discard(ngx_connection_t* c, const ngx_http_core_loc_conf_t& conf) {
  ngx_event_t* event = c->read;
  const auto left = static_cast<ngx_msec_int_t>(until_ - ngx_current_msec);
  if (event->timedout || c->close || left <= 0) return false;
  const ssize_t n = c->recv(c, readBuffer.data(), readBuffer.size());
  if (n == NGX_ERROR || n == 0) return false;
  if (n != NGX_AGAIN && event->ready) {
    ngx_post_event(event, &ngx_posted_next_events);
  } else if (ngx_handle_read_event(event, 0) != NGX_OK) {
    return false;
  }
  ngx_add_timer(event, std::min(static_cast<ngx_msec_t>(left), conf.lingering_timeout));
  return true;
}

}  // namespace mediasync::ngx
