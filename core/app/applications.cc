#include "core/connection/application.h"

#include "core/app/echo.h"
#include "core/app/socket_io.h"
#include "core/app/watch_sessions.h"

namespace mediasync::server {

// None of them has a state, so one of each serves all.
EngineApplication& engineApplication(Application application) {
  static WatchSessions watchSessions;
  static SocketEcho socketEcho;
  static SocketIo sessionsOverSocketIo(watchSessions);
  static SocketIo echoOverSocketIo(socketEcho);
  static EngineEcho engineEcho;
  switch (application) {
    case Application::kEngineEcho:
      return engineEcho;
    case Application::kSocketEcho:
      return echoOverSocketIo;
    default:
      return sessionsOverSocketIo;
  }
}

}  // namespace mediasync::server
