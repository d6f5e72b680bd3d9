#include "core/app/script_events.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "core/app/hooks.h"
#include "core/base/json_text.h"
#include "core/connection/attachments.h"
#include "core/connection/caller.h"
#include "core/connection/replies.h"
#include "core/engineio/base64.h"
#include "core/engineio/packet.h"
#include "core/socketio/encoder.h"
#include "core/socketio/placeholders.h"

namespace mediasync::server {

using nlohmann::json;

namespace {

constexpr std::size_t kJsonDepth = 64;

// Attachments, as JSON can have them.
json encoded(const std::vector<std::string>& attachments) {
  json list = json::array();
  for (const std::string& attachment : attachments)
    engineio::appendBase64(list.emplace_back("").get_ref<std::string&>(), attachment);
  return list;
}

}  // namespace

ScriptEvents::ScriptEvents(Context& context, Hooks& hooks, Replies& replies)
    : Part(context), hooks_(hooks), replies_(replies) {}

Handled ScriptEvents::scriptEvent(Caller& caller, const socketio::Packet& packet,
                                  const std::vector<std::string>& attachments) {
  if (!attachments.empty() && !socketio::placeholdersFit(packet.data, attachments.size())) return Handled::kClose;
  if (!caller.again) replies_.countCommand();
  const std::string_view event = eventName(packet.data);
  if (replies_.isTooFast(caller)) {
    Request request{caller, event, packet.id, env_.now()};
    request.nsp = packet.nsp;
    return replies_.refuseTooFast(request, caller.options.rates.events);
  }
  Scripts* scripts = hooks_.scriptsFor(caller);
  if (scripts == nullptr || !scripts->listensTo(packet.nsp, event)) {
    replies_.refuse(caller, session::kUnknownEvent, event, packet.id, packet.nsp);
    return Handled::kDone;
  }
  const auto verdict = hooks_.consult(caller, Hook::kEvent, [&] {
    json about{{"socket", hooks_.socketOf(caller.connection, packet.nsp, caller.options)}, {"event", event}};
    about["arguments"] = json(packet.data->begin() + 1, packet.data->end());
    if (!attachments.empty()) about["attachments"] = encoded(attachments);
    about["acknowledge"] = packet.id.has_value();
    return about.dump();
  });
  if (!verdict) return Handled::kDeferred;
  if (verdict->kind != Verdict::Kind::kAllow) {
    replies_.refuse(caller, refusalOf(*verdict), event, packet.id, packet.nsp);
  } else if (packet.id) {
    acknowledge(caller, packet, verdict->data);
  }
  return Handled::kDone;
}

// `data`: what the scripts returned, an array or an object with `values` and their `attachments`. What cannot be read,
// such as too deep a table, is an answer that failed.
void ScriptEvents::acknowledge(Caller& caller, const socketio::Packet& packet, std::string_view data) {
  auto values = data.empty() ? std::make_optional(json::array()) : parseJson(data, kJsonDepth);
  Assembled whole;
  if (!values || !hooks_.decodeAttachments(*values, "values", whole.attachments)) {
    return replies_.refuse(caller, session::kHookFailed, eventName(packet.data), packet.id, packet.nsp);
  }
  if (values->is_object() && values->contains("values")) values = json(std::move((*values)["values"]));
  whole.packet = engineio::kMessagePrefix;
  socketio::appendAckPrefix(whole.packet, packet.nsp, packet.id.value_or(0), whole.attachments.size());
  whole.packet += values->is_array() ? values->dump() : "[]";
  if (caller.tryReply(whole)) return;
  replies_.refuse(caller, session::kBacklogged, eventName(packet.data), packet.id, packet.nsp);
}

}  // namespace mediasync::server
