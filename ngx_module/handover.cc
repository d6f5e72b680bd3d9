#include "ngx_module/handover.h"

#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "ngx_module/guard.h"
#include "ngx_module/process.h"
#include "ngx_module/websocket_adoption.h"

namespace mediasync::ngx {
namespace {

struct Pair {
  int sender = -1;
  int receiver = -1;  // -1 in workers of other slots
};
std::vector<Pair> pairs;

// Slots beyond send, but are sent nothing: descriptors are for clients.
constexpr size_t kMaxPairs = 128;
constexpr int kBuffer = 1024 * 1024;  // as much of it as the system allows
constexpr int kAtOnce = 16;           // letters, before others have their turn

// A letter is worked off before the next is read. Larger than any that is sent.
alignas(8) char letterBuffer[256 * 1024];

struct Received {
  int descriptor;  // -1: this process has too many
  server::Letter letter;
};

// Room for one descriptor beside a message.
union Control {
  cmsghdr header;
  char bytes[CMSG_SPACE(sizeof(int))];
};

int descriptorIn(msghdr& message) {
  int descriptor = -1;
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    std::memcpy(&descriptor, CMSG_DATA(part), sizeof descriptor);
  }
  return descriptor;
}

// Reads a letter to this process's slot, if one came.
std::optional<Received> receive() {
  const auto slot = static_cast<size_t>(ngx_process_slot);
  if (slot >= pairs.size()) return std::nullopt;
  for (;;) {
    iovec part{letterBuffer, sizeof letterBuffer};
    Control control{};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = &control;
    message.msg_controllen = sizeof control;
    const ssize_t size = recvmsg(pairs[slot].receiver, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (size <= 0) return std::nullopt;
    const int descriptor = descriptorIn(message);
    const auto letter = server::readLetter({letterBuffer, static_cast<size_t>(size)});
    if (letter && (message.msg_flags & MSG_TRUNC) == 0) return Received{descriptor, *letter};
    if (descriptor != -1) close(descriptor);
  }
}

void decline(const server::Letter& letter) {
  Runtime* runtime = runtimeOf(letter.zone);
  if (runtime == nullptr) return;
  runtime->worker().reload().decline(letter.parcel);
  runtime->settle();
}

void onHandover(ngx_event_t* event) {
  for (int i = 0; i < kAtOnce; ++i) {
    const auto received = receive();
    if (!received) return;
    guardedVoid(event->log, [&] {
      if (received->descriptor == -1) return decline(received->letter);
      takeWebSocket(received->descriptor, received->letter);
    });
  }
}

void makePair(ngx_log_t* log) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) == -1) {
    ngx_log_error(NGX_LOG_WARN, log, ngx_errno, "socketpair() failed, a reload closes WebSockets");
    pairs.emplace_back();
    return;
  }
  setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &kBuffer, sizeof kBuffer);
  pairs.push_back({ends[0], ends[1]});
}

}  // namespace

void makeHandoverSockets(size_t slots, ngx_log_t* log) {
  while (pairs.size() < std::min(slots, kMaxPairs))
    makePair(log);
}

bool listenForHandovers(ngx_cycle_t* cycle) {
  const auto slot = static_cast<size_t>(ngx_process_slot);
  for (size_t i = 0; i < pairs.size(); ++i) {
    if (i == slot || pairs[i].receiver == -1) continue;
    close(pairs[i].receiver);
    pairs[i].receiver = -1;
  }
  if (slot >= pairs.size() || pairs[slot].receiver == -1) return false;
  ngx_connection_t* connection = ngx_get_connection(pairs[slot].receiver, cycle->log);
  if (connection == nullptr) return false;
  connection->read->handler = onHandover;
  connection->read->log = cycle->log;
  connection->read->channel = 1;  // not a client's: the exit does not report it as left open
  return ngx_add_event(connection->read, NGX_READ_EVENT, 0) != NGX_ERROR;
}

void declineHandovers(ngx_log_t* log) {
  while (const auto received = receive()) {
    if (received->descriptor != -1) close(received->descriptor);
    Runtime* runtime = runtimeOf(received->letter.zone);
    if (runtime == nullptr) continue;
    guardedVoid(log, [&] {
      runtime->worker().reload().decline(received->letter.parcel);
      runtime->worker().flush();
    });
  }
}

server::WebSocket::Giving sendDescriptor(std::uint16_t slot, int descriptor, const server::Letter& letter) {
  using Giving = server::WebSocket::Giving;
  if (slot >= pairs.size() || pairs[slot].sender == -1) return Giving::kNotYet;  // another slot may do
  std::string head = server::letterHead(letter);
  iovec parts[] = {{head.data(), head.size()}, {const_cast<char*>(letter.parcel.data()), letter.parcel.size()}};
  Control control{};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = std::size(parts);
  message.msg_control = &control;
  message.msg_controllen = CMSG_SPACE(sizeof descriptor);
  cmsghdr* rights = CMSG_FIRSTHDR(&message);
  rights->cmsg_level = SOL_SOCKET;
  rights->cmsg_type = SCM_RIGHTS;
  rights->cmsg_len = CMSG_LEN(sizeof descriptor);
  std::memcpy(CMSG_DATA(rights), &descriptor, sizeof descriptor);
  if (sendmsg(pairs[slot].sender, &message, MSG_DONTWAIT | MSG_NOSIGNAL) != -1) return Giving::kGiven;
  return ngx_errno == EMSGSIZE ? Giving::kNotYet : Giving::kFull;
}

}  // namespace mediasync::ngx
