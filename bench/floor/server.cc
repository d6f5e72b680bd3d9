#include "bench/floor/server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include "bench/load/stamp.h"

namespace mediasync::bench {
namespace {

constexpr std::string_view kSwitching =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

std::string frame(std::string_view payload) {
  std::string bytes(1, static_cast<char>(0x81));
  if (payload.size() < 126) {
    bytes.push_back(static_cast<char>(payload.size()));
  } else {
    bytes.push_back(126);
    bytes.push_back(static_cast<char>(payload.size() >> 8U));
    bytes.push_back(static_cast<char>(payload.size() & 0xffU));
  }
  return bytes.append(payload);
}

const std::string kOpen =
    std::string(kSwitching) +
    frame(
        "0{\"sid\":\"0123456789abcdef0123456789abcdef\",\"upgrades\":[],\"pingInterval\":25000,\"pingTimeout\":20000,"
        "\"maxPayload\":1000000}");
const std::string kConnected = frame("40{\"sid\":\"0123456789abcdef0123456789abcdef\"}");
const std::string kJoined = frame("42[\"session_joined\",{\"sessionId\":\"session\",\"isLeader\":false}]");
const std::string kHeartbeatAck = frame("42[\"heartbeat_ack\",{\"timestamp\":1640995200.123}]");
constexpr std::string_view kSyncStart =
    "42[\"playback_sync\",{\"mediaUrl\":\"https://example.com/films/demo.mp4\",\"mediaId\":\"";
constexpr std::string_view kSyncEnd =
    "\",\"position\":12.5,\"isPlaying\":true,\"lastUpdateTime\":1640995200.123,\"playbackRate\":1,"
    "\"timestamp\":1640995200.123,\"leaderId\":\"user-0-0\"}]";

int checked(int result, const char* what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

int listenOn(std::uint16_t port) {
  constexpr int kBacklog = 4096;
  const int fd = checked(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), "socket");
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  checked(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), "bind");
  checked(::listen(fd, kBacklog), "listen");
  return fd;
}

}  // namespace

FloorServer::FloorServer(std::uint16_t port, Sending sending)
    : sending_(sending),
      epoll_(checked(::epoll_create1(0), "epoll_create1")),
      listener_(listenOn(port)),
      buffer_(64 * 1024) {
  syncFrame_ = frame(std::string(kSyncStart) + std::string(kStampSize, kStampMark) + std::string(kSyncEnd));
  stampAt_ = syncFrame_.find(kSyncStart) + kSyncStart.size();
  epoll_event event{EPOLLIN, {.fd = listener_}};
  checked(::epoll_ctl(epoll_, EPOLL_CTL_ADD, listener_, &event), "epoll_ctl");
}

void FloorServer::run() {
  std::array<epoll_event, 512> events{};
  for (;;) {
    const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      if (event.data.fd == listener_) {
        accept();
        continue;
      }
      const auto found = connections_.find(event.data.fd);
      if (found == connections_.end()) continue;
      if ((event.events & EPOLLOUT) != 0) flush(*found->second);
      if ((event.events & ~EPOLLOUT) != 0) read(*found->second);
    }
    sendDue();
  }
}

void FloorServer::accept() {
  const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK);
  if (fd < 0) return;
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  auto connection = std::make_unique<Connection>();
  connection->fd = fd;
  connections_[fd] = std::move(connection);
  epoll_event event{EPOLLIN, {.fd = fd}};
  ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
}

void FloorServer::read(Connection& connection) {
  const ssize_t size = ::recv(connection.fd, buffer_.data(), buffer_.size(), 0);
  if (size < 0 && errno == EAGAIN) return;
  if (size <= 0) return close(connection);
  std::string_view bytes(buffer_.data(), static_cast<std::size_t>(size));
  std::string joined;
  if (!connection.held.empty()) bytes = joined = std::exchange(connection.held, {}).append(bytes);
  for (std::size_t before = 0; before != bytes.size() && !bytes.empty();) {
    before = bytes.size();
    bytes = connection.isUpgraded ? takeFrame(connection, bytes) : takeRequest(connection, bytes);
  }
  connection.held = bytes;
}

// Returns what follows the request, or all of it when it is incomplete.
std::string_view FloorServer::takeRequest(Connection& connection, std::string_view bytes) {
  constexpr std::string_view kEnd = "\r\n\r\n";
  const std::size_t end = bytes.find(kEnd);
  if (end == std::string_view::npos) return bytes;
  connection.isUpgraded = true;
  send(connection, kOpen);
  return bytes.substr(end + kEnd.size());
}

std::string_view FloorServer::takeFrame(Connection& connection, std::string_view bytes) {
  constexpr std::size_t kMask = 4;
  if (bytes.size() < 4) return bytes;
  const auto byteAt = [&](std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); };
  std::size_t payload = byteAt(1) & 127U, header = 2;
  if (payload == 126) {
    payload = static_cast<std::size_t>(byteAt(2)) << 8U | byteAt(3);
    header = 4;
  }
  const std::size_t start = header + kMask;
  if (bytes.size() < start + payload) return bytes;
  packet(connection, bytes.substr(start, payload));
  return bytes.substr(start + payload);
}

void FloorServer::packet(Connection& connection, std::string_view text) {
  constexpr std::size_t kName = sizeof("42[\"") - 1;
  if (text == "40") return send(connection, kConnected);
  if (text.size() <= kName) return;
  switch (text[kName]) {
    case 'j':
      return join(connection, text);
    case 'h':
      return send(connection, kHeartbeatAck);
    case 's':
      if (connection.session == nullptr) return;
      return broadcast(*connection.session, text.substr(text.find(kStampMark), kStampSize));
    default:
      return;
  }
}

void FloorServer::join(Connection& connection, std::string_view text) {
  constexpr std::string_view kKey = "\"sessionId\":\"";
  const std::size_t start = text.find(kKey) + kKey.size();
  Session& session = sessions_[std::string(text.substr(start, text.find('"', start) - start))];
  connection.session = &session;
  connection.place = session.members.size();
  session.members.push_back(&connection);
  send(connection, kJoined);
}

void FloorServer::broadcast(Session& session, std::string_view stamp) {
  stamp.copy(syncFrame_.data() + stampAt_, kStampSize);
  if (sending_ == Sending::kBatched) {
    if (session.due.empty()) dueSessions_.push_back(&session);
    session.due.append(syncFrame_);
    return;
  }
  for (Connection* member : session.members)
    send(*member, syncFrame_);
}

void FloorServer::sendDue() {
  for (Session* session : dueSessions_) {
    for (Connection* member : session->members)
      send(*member, session->due);
    session->due.clear();
  }
  dueSessions_.clear();
}

void FloorServer::send(Connection& connection, std::string_view bytes) {
  if (!connection.unsent.empty()) {
    connection.unsent.append(bytes);
    return;
  }
  const ssize_t sent = ::send(connection.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (sent == static_cast<ssize_t>(bytes.size())) return;
  if (sent < 0 && errno != EAGAIN) return;  // reading tells
  connection.unsent = bytes.substr(sent < 0 ? 0 : static_cast<std::size_t>(sent));
  watchWritable(connection, true);
}

void FloorServer::watchWritable(Connection& connection, bool on) {
  epoll_event event{EPOLLIN | (on ? EPOLLOUT : 0U), {.fd = connection.fd}};
  ::epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.fd, &event);
}

void FloorServer::flush(Connection& connection) {
  const std::string bytes = std::exchange(connection.unsent, {});
  watchWritable(connection, false);
  send(connection, bytes);
}

void FloorServer::close(Connection& connection) {
  if (Session* session = connection.session) {
    session->members[connection.place] = session->members.back();
    session->members[connection.place]->place = connection.place;
    session->members.pop_back();
  }
  const int fd = connection.fd;
  ::close(fd);
  connections_.erase(fd);
}

}  // namespace mediasync::bench
