#include "ngx_module/read_meter.h"

#include <new>

#include "ngx_module/process.h"

namespace mediasync::ngx {
namespace {

void forgetMeter(void*) {}

// In the pool of the connection. Of the streams of HTTP/2 and HTTP/3 it is the one that they share.
TokenBucket* meterOf(ngx_http_request_t* r) {
  ngx_connection_t* c = r->connection;
#if (NGX_HTTP_V2)
  if (r->stream != nullptr) c = r->stream->connection->connection;
#endif
#if (NGX_HTTP_V3)
  if (r->connection->quic != nullptr) c = r->connection->quic->parent;
#endif
  for (const ngx_pool_cleanup_t* one = c->pool->cleanup; one != nullptr; one = one->next) {
    if (one->handler == forgetMeter) return static_cast<TokenBucket*>(one->data);
  }
  ngx_pool_cleanup_t* cleanup = ngx_pool_cleanup_add(c->pool, sizeof(TokenBucket));
  if (cleanup == nullptr) return nullptr;
  cleanup->handler = forgetMeter;
  return new (cleanup->data) TokenBucket();
}

}  // namespace

bool mayRead(ngx_http_request_t* r, const Rate& rate) {
  const TokenBucket* meter = rate ? meterOf(r) : nullptr;
  return meter == nullptr || meter->hasSome(rate, currentTime().mono);
}

void chargeRead(ngx_http_request_t* r, const Rate& rate, size_t bytes) {
  if (TokenBucket* meter = rate ? meterOf(r) : nullptr) meter->charge(rate, currentTime().mono, bytes);
}

}  // namespace mediasync::ngx
