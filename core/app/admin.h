// Commands of an admin. They do the same as the calls of scripts, by the same rules.
#pragma once

#include "core/api/admin.h"
#include "core/app/rest_reply.h"
#include "core/context/part.h"

namespace mediasync::server {

class Confirmations;
class ScriptCalls;

class Admin : Part {
 public:
  Admin(Context&, Confirmations&, ScriptCalls&);
  RestReply administer(const api::AdminCommand&, const Options&);

 private:
  RestReply sendMessage(const api::AdminCommand&, const Options&);

  Confirmations& confirmations_;
  ScriptCalls& scriptCalls_;
};

}  // namespace mediasync::server
