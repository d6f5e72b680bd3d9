#include "ngx_module/websocket_adoption.h"

#include <unistd.h>

#include <algorithm>
#include <memory>

#include "ngx_module/bare_connection.h"
#include "ngx_module/conf.h"
#include "ngx_module/guard.h"
#include "ngx_module/nginx_connection.h"
#include "ngx_module/text.h"
#include "ngx_module/websocket_connection.h"

namespace mediasync::ngx {
namespace {

bool isWildcard(const sockaddr* address) {
  if (address->sa_family == AF_INET) return reinterpret_cast<const sockaddr_in*>(address)->sin_addr.s_addr == 0;
#if (NGX_HAVE_INET6)
  if (address->sa_family == AF_INET6) {
    return IN6_IS_ADDR_UNSPECIFIED(&reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr);
  }
#endif
  return false;
}

// True if a connection with that local address comes by a socket that listens on `listened`.
bool comesBy(ngx_sockaddr_t local, socklen_t size, sockaddr* listened, socklen_t listenedSize) {
  if (ngx_cmp_sockaddr(&local.sockaddr, size, listened, listenedSize, 1) == NGX_OK) return true;
  return isWildcard(listened) && local.sockaddr.sa_family == listened->sa_family &&
         ngx_inet_get_port(&local.sockaddr) == ngx_inet_get_port(listened);
}

ngx_listening_t* findListening(const ngx_sockaddr_t& local, socklen_t size) {
  const auto& all = ngx_cycle->listening;
  auto* listening = static_cast<ngx_listening_t*>(all.elts);
  ngx_listening_t* found = nullptr;
  for (ngx_uint_t i = 0; i < all.nelts; ++i) {
    ngx_listening_t& one = listening[i];
    if (one.handler != ngx_http_init_connection || !comesBy(local, size, one.sockaddr, one.socklen)) continue;
    if (found == nullptr || !isWildcard(one.sockaddr)) found = &one;
  }
  return found;
}

// The location that took the place of the one that the connection came by.
const Location* findLocation(std::uint64_t key, const ngx_sockaddr_t& local, socklen_t size) {
  const auto* main = static_cast<MainConf*>(ngx_http_cycle_get_module_main_conf(ngx_cycle, ngx_http_mediasync_module));
  const auto* locations = static_cast<Location*>(main->locations.elts);
  for (ngx_uint_t i = 0; i < main->locations.nelts; ++i) {
    if (locations[i].key != key) continue;
    auto* addresses = static_cast<ngx_sockaddr_t*>(locations[i].addresses.elts);
    for (ngx_uint_t a = 0; a < locations[i].addresses.nelts; ++a) {
      if (comesBy(local, size, &addresses[a].sockaddr, sizeof addresses[a])) return &locations[i];
    }
  }
  return nullptr;
}

std::string addressAsText(ngx_sockaddr_t& address, socklen_t size) {
  u_char text[NGX_SOCKADDR_STRLEN];
  return std::string(asText({text, ngx_sock_ntop(&address.sockaddr, size, text, sizeof text, 0)}));
}

// Makes the connection that accepting would have made of the descriptor, without the parts that only a handshake needs.
// Null, with the descriptor left open, when that is not possible.
ngx_connection_t* makeNginxConnection(int descriptor, ngx_listening_t* listening) {
  if (ngx_cycle->free_connection_n <= 1) return nullptr;
  ngx_connection_t* c = ngx_get_connection(descriptor, ngx_cycle->log);
  if (c == nullptr) return nullptr;
  c->type = SOCK_STREAM;
  c->listening = listening;
  c->recv = ngx_recv;
  c->send = ngx_send;
  c->recv_chain = ngx_recv_chain;
  c->send_chain = ngx_send_chain;
  c->number = ngx_atomic_fetch_add(ngx_connection_counter, 1);
  c->start_time = ngx_current_msec;
  c->log_error = NGX_ERROR_INFO;
  c->write->ready = 1;
  if (listening->sockaddr->sa_family == AF_UNIX) {
    c->tcp_nopush = NGX_TCP_NOPUSH_DISABLED;
    c->tcp_nodelay = NGX_TCP_NODELAY_DISABLED;
  }
  countActive(1);
  return c;
}

// False: the descriptor, which is still open, cannot be used here.
bool adopt(int descriptor, const server::Letter& letter, Runtime& runtime) {
  ngx_sockaddr_t local{};
  socklen_t size = sizeof local;
  ngx_sockaddr_t peer{};
  socklen_t peerSize = sizeof peer;
  if (getsockname(descriptor, &local.sockaddr, &size) == -1) return false;
  if (getpeername(descriptor, &peer.sockaddr, &peerSize) == -1) return false;  // it is gone
  const Location* location = findLocation(letter.location, local, size);
  ngx_listening_t* listening = findListening(local, size);
  if (location == nullptr || listening == nullptr) return false;
  ngx_connection_t* c = makeNginxConnection(descriptor, listening);
  if (c == nullptr) return false;
  Connection* connection = nullptr;
  std::unique_ptr<server::Channel> channel;
  guardedVoid(ngx_cycle->log, [&] {
    connection = Connection::goOnWith(std::make_unique<Connection>(c, location->conf.loc_conf, runtime),
                                      addressAsText(peer, std::min<socklen_t>(peerSize, sizeof peer)));
    channel = runtime.worker().reload().adopt(letter.parcel, *connection, location->loc->options(),
                                              location->loc->bindsUser != 0);
  });
  if (channel != nullptr) {
    connection->attach(std::move(channel));
    return true;
  }
  if (connection != nullptr) {
    connection->forget();
  } else {
    closeBare(c);
  }
  runtime.worker().reload().decline(letter.parcel);
  return true;
}

}  // namespace

void takeWebSocket(int descriptor, const server::Letter& letter) {
  Runtime* runtime = runtimeOf(letter.zone);
  if (runtime == nullptr) {
    ::close(descriptor);
    return;
  }
  if (!adopt(descriptor, letter, *runtime)) {
    runtime->worker().reload().decline(letter.parcel);
    ::close(descriptor);
  }
  runtime->settle();
}

}  // namespace mediasync::ngx
