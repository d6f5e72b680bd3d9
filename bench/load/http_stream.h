// HTTP/1.1 requests over one connection that is kept alive, one after the other.
#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "bench/load/context.h"

namespace mediasync::bench {

struct Response {
  int status = 0;         // 0: the connection broke
  std::string_view body;  // empty where it was only to be counted
  std::size_t bodySize = 0;
};

class HttpStream {
 public:
  using OnResponse = std::function<void(const Response&)>;

  HttpStream(Context& context, int number) : context_(context), socket_(context.io), number_(number) {}
  HttpStream(const HttpStream&) = delete;
  HttpStream& operator=(const HttpStream&) = delete;

  // Answers are long and their bodies of no interest: they are counted and not kept.
  void onlyCountBodies() { keepsBody_ = false; }
  // Sends a whole request, connecting first when there is no connection. Only after the last one was answered.
  void request(std::string text, OnResponse onResponse);
  bool isBusy() const { return onResponse_ != nullptr; }
  // Drops the connection; a request that waits is not answered.
  void drop();

 private:
  void connect();
  void write();
  void waitToRead();
  void read();
  void readBytes();
  void skipBody();
  void take(std::string_view bytes);
  bool takeHead(std::string_view& bytes);
  void finish(int status);

  Context& context_;
  asio::ip::tcp::socket socket_;
  int number_;
  bool keepsBody_ = true;
  unsigned life_ = 0;
  std::string unsent_;
  OnResponse onResponse_;

  std::string head_, body_;
  bool hasHead_ = false;
  int status_ = 0;
  std::size_t bodySize_ = 0, bodyTaken_ = 0;
};

std::string getRequest(std::string_view target, std::string_view headers = {});
std::string postRequest(std::string_view target, std::string_view type, std::string_view body);

}  // namespace mediasync::bench
