#include "core/connection/replies.h"

#include <string>
#include <utility>

#include "core/api/acks.h"
#include "core/api/events.h"
#include "core/connection/caller.h"
#include "core/connection/links.h"
#include "core/connection/outbox.h"
#include "core/connection/packets.h"
#include "core/delivery/socket_writer.h"

namespace mediasync::server {

using session::Refusal;

Replies::Replies(Context& context, Links& links, Outbox& outbox, SocketWriter& writer)
    : Part(context), links_(links), outbox_(outbox), writer_(writer) {}

void Replies::countCommand() {
  ++counters().commands;
  context_.hasCommand = true;
}

// Counts an event, if it may come now. One that comes again has been counted.
bool Replies::isTooFast(const Caller& caller) {
  return !caller.again && !caller.allowance.events.take(caller.options.rates.events, env_.now().mono);
}

// Answers are traffic, too: they have a limit of their own.
Handled Replies::refuseTooFast(Request& request, const Rate& rate) {
  refuse(request.caller, session::kRateLimited, request.event, request.ack, request.nsp);
  if (request.caller.allowance.refusals.take(refusalsFor(rate), request.now.mono)) return Handled::kDone;
  ++counters().floods;
  return Handled::kFlood;
}

void Replies::refuse(Caller& caller, const Refusal& refusal, std::string_view event, std::optional<std::uint64_t> ack,
                     std::string_view nsp) {
  ++counters().refusals[session::placeOf(refusal.code)];
  if (refusal == session::kRateLimited) ++counters().limited;
  if (refusal == session::kZoneFull) context_.noteFull();
  std::string packet = eventPacket(nsp);
  api::appendError(packet, refusal, event);
  caller.reply(packet);
  if (!ack) return;
  packet = ackPacket(*ack, nsp);
  api::appendAckRefused(packet, refusal);
  caller.reply(packet);
}

// The connection may have gone to another worker since.
void Replies::replyTo(const store::ConnectionRef& connection, std::string_view packet) {
  Link* link = links_.linkOf(connection);
  if (link != nullptr && link->socket != nullptr && link->ticket == 0) return writer_.send(*link, packet);
  outbox_.leaveFor(connection, store::ItemKind::kPacket, packet);
}

}  // namespace mediasync::server
