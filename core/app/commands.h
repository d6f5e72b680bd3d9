// The events of the API: from a parsed command, through the rules of the session, to the answers.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <variant>

#include "core/api/acks.h"
#include "core/connection/application.h"
#include "core/connection/caller.h"
#include "core/context/part.h"
#include "core/session/command.h"
#include "core/session/refusal.h"
#include "core/socketio/packet.h"
#include "core/socketio/plain_event.h"
#include "core/store/session_transaction.h"

namespace mediasync::server {

class Admission;
class Confirmations;
class Eviction;
class Hooks;
class Outbox;
class Replies;
class Rooms;
class Snapshots;
class WaitingLine;

class Commands : Part {
 public:
  Commands(Context&, Admission&, Confirmations&, Eviction&, Hooks&, Outbox&, Replies&, Rooms&, Snapshots&,
           WaitingLine&);
  // Carries out an event of the API.
  Handled command(Caller&, const socketio::Packet&);
  Handled command(Caller&, const socketio::PlainEvent&);
  Handled refuseBinary(Caller&, const socketio::Packet&, const session::Refusal&);

 private:
  enum class Effect { kNone, kChange };
  Handled run(Request&, const std::variant<session::Command, session::Refusal>&);
  template <class C>
  void handle(Request&, const C&);
  void handle(Request&, const session::JoinSession&);
  void handle(Request&, const session::LeaveSession&);
  void handle(Request&, const session::ReportDesync&);
  void handle(Request&, const session::Heartbeat&);
  void handle(Request&, const session::ReportBuffering&);
  void handle(Request&, const session::RequestSessionState&);
  std::optional<api::ProbeTimes> probeTimes(const Request&, const session::Heartbeat&);
  bool joinAgain(Request&, const session::JoinSession&, store::ConnectionTransaction&, bool* isLeader);
  void joinAnew(Request&, const session::JoinSession&, store::ConnectionTransaction&, bool* isLeader);
  template <class Rule>
  void inSession(Request&, Rule rule);
  void waitInLine(const Request&, bool isMinor) const;
  store::SeatRef seatOf(const Caller&) const;
  bool mustCollectFirst(store::ConnectionTransaction&);
  void succeed(Request&, Effect);
  void replyState(Request&, store::ItemKind);
  bool joinsTooOften(const Caller&, const std::variant<session::Command, session::Refusal>&);
  void makePlace(Request&, std::string_view sessionId);
  void admitSession(Request&, std::uint64_t client);
  void checkReplies(const Request&);
  void chargeReply(const Request&);

  Admission& admission_;
  Confirmations& confirmations_;
  Eviction& eviction_;
  Hooks& hooks_;
  Outbox& outbox_;
  Replies& replies_;
  Rooms& rooms_;
  Snapshots& snapshots_;
  WaitingLine& waiting_;
};

}  // namespace mediasync::server
