// Connections of NGINX's that have no pool: what is left of one is its place in the arrays of connections and events.
#pragma once

#include <string_view>

#include "ngx_module/nginx.h"

namespace mediasync::ngx {

bool isBare(const ngx_connection_t* c);
// Frees the pool, if there is one. `log`: shared by such connections of a location, and written to where `errorLog` is.
// `client`: the address as text, which must last as long as the connection.
void makeBare(ngx_connection_t* c, ngx_log_t* log, ngx_log_t* errorLog, std::string_view client);
// Gives a bare connection a pool again, and a log of its own: over TLS, OpenSSL's state of it lies in that pool.
void addPool(ngx_connection_t* c, ngx_pool_t* pool, ngx_log_t* log);
// Closes a bare connection, as ngx_http_close_connection() closes the others.
void closeBare(ngx_connection_t* c);

// Has lines of the shared log be about that connection as long as it lives. Does nothing for one that is not bare.
class LogTurn {
 public:
  explicit LogTurn(ngx_connection_t* c);
  ~LogTurn();
  LogTurn(const LogTurn&) = delete;
  LogTurn& operator=(const LogTurn&) = delete;

 private:
  ngx_log_t* log_;
  void* before_ = nullptr;
  ngx_atomic_uint_t numberBefore_ = 0;
};

}  // namespace mediasync::ngx
