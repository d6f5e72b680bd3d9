#include "ngx_module/admin_handler.h"

#include <string>

#include "core/api/admin.h"
#include "ngx_module/body.h"
#include "ngx_module/guard.h"
#include "ngx_module/response.h"
#include "ngx_module/rest_reply.h"

namespace mediasync::ngx {
namespace {

using Kind = api::AdminRoute::Kind;

api::AdminRoute routeOf(ngx_http_request_t* r) {
  return api::adminRoute(view(r->method_name), pathAfterLocation(r));
}

ngx_int_t administer(ngx_http_request_t* r, const api::AdminCommand& command) {
  const LocConf& conf = *locConf(r);
  Runtime* runtime = runtimeOf(conf.zone);
  if (!isReady(runtime) || runtime->worker().isLast()) return failUnavailable(r);
  auto reply = runtime->worker().admin().administer(command, conf.options());
  runtime->settle();
  return sendWritten(r, *runtime, std::move(reply));
}

ngx_int_t sendMessage(ngx_http_request_t* r) {
  const LocConf& conf = *locConf(r);
  const std::string body = bodyOf(r);
  if (body.size() > conf.bodyLimit) return fail(r, NGX_HTTP_REQUEST_ENTITY_TOO_LARGE, "The body is too large");
  api::AdminRoute route = routeOf(r);
  const std::string problem = api::parseMessage(body, route.command);
  if (!problem.empty()) return fail(r, NGX_HTTP_BAD_REQUEST, problem);
  return administer(r, route.command);
}

void onBody(ngx_http_request_t* r) {
  const ngx_int_t rc = guarded(r->connection->log, static_cast<ngx_int_t>(NGX_HTTP_INTERNAL_SERVER_ERROR),
                               [r] { return sendMessage(r); });
  if (rc != NGX_DONE) ngx_http_finalize_request(r, rc);
}

// A page of another origin can make a browser send a body only as what a form sends, or without saying what it is.
ngx_int_t startMessage(ngx_http_request_t* r, const LocConf& conf) {
  if (!api::isJsonContentType(requestHeader(r, "content-type"))) {
    return fail(r, NGX_HTTP_UNSUPPORTED_MEDIA_TYPE, "The body must be application/json");
  }
  if (r->headers_in.content_length_n > static_cast<off_t>(conf.bodyLimit)) {
    return fail(r, NGX_HTTP_REQUEST_ENTITY_TOO_LARGE, "The body is too large");
  }
  return readBody(r, conf, onBody);
}

ngx_int_t handle(ngx_http_request_t* r) {
  const LocConf& conf = *locConf(r);
  if (!isOfSameOrigin(r, conf)) return fail(r, NGX_HTTP_FORBIDDEN, "Requests from this origin are not allowed");
  const api::AdminRoute route = routeOf(r);
  const bool isCommand = route.kind == Kind::kCommand;
  if (isCommand && route.command.kind == api::AdminCommand::Kind::kMessage) return startMessage(r, conf);
  if (const ngx_int_t rc = ngx_http_discard_request_body(r); rc != NGX_OK) return rc;
  if (isCommand) {
    const ngx_int_t rc = administer(r, route.command);
    if (rc == NGX_DONE) ++r->main->count;  // as reading a body does
    return rc;
  }
  if (route.kind == Kind::kNotFound) return fail(r, NGX_HTTP_NOT_FOUND, "No such path");
  addHeader(r, "Allow", route.allow);
  if (r->method == NGX_HTTP_OPTIONS) return respond(r, NGX_HTTP_NO_CONTENT, {}, {});
  return fail(r, NGX_HTTP_NOT_ALLOWED, "Method not allowed");
}

}  // namespace
}  // namespace mediasync::ngx

ngx_int_t ngx_http_mediasync_admin_handler(ngx_http_request_t* r) {
  using namespace mediasync::ngx;
  return guarded(r->connection->log, static_cast<ngx_int_t>(NGX_HTTP_INTERNAL_SERVER_ERROR), [r] { return handle(r); });
}
