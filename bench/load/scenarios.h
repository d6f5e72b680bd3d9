// What is measured. Each returns its figures; `ok` is false when not everybody came in, or something was lost or
// doubled.
#pragma once

#include <nlohmann/json.hpp>

#include "bench/load/context.h"
#include "bench/load/server_probe.h"

namespace mediasync::bench {

using Figures = asio::awaitable<nlohmann::json>;

// Leaders send at a fixed rate: one large session, or many small ones.
Figures fanOut(Context& context, const ServerProbe& probe);
// The highest rate at which all is delivered in time, found by trying.
Figures fanOutMaximum(Context& context, const ServerProbe& probe);
// Some members do not read for a while. What the others notice, and what those get who read again.
Figures slowReaders(Context& context, const ServerProbe& probe);
// Members who do nothing: memory.
Figures idle(Context& context, const ServerProbe& probe);
// Clients that connect and join, as many at a time as are dialed.
Figures connects(Context& context, const ServerProbe& probe);
// The same into one session, with all that its members are told of it.
Figures joins(Context& context, const ServerProbe& probe);
// All connections break at once, and all clients come back.
Figures reconnects(Context& context, const ServerProbe& probe);
// heartbeat and heartbeat_ack, at a fixed rate.
Figures heartbeats(Context& context, const ServerProbe& probe);
// GET /api/sessions/:sessionId, as fast as they are answered.
Figures restReads(Context& context, const ServerProbe& probe);
// Ranges of a film as fast as they come, without and with messages in the sessions.
Figures filmRanges(Context& context, const ServerProbe& probe);

}  // namespace mediasync::bench
