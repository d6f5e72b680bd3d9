#include "ngx_module/body.h"

#include <new>
#include <stdexcept>

#include "ngx_module/text.h"
#include "ngx_module/timer.h"

namespace mediasync::ngx {
namespace {

// A body that is coming in. Lies in the pool of its request.
struct Body {
  Body(ngx_http_request_t* request, ngx_http_client_body_handler_pt handler)
      : r(request), onBody(handler), deadline(onDeadline, this, request->connection->log) {}

  // The body is no longer waited for: what is sent, or made by an error_page, is the answer.
  bool isOver() const {
    return ngx_http_get_module_ctx(r, ngx_http_mediasync_module) != this || r->headers_out.status != 0 ||
           r->header_sent;
  }

  // Ends the request as NGINX does when the client is silent for its time.
  static void onDeadline(void* self) {
    if (static_cast<Body*>(self)->isOver()) return;
    ngx_http_request_t* r = static_cast<Body*>(self)->r;
    ngx_connection_t* connection = r->connection;
    connection->timedout = 1;
    ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
    ngx_http_run_posted_requests(connection);
  }

  ngx_http_request_t* r;
  ngx_http_client_body_handler_pt onBody;
  Timer deadline;
};

void destroyBody(void* body) {
  static_cast<Body*>(body)->~Body();
}

void onComplete(ngx_http_request_t* r) {
  auto* body = static_cast<Body*>(ngx_http_get_module_ctx(r, ngx_http_mediasync_module));
  body->deadline.disarm();
  body->onBody(r);
}

}  // namespace

ngx_int_t readBody(ngx_http_request_t* r, const LocConf& conf, ngx_http_client_body_handler_pt onBody) {
  // A body of declared length has been checked. NGINX checks one in chunks while it reads.
  if (r->headers_in.chunked) r->loc_conf = conf.limited;
  r->request_body_in_single_buf = 1;
  ngx_pool_cleanup_t* cleanup = ngx_pool_cleanup_add(r->pool, sizeof(Body));
  if (cleanup == nullptr) return NGX_HTTP_INTERNAL_SERVER_ERROR;
  auto* body = new (cleanup->data) Body(r, onBody);
  cleanup->handler = destroyBody;
  ngx_http_set_ctx(r, body, ngx_http_mediasync_module);
  body->deadline.arm(conf.pingInterval + conf.pingTimeout);
  const ngx_int_t rc = ngx_http_read_client_request_body(r, onComplete);
  return rc >= NGX_HTTP_SPECIAL_RESPONSE ? rc : NGX_DONE;
}

std::string bodyOf(ngx_http_request_t* r) {
  std::string body;
  if (r->request_body == nullptr) return body;
  for (const ngx_chain_t* link = r->request_body->bufs; link != nullptr; link = link->next) {
    ngx_buf_t* buffer = link->buf;
    if (!buffer->in_file) {
      body.append(asText({buffer->pos, buffer->last}));
      continue;
    }
    // Chunks of a few bytes each: with what is between them the body was larger than its buffer.
    const auto size = static_cast<size_t>(buffer->file_last - buffer->file_pos);
    const size_t at = body.size();
    body.resize(at + size);
    u_char* to = asWritableBytes(body).data() + at;
    if (ngx_read_file(buffer->file, to, size, buffer->file_pos) != static_cast<ssize_t>(size)) {
      throw std::runtime_error("cannot read the request body");
    }
  }
  return body;
}

}  // namespace mediasync::ngx
