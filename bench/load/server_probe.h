// What the server costs, as the kernel accounts for it: of its first process and all that descend from it.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace mediasync::bench {

class ServerProbe {
 public:
  ServerProbe(int pid, std::uint16_t port, std::string statusPath)
      : pid_(pid), port_(port), statusPath_(std::move(statusPath)) {}

  // Time on a processor of all threads so far, in nanoseconds, user and system. What the kernel does for loopback
  // traffic in the server's name is part of it.
  std::int64_t cpuNs() const;
  // Proportional set size in bytes: shared memory counts, once.
  std::int64_t memory() const;
  // What the server says of itself; null when it has no status endpoint.
  nlohmann::json status() const;

 private:
  std::vector<int> processes() const;

  int pid_;
  std::uint16_t port_;
  std::string statusPath_;
};

// The generator's own time on a processor so far, in nanoseconds.
std::int64_t ownCpuNs();

}  // namespace mediasync::bench
