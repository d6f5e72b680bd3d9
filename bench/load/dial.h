// TCP connections to the server, from many addresses: one address has 28,000 ports to connect from.
#pragma once

#include <boost/asio/ip/tcp.hpp>

#include "bench/load/context.h"

namespace mediasync::bench {

// Opens and binds `socket` for the client with that number, and connects it; `connected(error)` is called later.
template <class Connected>
void dial(Context& context, asio::ip::tcp::socket& socket, int client, Connected connected) {
  using asio::ip::tcp;
  constexpr asio::ip::address_v4::uint_type kFirstSource = 0x7f000002;  // 127.0.0.2
  // The port is chosen by connect(), which knows the whole pair of addresses.
  using LatePort = asio::detail::socket_option::boolean<IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT>;
  // Closing sends a reset, so that no port stays in TIME_WAIT.
  const asio::socket_base::linger abort(true, 0);

  socket.open(tcp::v4());
  socket.set_option(LatePort(true));
  socket.set_option(abort);
  socket.set_option(tcp::no_delay(true));
  const auto source = kFirstSource + static_cast<unsigned>(client % context.options.sources);
  socket.bind(tcp::endpoint(asio::ip::address_v4(source), 0));
  socket.async_connect(tcp::endpoint(asio::ip::address_v4::loopback(), context.options.port), std::move(connected));
}

}  // namespace mediasync::bench
