// Sockets that are waited for with an epoll of their own, which Asio waits for: a socket costs one call for each read,
// and none to wait again. With Asio's own waits it is three.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

namespace mediasync::bench {

namespace asio = boost::asio;

class Readable {
 public:
  virtual void read() = 0;

 protected:
  ~Readable() = default;
};

class ReadSet {
 public:
  explicit ReadSet(asio::io_context& io);
  // read() is called whenever there is something to read, until the socket is removed or closed.
  void add(int fd, Readable& reader);
  void remove(int fd);

 private:
  void wait();
  void dispatch();

  asio::posix::stream_descriptor epoll_;
};

}  // namespace mediasync::bench
