// mediasync_floor PORT [batched]
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string_view>

#include "bench/floor/server.h"

int main(int count, char** words) {
  using mediasync::bench::FloorServer;
  const int port = count > 1 ? std::atoi(words[1]) : 0;
  if (port < 1 || port > 65535) {
    std::cerr << "usage: mediasync_floor PORT [batched]\n";
    return 1;
  }
  const bool batched = count > 2 && std::string_view(words[2]) == "batched";
  try {
    FloorServer(static_cast<std::uint16_t>(port),
                batched ? FloorServer::Sending::kBatched : FloorServer::Sending::kEachFrame)
        .run();
  } catch (const std::exception& failure) {
    std::cerr << "mediasync_floor: " << failure.what() << '\n';
    return 1;
  }
}
