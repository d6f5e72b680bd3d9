#include "bench/load/crowd.h"

#include <algorithm>

#include "bench/load/polling_client.h"

namespace mediasync::bench {

Crowd::Crowd(Context& context)
    : context_(context),
      sequences_(static_cast<std::size_t>(context.options.sessions)),
      counted_(context.options.members) {
  const Options& options = context.options;
  for (int session = 0; session < options.sessions; ++session)
    clients_.push_back(makeClient(size(), session, 0));
  for (int session = 0; session < options.sessions; ++session) {
    for (int member = 1; member < options.members; ++member)
      clients_.push_back(makeClient(size(), session, member));
  }
  if (options.bare) publisher_ = std::make_unique<Publisher>(context);
}

std::unique_ptr<Client> Crowd::makeClient(int number, int session, int member) {
  if (context_.options.polling && member > 0) return std::make_unique<PollingClient>(context_, number, session, member);
  return std::make_unique<WebSocketClient>(context_, number, session, member);
}

asio::awaitable<bool> Crowd::gather(bool join) {
  const auto leaders = static_cast<std::size_t>(context_.options.sessions);
  const bool led = co_await connect(0, leaders, join);
  co_return led&& co_await connect(leaders, clients_.size(), join);
}

asio::awaitable<bool> Crowd::connect(std::size_t from, std::size_t to, bool join) {
  std::vector<Client*> dialing;
  const auto most = static_cast<std::size_t>(context_.options.dialing);
  bool allReady = true;
  const auto settle = [&] {
    return std::erase_if(dialing, [&](const Client* client) {
      allReady = allReady && !client->hasFailed();
      return client->isReady() || client->hasFailed();
    });
  };
  while (from < to || !dialing.empty()) {
    while (from < to && dialing.size() < most) {
      dialing.push_back(clients_[from++].get());
      dialing.back()->connect(join);
    }
    if (!co_await until(context_, context_.options.patience, [&] { return settle() > 0; })) co_return false;
  }
  co_return allReady;
}

void Crowd::publish(int session, std::int64_t dueNs) {
  const Stamp stamp{dueNs, sequences_[static_cast<std::size_t>(session)]++};
  ++sent_;
  if (publisher_)
    publisher_->publish(session, bareMessage(stamp));
  else
    clients_[static_cast<std::size_t>(session)]->send(syncPacket(stamp));
}

asio::awaitable<void> Crowd::play(double rate, double seconds) {
  const int sessions = context_.options.sessions;
  co_await pace(context_, rate * sessions, seconds, 0, [&](std::uint64_t n, std::int64_t due) {
    publish(static_cast<int>(n % static_cast<std::uint64_t>(sessions)), due);
  });
}

asio::awaitable<bool> Crowd::drain() {
  co_return co_await until(context_, context_.options.patience, [&] { return context_.tally.settled() >= expected(); });
}

void Crowd::startCounting() {
  sent_ = 0;
  const std::uint64_t closed = context_.tally.closed;
  context_.tally = {};
  context_.tally.closed = closed;
  for (const auto& client : clients_)
    client->skipTo(sequences_[static_cast<std::size_t>(client->session())]);
}

std::uint64_t Crowd::lost() const {
  std::uint64_t lost = context_.tally.lost;
  for (const auto& client : clients_) {
    if (isApart(*client)) continue;
    lost += sequences_[static_cast<std::size_t>(client->session())] - client->progress().next;
  }
  return lost;
}

bool Crowd::isApart(const Client& client) const {
  return client.member() >= counted_;
}

void Crowd::setApart(int count, Tally& tally) {
  counted_ = context_.options.members - count;
  for (const auto& client : clients_) {
    if (isApart(*client)) client->countInto(tally);
  }
}

std::vector<WebSocketClient*> Crowd::apart() {
  std::vector<WebSocketClient*> members;
  for (const auto& client : clients_) {
    auto* webSocket = dynamic_cast<WebSocketClient*>(client.get());
    if (isApart(*client) && webSocket != nullptr) members.push_back(webSocket);
  }
  return members;
}

}  // namespace mediasync::bench
