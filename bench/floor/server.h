// The least that a server can do: answers that are ready-made, one process, epoll, and a send for each frame, or for
// all frames that a connection is due. It keeps no state but who is in which session, and checks nothing: the one
// client it is for is the load generator, whose masking key is 0.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace mediasync::bench {

class FloorServer {
 public:
  enum class Sending { kEachFrame, kBatched };

  // Listens on 127.0.0.1. Throws std::system_error when it cannot.
  FloorServer(std::uint16_t port, Sending sending);
  [[noreturn]] void run();

 private:
  struct Session;
  struct Connection {
    int fd = -1;
    bool isUpgraded = false;
    Session* session = nullptr;
    std::size_t place = 0;  // among the members
    std::string held;       // input of an incomplete request or frame
    std::string unsent;
  };
  struct Session {
    std::vector<Connection*> members;
    std::string due;  // frames for all members, where they are batched
  };

  void accept();
  void read(Connection& connection);
  std::string_view takeRequest(Connection& connection, std::string_view bytes);
  std::string_view takeFrame(Connection& connection, std::string_view bytes);
  void packet(Connection& connection, std::string_view text);
  void join(Connection& connection, std::string_view text);
  void broadcast(Session& session, std::string_view stamp);
  void sendDue();
  void send(Connection& connection, std::string_view bytes);
  void watchWritable(Connection& connection, bool on);
  void flush(Connection& connection);
  void close(Connection& connection);

  Sending sending_;
  int epoll_, listener_;
  std::unordered_map<int, std::unique_ptr<Connection>> connections_;
  std::map<std::string, Session, std::less<>> sessions_;
  std::vector<Session*> dueSessions_;
  std::string syncFrame_;  // with room for the stamp
  std::size_t stampAt_;
  std::vector<char> buffer_;
};

}  // namespace mediasync::bench
