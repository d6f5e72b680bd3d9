// WebSockets that came to a worker of an earlier configuration: what accepting one would have made of the descriptor.
#pragma once

#include "core/connection/letter.h"

namespace mediasync::ngx {

// Goes on with a WebSocket, whose descriptor it owns from now on.
void takeWebSocket(int descriptor, const server::Letter&);

}  // namespace mediasync::ngx
