// Engine.IO over WebSocket: the opening handshake, as core/websocket/handshake.h has it, on NGINX.
#pragma once

#include "ngx_module/engine_request.h"

namespace mediasync::ngx {

ngx_int_t handleWebSocket(EngineRequest& request);

}  // namespace mediasync::ngx
