// Events for clients. Each function appends one JSON array ["event_name",{...}] to `out`, which follows the prefix of a
// Socket.IO packet. All texts must be valid UTF-8.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/api/reply.h"
#include "core/api/timestamps.h"
#include "core/session/command.h"
#include "core/session/event.h"
#include "core/session/refusal.h"
#include "core/session/snapshot.h"

namespace mediasync::api {

// An event of a session's log.
void appendEvent(std::string& out, const session::Event& event, TimestampUnit unit);

// `users`: the array of the users, when it is there already; the view's are not looked at then.
void appendSessionJoined(std::string& out, const session::SessionView& view, std::string_view userId, bool isLeader,
                         TimestampUnit unit, std::string_view users = {});

void appendSessionState(std::string& out, const session::SessionView& view, TimestampUnit unit,
                        std::string_view users = {});

// The numbers of `report` are echoed unchanged, whatever the unit; an absent reportedTime is null.
void appendDesyncRecovery(std::string& out, const session::PlaybackView& authoritative, std::int64_t timestamp,
                          const session::ReportDesync& report, TimestampUnit unit);

void appendHeartbeatAck(std::string& out, std::int64_t timestamp, TimestampUnit unit,
                        const std::optional<ProbeTimes>& times = {});

// `event` is the client's name for the event, cut to kMaxEchoedEventBytes at a character boundary.
void appendError(std::string& out, const session::Refusal& refusal, std::string_view event);

}  // namespace mediasync::api
