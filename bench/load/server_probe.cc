#include "bench/load/server_probe.h"

#include <time.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <filesystem>
#include <fstream>

namespace mediasync::bench {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;

// Threads of a process; none when it has ended.
std::vector<fs::path> tasksOf(int pid) {
  std::vector<fs::path> tasks;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/proc/" + std::to_string(pid) + "/task", error))
    tasks.push_back(entry.path());
  return tasks;
}

}  // namespace

std::vector<int> ServerProbe::processes() const {
  std::vector<int> found;
  if (pid_ > 0) found.push_back(pid_);
  for (std::size_t i = 0; i < found.size(); ++i) {
    for (const fs::path& task : tasksOf(found[i])) {
      std::ifstream children(task / "children");
      for (int child; children >> child;)
        found.push_back(child);
    }
  }
  return found;
}

std::int64_t ServerProbe::cpuNs() const {
  std::int64_t sum = 0;
  for (const int pid : processes()) {
    for (const fs::path& task : tasksOf(pid)) {
      std::int64_t onProcessor = 0;
      std::ifstream(task / "schedstat") >> onProcessor;
      sum += onProcessor;
    }
  }
  return sum;
}

std::int64_t ServerProbe::memory() const {
  constexpr std::int64_t kKiB = 1024;
  std::int64_t sum = 0;
  for (const int pid : processes()) {
    std::ifstream rollup("/proc/" + std::to_string(pid) + "/smaps_rollup");
    for (std::string line; std::getline(rollup, line);) {
      if (line.rfind("Pss:", 0) == 0) sum += std::stoll(line.substr(4)) * kKiB;
    }
  }
  return sum;
}

nlohmann::json ServerProbe::status() const {
  if (statusPath_.empty()) return nullptr;
  asio::io_context io;
  asio::ip::tcp::socket socket(io);
  socket.connect({asio::ip::address_v4::loopback(), port_});
  asio::write(socket, asio::buffer("GET " + statusPath_ + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"));
  std::string response;
  boost::system::error_code end;
  asio::read(socket, asio::dynamic_buffer(response), end);
  const std::size_t body = response.find("\r\n\r\n");
  return body == std::string::npos ? nullptr : nlohmann::json::parse(response.substr(body + 4));
}

std::int64_t ownCpuNs() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
}

}  // namespace mediasync::bench
