#include "bench/load/read_set.h"

#include <sys/epoll.h>

#include <array>
#include <cerrno>
#include <system_error>

namespace mediasync::bench {
namespace {

int makeEpoll() {
  const int fd = ::epoll_create1(0);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
  return fd;
}

}  // namespace

ReadSet::ReadSet(asio::io_context& io) : epoll_(io, makeEpoll()) {
  wait();
}

void ReadSet::add(int fd, Readable& reader) {
  epoll_event event{EPOLLIN, {.ptr = &reader}};
  if (::epoll_ctl(epoll_.native_handle(), EPOLL_CTL_ADD, fd, &event) != 0)
    throw std::system_error(errno, std::generic_category(), "epoll_ctl");
}

void ReadSet::remove(int fd) {
  ::epoll_ctl(epoll_.native_handle(), EPOLL_CTL_DEL, fd, nullptr);
}

void ReadSet::wait() {
  epoll_.async_wait(asio::posix::stream_descriptor::wait_read, [this](const boost::system::error_code& error) {
    if (error) return;
    dispatch();
    wait();
  });
}

// A reader may be told to read without need, when another one has just closed its socket: then it would block.
void ReadSet::dispatch() {
  std::array<epoll_event, 512> events;
  const int count = ::epoll_wait(epoll_.native_handle(), events.data(), static_cast<int>(events.size()), 0);
  for (int i = 0; i < count; ++i)
    static_cast<Readable*>(events[static_cast<std::size_t>(i)].data.ptr)->read();
}

}  // namespace mediasync::bench
