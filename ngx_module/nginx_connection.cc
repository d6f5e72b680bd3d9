#include "ngx_module/nginx_connection.h"

#include "ngx_module/text.h"

// NGINX has it when it was built with it.
extern "C" {
extern __attribute__((weak)) ngx_atomic_t* ngx_stat_active;
}

namespace mediasync::ngx {

std::string addressOf(const ngx_connection_t* c) {
  return std::string(view(c->addr_text));
}

void countActive(ngx_atomic_int_t change) {
  if (&ngx_stat_active != nullptr) ngx_atomic_fetch_add(ngx_stat_active, change);
}

// While another process has a descriptor of the connection, epoll goes on with it even when this one's is closed.
void unwatch(ngx_connection_t* c) {
  ngx_event_t* read = c->read;
  ngx_event_t* write = c->write;
  if (ngx_del_conn != nullptr) {
    if (read->active || write->active) ngx_del_conn(c, 0);
  } else {
    if (read->active || read->disabled) ngx_del_event(read, NGX_READ_EVENT, 0);
    if (write->active || write->disabled) ngx_del_event(write, NGX_WRITE_EVENT, 0);
  }
  for (ngx_event_t* event : {read, write}) {
    if (event->posted) {
      ngx_delete_posted_event(event);
    }
  }
}

void setAction(ngx_connection_t* c, const char* action) {
  c->log->action = const_cast<char*>(action);
}

}  // namespace mediasync::ngx
