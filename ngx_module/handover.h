// Descriptors of WebSockets on their way from a worker that ends to one of a newer configuration.
#pragma once

#include <cstdint>
#include <string_view>

#include "core/connection/letter.h"
#include "core/context/environment.h"
#include "ngx_module/nginx.h"

namespace mediasync::ngx {

// In the master, before it forks: one pair of sockets for each process slot that a worker may get, as far as there is
// no need to be sparing. All generations share them.
void makeHandoverSockets(size_t slots, ngx_log_t* log);
// In a worker: takes what comes to its slot from now on. False: it has no sockets.
bool listenForHandovers(ngx_cycle_t* cycle);
// At its end: what has come is left to who sent it.
void declineHandovers(ngx_log_t* log);

// Letter::location is a Location::key.
server::WebSocket::Giving sendDescriptor(std::uint16_t slot, int descriptor, const server::Letter&);

}  // namespace mediasync::ngx
