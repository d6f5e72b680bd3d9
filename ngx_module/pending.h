// Requests that are answered later, by an object that lives in their pool.
#pragma once

#include <new>
#include <utility>

#include "ngx_module/nginx.h"

namespace mediasync::ngx {

// Runs the destructor of T, which lies in the request's pool, when the request ends.
template <class T>
void destroyInPool(void* object) {
  static_cast<T*>(object)->~T();
}

template <class T, class... Args>
T* makeInPool(ngx_http_request_t* r, Args&&... args) {
  ngx_pool_cleanup_t* cleanup = ngx_pool_cleanup_add(r->pool, sizeof(T));
  if (cleanup == nullptr) throw std::bad_alloc();
  T* object = new (cleanup->data) T(std::forward<Args>(args)...);
  cleanup->handler = destroyInPool<T>;
  return object;
}

// Finishes a request outside of its own handlers.
inline void finish(ngx_http_request_t* r, ngx_int_t rc) {
  ngx_connection_t* connection = r->connection;
  ngx_http_finalize_request(r, rc);
  ngx_http_run_posted_requests(connection);
}

}  // namespace mediasync::ngx
