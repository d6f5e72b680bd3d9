// A client over HTTP long polling: one connection for polls and one for POSTs, as browsers have.
#pragma once

#include <string>
#include <string_view>

#include "bench/load/client.h"
#include "bench/load/http_stream.h"

namespace mediasync::bench {

class PollingClient final : public Client {
 public:
  PollingClient(Context& context, int number, int session, int member)
      : Client(context, number, session, member), polls_(context, number), posts_(context, number) {}

  void connect(bool join) override;
  void drop() override;
  // Packets that are sent while a POST is at work go out with the next one.
  void send(std::string_view packet) override;

 private:
  std::string target() const;
  void poll();
  void post();
  void takePayload(std::string_view payload);
  void readSid(std::string_view packet);
  void broken();

  HttpStream polls_, posts_;
  std::string sid_;
  std::string unsent_;
};

}  // namespace mediasync::bench
