// What applications ask for: the parts of a worker that serve them.
#pragma once

#include "core/server/attachments.h"
#include "core/server/commands.h"
#include "core/server/context.h"
#include "core/server/departures.h"
#include "core/server/hooks.h"
#include "core/server/namespaces.h"
#include "core/server/recovery.h"
#include "core/server/replies.h"
#include "core/server/script_events.h"

namespace mediasync::server {

struct Services {
  Context& context;
  Replies& replies;
  Namespaces& namespaces;
  Attachments& attachments;
  Hooks& hooks;
  ScriptEvents& scriptEvents;
  Commands& commands;
  Recovery& recovery;
  Departures& departures;
};

}  // namespace mediasync::server
