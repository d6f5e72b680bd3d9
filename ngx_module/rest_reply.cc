#include "ngx_module/rest_reply.h"

#include <string>
#include <utility>

#include "core/api/rest_response.h"
#include "ngx_module/guard.h"
#include "ngx_module/pending.h"
#include "ngx_module/response.h"
#include "ngx_module/timer.h"

namespace mediasync::ngx {
namespace {

constexpr std::string_view kJson = "application/json";

std::string_view locationName(ngx_http_request_t* r) {
  const auto* core = static_cast<ngx_http_core_loc_conf_t*>(ngx_http_get_module_loc_conf(r, ngx_http_core_module));
  std::string_view name = view(core->name);
  while (!name.empty() && name.back() == '/')
    name.remove_suffix(1);
  return name;
}

// A change that is on its way to the disk. Lives in the pool of its request.
class Writing final : public server::Confirmation {
 public:
  Writing(ngx_http_request_t* r, Runtime& runtime, server::RestReply reply)
      : r_(r), runtime_(runtime), reply_(std::move(reply)), timer_(&Writing::respond, this, r->connection->log) {
    runtime_.worker().confirmations().await(reply_.ticket, *this);
  }
  ~Writing() override {
    guardedVoid(r_->connection->log, [this] { runtime_.worker().confirmations().cancel(*this); });
  }

  void written() override { timer_.post(); }

 private:
  static void respond(void* self) {
    auto* writing = static_cast<Writing*>(self);
    ngx_http_request_t* r = writing->r_;
    finish(r, guarded(r->connection->log, static_cast<ngx_int_t>(NGX_HTTP_INTERNAL_SERVER_ERROR),
                      [&] { return sendReply(r, writing->reply_); }));
  }

  ngx_http_request_t* r_;
  Runtime& runtime_;
  server::RestReply reply_;
  Timer timer_;
};

}  // namespace

ngx_int_t fail(ngx_http_request_t* r, ngx_uint_t status, std::string_view message) {
  std::string body;
  api::appendFailure(body, message);
  return respond(r, status, kJson, body);
}

bool isReady(Runtime* runtime) {
  return runtime != nullptr && !runtime->worker().awaitsState();
}

ngx_int_t failUnavailable(ngx_http_request_t* r) {
  addHeader(r, "Retry-After", "1");
  return fail(r, NGX_HTTP_SERVICE_UNAVAILABLE, "The server is starting or stopping");
}

std::string_view pathAfterLocation(ngx_http_request_t* r) {
  std::string_view path = r->valid_unparsed_uri && r == r->main ? view(r->unparsed_uri) : view(r->uri);
  path = path.substr(0, path.find('?'));
  const std::string_view name = locationName(r);
  if (!path.starts_with(name)) path = view(r->uri);
  return path.starts_with(name) ? path.substr(name.size()) : std::string_view("/?");
}

ngx_int_t sendReply(ngx_http_request_t* r, const server::RestReply& reply) {
  if (!reply.location.empty()) {
    addHeader(r, "Location", std::string(locationName(r)) + reply.location);
  }
  if (reply.status == NGX_HTTP_SERVICE_UNAVAILABLE || reply.status == NGX_HTTP_TOO_MANY_REQUESTS) {
    addHeader(r, "Retry-After", "1");
  }
  return respond(r, static_cast<ngx_uint_t>(reply.status), kJson, reply.body);
}

ngx_int_t sendWritten(ngx_http_request_t* r, Runtime& runtime, server::RestReply reply) {
  if (runtime.worker().confirmations().maySay(reply.ticket)) return sendReply(r, reply);
  makeInPool<Writing>(r, r, runtime, std::move(reply));
  return NGX_DONE;
}

}  // namespace mediasync::ngx
