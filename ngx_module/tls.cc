#include "ngx_module/tls.h"

#if (NGX_SSL)

#include <openssl/ssl.h>

namespace mediasync::ngx {

bool isTls(const ngx_connection_t* c) {
  return c->ssl != nullptr;
}

void takeParts(ngx_connection_t* c) {
  SSL_set_mode(c->ssl->connection, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

void freeTlsBuffer(ngx_connection_t* c) {
  ngx_ssl_free_buffer(c);
}

bool hasTlsHandlers(const ngx_connection_t* c) {
  return c->ssl->saved_read_handler != nullptr || c->ssl->saved_write_handler != nullptr;
}

void forgetTlsHandlers(ngx_connection_t* c) {
  c->ssl->saved_read_handler = nullptr;
  c->ssl->saved_write_handler = nullptr;
}

ngx_int_t shutdownTls(ngx_connection_t* c, ngx_connection_handler_pt again) {
  c->ssl->shutdown_without_free = 1;
  const ngx_int_t rc = ngx_ssl_shutdown(c);
  if (rc == NGX_AGAIN) c->ssl->handler = again;
  return rc;
}

ngx_ssl_connection_t* roomForTls(ngx_pool_t* pool) {
  return static_cast<ngx_ssl_connection_t*>(ngx_palloc(pool, sizeof(ngx_ssl_connection_t)));
}

void moveTls(ngx_connection_t* from, ngx_connection_t* to, ngx_ssl_connection_t* room) {
  *room = *from->ssl;
  room->buf = nullptr;   // empty, and in the other pool
  room->ocsp = nullptr;  // in the other pool, too: the handshake is over, and its check with it
  to->ssl = room;
  forgetTlsHandlers(to);  // they are of the other connection
  from->ssl = nullptr;
  from->recv = ngx_recv;
  from->send = ngx_send;
  from->recv_chain = ngx_recv_chain;
  from->send_chain = ngx_send_chain;
  SSL_set_ex_data(room->connection, ngx_ssl_connection_index, to);
}

}  // namespace mediasync::ngx

#else

namespace mediasync::ngx {

bool isTls(const ngx_connection_t*) {
  return false;
}

void takeParts(ngx_connection_t*) {}

void freeTlsBuffer(ngx_connection_t*) {}

bool hasTlsHandlers(const ngx_connection_t*) {
  return false;
}

void forgetTlsHandlers(ngx_connection_t*) {}

ngx_int_t shutdownTls(ngx_connection_t*, ngx_connection_handler_pt) {
  return NGX_OK;
}

ngx_ssl_connection_t* roomForTls(ngx_pool_t*) {
  return nullptr;
}

void moveTls(ngx_connection_t*, ngx_connection_t*, ngx_ssl_connection_t*) {}

}  // namespace mediasync::ngx

#endif
