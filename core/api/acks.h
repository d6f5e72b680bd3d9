// Socket.IO acknowledgements: each function appends the JSON array of the ACK packet to `out`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/api/timestamps.h"
#include "core/session/refusal.h"

namespace mediasync::api {

// [{"success":true}]
void appendAckSuccess(std::string& out);

// The answer to join_session: [{"success":true,"sessionId":..,"userId":..,"isLeader":..}]
void appendAckJoined(std::string& out, std::string_view sessionId, std::string_view userId, bool isLeader);

// The answer to heartbeat: [{"success":true,"timestamp":..}], and the times of a probe.
void appendAckHeartbeat(std::string& out, std::int64_t timestamp, TimestampUnit unit,
                        const std::optional<ProbeTimes>& times = {});

// [{"success":false,"code":..,"message":..}]
void appendAckRefused(std::string& out, const session::Refusal& refusal);

}  // namespace mediasync::api
