// What the load generator is told on its command line.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace mediasync::bench {

struct Options {
  std::string scenario;
  std::uint16_t port = 0;
  int pid = 0;             // the first process of the server; its descendants are measured with it
  std::string statusPath;  // mediasync's status endpoint; empty: the server has none

  std::string path = "/socket.io/";
  std::string publishPath = "/publish/";  // where a message for bare WebSockets is posted to, before the session's name
  bool bare = false;                      // a WebSocket that only receives, messages come in by HTTP: nchan
  bool polling = false;                   // members poll; the leader of a session always has a WebSocket

  int sessions = 1;
  int members = 1000;  // of each session, its leader included
  double rate = 40;    // messages a second of each session, heartbeats or reads of each client
  double seconds = 5;
  double warmup = 1;
  double patience = 20;    // how long to wait for what is still on its way
  double idle = 3;         // how long connections are left alone before memory is looked at
  double latencyMs = 100;  // what the 99th percentile may be where a maximum is sought
  int dialing = 64;        // connections that are being made at a time
  int sources = 16;        // addresses 127.0.0.2 and on that clients come from
  int slow = 0;            // members of each session who do not read while the others are measured

  int readers =
      16;  // clients that read over HTTP as fast as they are answered: sessions over REST, or ranges of a film
  std::string film;  // its path
  int filmBytes = 64 << 20;
  int rangeBytes = 256 << 10;
};

// Nothing when an option is unknown or has no value that fits; `problem` says which.
std::optional<Options> parseOptions(int count, char** words, std::string& problem);

}  // namespace mediasync::bench
