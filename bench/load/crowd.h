// All members of all sessions, and what they do together.
#pragma once

#include <memory>
#include <vector>

#include "bench/load/client.h"
#include "bench/load/publisher.h"
#include "bench/load/websocket_client.h"

namespace mediasync::bench {

class Crowd {
 public:
  explicit Crowd(Context& context);

  int size() const { return static_cast<int>(clients_.size()); }
  const std::vector<std::unique_ptr<Client>>& clients() const { return clients_; }

  // Connects all, the leader of each session before its other members; so many at a time as the options say. False when
  // some could not, or it took longer than patience allows without anyone coming in.
  asio::awaitable<bool> gather(bool join);
  // The leaders send, evenly spread: `rate` messages a second in each session.
  asio::awaitable<void> play(double rate, double seconds);
  // Waits for what was sent to arrive.
  asio::awaitable<bool> drain();
  // Starts counting anew: what was sent so far is not expected any more.
  void startCounting();

  // Messages sent since then, and deliveries that they are to become.
  std::uint64_t sent() const { return sent_; }
  std::uint64_t expected() const { return sent_ * static_cast<std::uint64_t>(counted_); }
  // Deliveries that never came, in the middle or at the end. Only once nothing is under way.
  std::uint64_t lost() const;

  // The last `count` members of each session are not among those whose deliveries count: they go to `tally`.
  void setApart(int count, Tally& tally);
  std::vector<WebSocketClient*> apart();

 private:
  std::unique_ptr<Client> makeClient(int number, int session, int member);
  asio::awaitable<bool> connect(std::size_t from, std::size_t to, bool join);
  void publish(int session, std::int64_t dueNs);
  bool isApart(const Client& client) const;

  Context& context_;
  std::vector<std::unique_ptr<Client>> clients_;  // leaders first, by session; then the others
  std::unique_ptr<Publisher> publisher_;          // for bare WebSockets
  std::vector<std::uint32_t> sequences_;          // of the next message of each session
  std::uint64_t sent_ = 0;
  int counted_;  // members of a session whose deliveries count
};

// Calls `act(n, due)` for n = 0, 1, 2 … when each is due, `perSecond` times a second. With a tick, those that become
// due within it are called together: waking up for each costs both sides more than the message does.
template <class Act>
asio::awaitable<void> pace(Context& context, double perSecond, double seconds, std::int64_t tickNs, Act act) {
  const std::int64_t begin = nowNs();
  const auto total = static_cast<std::uint64_t>(perSecond * seconds);
  const double interval = kNsPerSecond / perSecond;
  for (std::uint64_t n = 0; n < total;) {
    const std::int64_t due = begin + static_cast<std::int64_t>(interval * static_cast<double>(n));
    if (due > nowNs()) {
      co_await sleepUntil(context, due + tickNs);
    } else {
      act(n++, due);
    }
  }
}

}  // namespace mediasync::bench
