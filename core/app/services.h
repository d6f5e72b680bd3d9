// The parts of a worker that serve applications.
#pragma once

#include "core/app/commands.h"
#include "core/app/hooks.h"
#include "core/app/script_events.h"
#include "core/connection/departures.h"
#include "core/connection/namespaces.h"
#include "core/connection/recovery.h"
#include "core/context/context.h"

namespace mediasync::server {

struct Services {
  Context& context;
  Namespaces& namespaces;
  Hooks& hooks;
  ScriptEvents& scriptEvents;
  Commands& commands;
  Recovery& recovery;
  Departures& departures;
};

}  // namespace mediasync::server
