// Sessions in the zone of this machine. A change is made in one transaction, and is final at once.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/context/part.h"
#include "core/sessions/joins.h"
#include "core/sessions/sessions.h"

namespace mediasync::server {

class LocalSessions final : public Sessions, Part {
 public:
  LocalSessions(Context&, Admission&, Eviction&);
  Outcome apply(const Party&, const session::Command&, const Conditions&) override;
  Outcome comeBack(const Return&, Instant now) override;
  store::LostSeat lose(const store::SeatRef&, Departure, Instant now) override;
  Outcome create(const Creation&, const Conditions&) override;
  Outcome apply(std::string_view sessionId, const Order&, Instant now) override;
  Outcome end(std::string_view sessionId, std::string& firstUser, Instant now) override;
  bool exists(std::string_view sessionId) const override;
  bool show(std::string_view sessionId, store::Snapshot&, Instant now) const override;
  store::SessionPage list(store::SessionPlace after, std::uint32_t limit) const override;
  Outcome listConnections(std::string_view sessionId, std::optional<std::string_view> userId,
                          std::vector<store::ConnectionRef>&) const override;
  std::optional<std::string> mediaFor(std::string_view sessionId, std::string_view userId) const override;

 private:
  template <class C>
  void carryOut(Attempt&, const C&);
  void carryOut(Attempt&, const session::JoinSession&);
  void carryOut(Attempt&, const session::LeaveSession&);
  void carryOut(Attempt&, const session::ReportDesync&);
  void carryOut(Attempt&, const session::Heartbeat&);
  void carryOut(Attempt&, const session::ReportBuffering&);
  void carryOut(Attempt&, const session::RequestSessionState&);
  template <class Rule>
  void inSession(Attempt&, Rule rule);
  void comeBack(const Return&, Instant now, Outcome&);
  void make(const Creation&, const std::optional<SecretHash>&, Instant now);

  Admission& admission_;
  Eviction& eviction_;
  Joins joins_;
};

}  // namespace mediasync::server
