// The events of the API: what clients ask for, how often they may, and what they are answered. The sessions themselves
// are behind Sessions.
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
#include "core/sessions/outcome.h"
#include "core/socketio/packet.h"
#include "core/socketio/plain_event.h"

namespace mediasync::server {

class Confirmations;
class Hooks;
class Replies;
class Sessions;
class WaitingLine;
struct Party;

class Commands : Part {
 public:
  Commands(Context&, Confirmations&, Hooks&, Replies&, Sessions&, WaitingLine&);
  // Carries out an event of the API.
  Handled command(Caller&, const socketio::Packet&);
  Handled command(Caller&, const socketio::PlainEvent&);
  Handled refuseBinary(Caller&, const socketio::Packet&, const session::Refusal&);

 private:
  enum class Effect { kNone, kChange };
  Handled run(Request&, const std::variant<session::Command, session::Refusal>&);
  Handled conclude(Request&, const Outcome&);
  Outcome inSession(Request&, const session::Command&);
  Outcome join(Request&, const session::JoinSession&);
  Outcome leave(Request&);
  template <class Change>
  void answer(Request&, const Change&, const Outcome&);
  void answer(Request&, const session::ReportDesync&, const Outcome&);
  void answer(Request&, const session::Heartbeat&, const Outcome&);
  void answer(Request&, const session::RequestSessionState&, const Outcome&);
  std::optional<api::ProbeTimes> probeTimes(const Request&, const session::Heartbeat&);
  static Party partyOf(const Caller&, const store::SeatRef&);
  bool mustWaitInLine(const Request&, const store::SeatRef&, bool isMinor) const;
  bool joinsTooOften(const Caller&, const std::variant<session::Command, session::Refusal>&);
  bool hasReplies(const Request&) const;
  void chargeReply(const Request&, std::size_t bytes);
  void succeed(Request&, Effect);

  Confirmations& confirmations_;
  Hooks& hooks_;
  Replies& replies_;
  Sessions& sessions_;
  WaitingLine& waiting_;
};

}  // namespace mediasync::server
