// Engine.IO's long polling: GET for what the server has to say, POST for what the client has.
#pragma once

#include "ngx_module/engine_request.h"

namespace mediasync::ngx {

ngx_int_t handlePolling(EngineRequest& request);

}  // namespace mediasync::ngx
