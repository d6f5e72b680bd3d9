// One member: Engine.IO and Socket.IO over whatever transport, as far as a member needs it. What it receives goes to
// the tally. Clients live as long as the run; a socket of theirs may come and go.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "bench/load/context.h"

namespace mediasync::bench {

class Client {
 public:
  Client(Context& context, int number, int session, int member)
      : context_(context), tally_(&context.tally), number_(number), session_(session), member_(member) {}
  virtual ~Client() = default;
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Connects, and joins its session unless told otherwise. isReady() or hasFailed() says how that went.
  virtual void connect(bool join) = 0;
  // Drops the connection without a word.
  virtual void drop() = 0;
  // Sends one packet of Engine.IO.
  virtual void send(std::string_view packet) = 0;

  void heartbeat() {
    askedNs_ = nowNs();
    send("42[\"heartbeat\"]");
  }

  bool isReady() const { return stage_ == Stage::kReady; }
  bool hasFailed() const { return stage_ == Stage::kFailed; }
  bool isAsking() const { return askedNs_ != 0; }
  int session() const { return session_; }
  int number() const { return number_; }
  int member() const { return member_; }
  // Users of the session when this one had joined, as the server has told it.
  int usersAtJoin() const { return usersAtJoin_; }
  const Progress& progress() const { return progress_; }
  // It expects nothing that was sent before.
  void skipTo(std::uint32_t sequence) { progress_.next = sequence; }
  // From now on what it receives is counted there.
  void countInto(Tally& tally) { tally_ = &tally; }

 protected:
  enum class Stage : std::uint8_t { kIdle, kConnecting, kReady, kFailed };

  void begin(bool join) {
    stage_ = Stage::kConnecting;
    joins_ = join;
    askedNs_ = 0;
  }
  // The connection broke, or could not be made.
  void fail();
  // The transport is there and speaks no protocol of its own.
  void becomeReady() { stage_ = Stage::kReady; }
  void onPacket(std::string_view packet, std::int64_t now);
  void onMessage(std::string_view message, std::int64_t now);

  Context& context_;

 private:
  void onEvent(std::string_view packet, std::int64_t now);
  void onSessionJoined(std::string_view packet);
  std::string joinPacket() const;

  Tally* tally_;
  int number_, session_, member_;
  int usersAtJoin_ = 0;
  Progress progress_;
  Stage stage_ = Stage::kIdle;
  bool joins_ = true;
  std::int64_t askedNs_ = 0;
};

// The packet by which the leader of a session sends `stamp` to all. What members get of it is of about 250 bytes.
std::string syncPacket(const Stamp& stamp);
// The same as it arrives, for servers that only pass messages on.
std::string bareMessage(const Stamp& stamp);

std::string sessionName(int session);

}  // namespace mediasync::bench
