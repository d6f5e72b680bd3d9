#include "core/app/admin.h"

#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "core/api/admin.h"
#include "core/api/rest_response.h"
#include "core/app/confirmations.h"
#include "core/app/script_calls.h"

namespace mediasync::server {

using nlohmann::json;
using Kind = api::AdminCommand::Kind;

namespace {

struct CodeStatus {
  std::string_view code;
  int status;
};

constexpr std::array kStatuses{CodeStatus{"SESSION_NOT_FOUND", 404}, CodeStatus{"USER_NOT_FOUND", 404},
                               CodeStatus{"SESSION_BUSY", 503},      CodeStatus{"BACKLOGGED", 503},
                               CodeStatus{"ZONE_FULL", 507},         CodeStatus{"EVENT_TOO_LONG", 413}};

RestReply failure(const json& answer) {
  const std::string code = answer.value("code", "");
  RestReply reply{400, {}, {}};
  for (const CodeStatus& one : kStatuses) {
    if (one.code == code) reply.status = one.status;
  }
  api::appendFailure(reply.body, answer.value("message", "The server refused it"));
  return reply;
}

}  // namespace

Admin::Admin(Context& context, Confirmations& confirmations, ScriptCalls& scriptCalls)
    : Part(context), confirmations_(confirmations), scriptCalls_(scriptCalls) {}

RestReply Admin::administer(const api::AdminCommand& command, const Options& options) {
  if (command.kind == Kind::kMessage) return sendMessage(command, options);
  json arguments{{"sessionId", command.sessionId}};
  const bool isUser = command.kind == Kind::kRemoveUser;
  if (isUser) arguments["userId"] = command.userId;
  const json answer = json::parse(scriptCalls_.call(isUser ? "kick" : "end_session", arguments));
  if (!answer.value("ok", false)) return failure(answer);
  RestReply reply;
  api::appendAdminDone(reply.body, isUser ? "User removed" : "Session ended");
  reply.ticket = confirmations_.writeTicket();
  return reply;
}

// To the members of a session through its log; to everybody past it, one shard of connections after the other.
RestReply Admin::sendMessage(const api::AdminCommand& command, const Options& options) {
  json arguments{{"event", command.event}};
  arguments["arguments"] = json::parse(api::messageArguments(command, env_.now().wall, options.timestamps));
  const bool isForAll = command.sessionId.empty();
  std::uint64_t sent = 0;
  bool isComplete = true;
  std::optional<RestReply> failed;
  for (std::uint32_t shard = 0; shard < (isForAll ? zone_.shards() : 1); ++shard) {
    if (isForAll) {
      arguments["shard"] = shard;
    } else {
      arguments["sessionId"] = command.sessionId;
    }
    const json answer = json::parse(scriptCalls_.call("emit", arguments));
    if (!answer.value("ok", false)) {
      failed = failure(answer);
      continue;
    }
    const json& result = answer["result"];
    sent += (isForAll ? result["sent"] : result).get<std::uint64_t>();
    isComplete = isComplete && (!isForAll || result.value("complete", false));
  }
  if (failed && sent == 0) return *failed;
  RestReply reply;
  api::appendAdminSent(reply.body, sent, isComplete && !failed);
  return reply;
}

}  // namespace mediasync::server
