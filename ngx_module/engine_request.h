// One Engine.IO request, and the answers that both transports give.
#pragma once

#include <string_view>

#include "core/engineio/admission.h"
#include "core/engineio/error.h"
#include "core/engineio/query.h"
#include "ngx_module/conf.h"
#include "ngx_module/process.h"

namespace mediasync::ngx {

// One Engine.IO request on its way to its transport.
struct EngineRequest {
  ngx_http_request_t* r;
  const LocConf& conf;
  Runtime& runtime;
  engineio::Query query;
  engineio::Admission admission;
  server::Options options;
};

// mediasync_cookie: adds the cookie with the connection's id to the answer of a handshake.
bool addCookie(ngx_http_request_t* r, const LocConf& conf, std::string_view sid);

ngx_int_t respondError(ngx_http_request_t* r, engineio::Error error);
// Counts a handshake that is turned away; any other request is none.
void countTurnedAway(const EngineRequest& request, store::HandshakeRefusal why);
// The same, and answers.
ngx_int_t refuse(const EngineRequest& request, engineio::Error error, store::HandshakeRefusal why);
ngx_int_t refuseUnavailable(const EngineRequest& request, std::string_view reason);
// A sid that cannot be one.
ngx_int_t refuseSid(const EngineRequest& request);
ngx_int_t respondUnavailable(ngx_http_request_t* r, std::string_view reason);
inline constexpr std::string_view kStartingOrStopping = "The server is starting or stopping";
inline constexpr std::string_view kNoConnection = "The server has no connection left";

}  // namespace mediasync::ngx
