// Carries out what scripts call for, on sessions and connections of any worker.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/connection/attachments.h"
#include "core/context/part.h"
#include "core/session/refusal.h"
#include "core/store/connection_table.h"

namespace mediasync::server {

class Hooks;
class Namespaces;
class Outbox;
class Rest;
class Sessions;
struct Outcome;

class ScriptCalls : Part {
 public:
  ScriptCalls(Context&, Hooks&, Namespaces&, Outbox&, Rest&, Sessions&);
  // Does what they say: `operation` with a JSON object. Returns one: {"ok":true,"result":…} or
  // {"ok":false,"code":…,"message":…}.
  std::string call(std::string_view operation, const nlohmann::json& arguments);

 private:
  store::ConnectionRef connectionOf(const nlohmann::json& arguments);
  bool sendTo(const store::ConnectionRef&, std::string_view nsp, const Assembled&);
  struct Reach {
    std::size_t sent = 0;
    bool isComplete = true;  // nobody was left out
  };
  Reach sendToEach(const std::vector<store::ConnectionRef>&, std::string_view nsp, const Assembled&);
  std::string emitEvent(const nlohmann::json& arguments);
  std::string emitToSession(const nlohmann::json& arguments, const std::string& event, std::string_view nsp,
                            const Assembled&);
  std::string emitToShard(const nlohmann::json& number, std::string_view nsp, const Assembled&);
  bool remove(const std::string& sessionId, const std::string& userId, const session::Refusal& why);
  std::string endSession(const nlohmann::json& arguments);
  std::string callSession(std::string_view operation, const nlohmann::json& arguments);

  Hooks& hooks_;
  Namespaces& namespaces_;
  Outbox& outbox_;
  Rest& rest_;
  Sessions& sessions_;
};

}  // namespace mediasync::server
