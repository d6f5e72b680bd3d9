// The requests of REST.
#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/api/rest_request.h"
#include "core/app/rest_reply.h"
#include "core/context/options.h"
#include "core/context/part.h"
#include "core/session/refusal.h"
#include "core/session/snapshot.h"

namespace mediasync::server {

class Confirmations;
class Sessions;

class Rest : Part {
 public:
  Rest(Context&, Confirmations&, Sessions&);
  struct Listed {
    std::deque<std::string> ids;
    std::vector<session::SessionSummary> sessions;
    std::optional<api::ListPlace> next;
  };
  RestReply createSession(const api::CreateSession&, const Options&, const Newcomer& = {});
  RestReply showSession(std::string_view sessionId, const Options&);
  // True if the user is connected to the session, and `path` is the film that the session has loaded, or part of it.
  // The path is one that NGINX has decoded and normalised.
  bool isMember(std::string_view sessionId, std::string_view userId, std::string_view path);
  RestReply listSessions(const api::ListQuery&, const Options&) const;
  // REST has answered with that status.
  void countRest(unsigned status);
  Listed listPage(const api::ListQuery&) const;
  std::uint64_t countSessions(std::size_t seen) const;

 private:
  friend class SessionPieces;

  RestReply refusedCreation(const session::Refusal&);

  Confirmations& confirmations_;
  Sessions& sessions_;
};

// The whole list of sessions as the body of one answer, made in pieces of at most ListQuery::kMaxLimit.
class SessionPieces {
 public:
  SessionPieces(const Rest& rest, api::TimestampUnit timestamps);
  bool isDone() const { return isDone_; }
  std::string next();  // until it is

 private:
  const Rest& rest_;
  api::TimestampUnit timestamps_;
  api::ListQuery query_;
  std::size_t seen_ = 0;
  bool begun_ = false;
  bool isDone_ = false;
};

}  // namespace mediasync::server
