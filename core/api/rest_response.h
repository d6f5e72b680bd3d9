// Bodies of the answers of REST, appended to `out`. All texts must be valid UTF-8.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "core/api/rest_request.h"
#include "core/api/timestamps.h"
#include "core/session/snapshot.h"

namespace mediasync::api {

// {"success":true,"sessionId":..,"creatorId":..,"message":"Session created successfully"}
void appendCreated(std::string& out, std::string_view sessionId, std::string_view creatorId);

// {"success":true,"session":{...}}
void appendSession(std::string& out, const session::SessionView& view, TimestampUnit unit);

// {"success":true,"sessions":[...],"totalSessions":N}, and "next":"..." if there is more, in parts: the beginning,
// elements (`added` to earlier ones), and the end.
void beginSessionList(std::string& out);
void addSessions(std::string& out, std::span<const session::SessionSummary> sessions, bool added, TimestampUnit unit);
void endSessionList(std::string& out, std::uint64_t total, const std::optional<ListPlace>& next);

// {"success":false,"message":..}
void appendFailure(std::string& out, std::string_view message);

}  // namespace mediasync::api
