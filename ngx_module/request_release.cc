#include "ngx_module/request_release.h"

#include "ngx_module/connection_owner.h"
#include "ngx_module/nginx_connection.h"
#include "ngx_module/tls.h"

// NGINX has it when it was built with it.
extern "C" {
extern __attribute__((weak)) ngx_module_t ngx_http_realip_module;
}

namespace mediasync::ngx {
namespace {

// realip's cleanup undoes the address that it has put in the place of the peer's, which nobody asks for any more.
bool isOfRealip(const ngx_http_request_t* r, const ngx_pool_cleanup_t* cleanup) {
  return &ngx_http_realip_module != nullptr && cleanup->data != nullptr &&
         cleanup->data == ngx_http_get_module_ctx(r, ngx_http_realip_module);
}

}  // namespace

void logRequest(ngx_http_request_t* r) {
  if (r->logged) return;
  setAction(r->connection, "logging request");
  auto* main = static_cast<ngx_http_core_main_conf_t*>(ngx_http_get_module_main_conf(r, ngx_http_core_module));
  const ngx_array_t& handlers = main->phases[NGX_HTTP_LOG_PHASE].handlers;
  for (ngx_uint_t i = 0; i < handlers.nelts; ++i)
    static_cast<ngx_http_handler_pt*>(handlers.elts)[i](r);
  r->logged = 1;
}

bool hasCleanups(const ngx_http_request_t* r) {
  for (const auto* cleanup = r->cleanup; cleanup != nullptr; cleanup = cleanup->next) {
    if (cleanup->handler != nullptr) return true;
  }
  for (const auto* cleanup = r->pool->cleanup; cleanup != nullptr; cleanup = cleanup->next) {
    if (cleanup->handler == nullptr || isOwner(*cleanup) || isOfRealip(r, cleanup)) continue;
    return true;
  }
  return false;
}

bool isNeededByOthers(const ngx_http_request_t* r) {
  return hasCleanups(r) || r->count != 1 || r->blocked != 0 || r->posted_requests != nullptr;
}

// OpenSSL's state of a connection lies in its pool, others may have things to undo at its end, and who writes a debug
// log wants to find each connection in it.
bool canReleasePool(const ngx_connection_t* c) {
  if (isTls(c) || (c->log->log_level & NGX_LOG_DEBUG_ALL) != 0) return false;
  for (const auto* cleanup = c->pool->cleanup; cleanup != nullptr; cleanup = cleanup->next) {
    if (cleanup->handler != nullptr) return false;
  }
  return true;
}

void freeRequest(ngx_http_request_t* r) {
  ngx_connection_t* c = r->connection;
  ngx_http_free_request(r, 0);
  c->destroyed = 0;
}

// NGINX does the same to connections that are kept alive.
void freeBuffers(ngx_connection_t* c, ngx_http_connection_t& hc) {
  ngx_pfree(c->pool, c->buffer->start);
  c->buffer = nullptr;
  for (ngx_chain_t* chain : {hc.free, hc.busy}) {
    for (; chain != nullptr; chain = chain->next)
      ngx_pfree(c->pool, chain->buf->start);
  }
  hc.free = nullptr;
  hc.busy = nullptr;
  if (isTls(c)) freeTlsBuffer(c);
}

}  // namespace mediasync::ngx
