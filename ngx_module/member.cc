#include "ngx_module/member.h"

#include <memory>
#include <new>
#include <span>

#include "ngx_module/conf.h"
#include "ngx_module/connection_log.h"
#include "ngx_module/guard.h"
#include "ngx_module/process.h"
#include "ngx_module/response.h"

namespace mediasync::ngx {
namespace {

bool isMember(ngx_http_request_t* r, const LocConf& conf) {
  Runtime* runtime = runtimeOf(conf.memberZone);
  ngx_str_t session;
  ngx_str_t user;
  if (runtime == nullptr || ngx_http_complex_value(r, conf.memberSession, &session) != NGX_OK ||
      ngx_http_complex_value(r, conf.memberUser, &user) != NGX_OK) {
    return false;
  }
  return runtime->worker().rest().isMember(view(session), view(user), view(r->uri));
}

ngx_int_t getMember(ngx_http_request_t* r, ngx_http_variable_value_t* value, uintptr_t) {
  const LocConf& conf = *locConf(r);
  if (!conf.asksMember) {
    value->not_found = 1;
    return NGX_OK;
  }
  const bool is = guarded(r->connection->log, false, [&] { return isMember(r, conf); });
  value->len = 1;
  value->valid = 1;
  value->no_cacheable = 1;
  value->not_found = 0;
  value->data = ngxBytes(is ? "1" : "0");
  return NGX_OK;
}

// After the access phase: by then it is known whom NGINX has let in.
ngx_int_t checkMember(ngx_http_request_t* r) {
  const LocConf& conf = *locConf(r);
  if (!conf.asksMember || conf.isMemberOptional) return NGX_DECLINED;
  const bool is = guarded(r->connection->log, false, [&] { return isMember(r, conf); });
  if (is) return NGX_DECLINED;
  countForbidden(conf.memberZone, store::Forbidden::kMember);
  return NGX_HTTP_FORBIDDEN;
}

ngx_http_complex_value_t* compile(ngx_conf_t* cf, ngx_str_t* text) {
  auto* value = static_cast<ngx_http_complex_value_t*>(ngx_pcalloc(cf->pool, sizeof(ngx_http_complex_value_t)));
  if (value == nullptr) return nullptr;
  ngx_http_compile_complex_value_t compiled{cf, text, value, 0, 0, 0};
  return ngx_http_compile_complex_value(&compiled) == NGX_OK ? value : nullptr;
}

}  // namespace
}  // namespace mediasync::ngx

using namespace mediasync::ngx;

ngx_int_t ngx_http_mediasync_preconfiguration(ngx_conf_t* cf) {
  ngx_str_t name = ngx_string("mediasync_member");
  ngx_http_variable_t* variable = ngx_http_add_variable(cf, &name, NGX_HTTP_VAR_NOCACHEABLE);
  if (variable == nullptr) return NGX_ERROR;
  variable->get_handler = getMember;
  return addLogVariables(cf) ? NGX_OK : NGX_ERROR;
}

bool ngx_http_mediasync_add_member_check(ngx_conf_t* cf) {
  auto* core = static_cast<ngx_http_core_main_conf_t*>(ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module));
  auto* handler = static_cast<ngx_http_handler_pt*>(ngx_array_push(&core->phases[NGX_HTTP_PRECONTENT_PHASE].handlers));
  if (handler == nullptr) return false;
  *handler = checkMember;
  return true;
}

// mediasync_member ZONE SESSION USER [optional] | off;
char* ngx_http_mediasync_member(ngx_conf_t* cf, ngx_command_t* cmd, void* conf) {
  auto* location = static_cast<LocConf*>(conf);
  if (location->asksMember != NGX_CONF_UNSET) return const_cast<char*>("is duplicate");
  auto* values = static_cast<ngx_str_t*>(cf->args->elts);
  location->asksMember = cf->args->nelts > 2;
  if (!location->asksMember && view(values[1]) == "off") return NGX_CONF_OK;
  if (cf->args->nelts < 4) {
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid number of arguments in \"%V\" directive", &cmd->name);
    return static_cast<char*>(NGX_CONF_ERROR);
  }
  location->isMemberOptional = cf->args->nelts == 5;
  if (location->isMemberOptional && view(values[4]) != "optional") {
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"", &values[4]);
    return static_cast<char*>(NGX_CONF_ERROR);
  }
  location->memberZone = findZone(cf, values[1]);
  if (location->memberZone == nullptr) {
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "zone \"%V\" is unknown, define it with \"mediasync_zone\" before",
                       &values[1]);
    return static_cast<char*>(NGX_CONF_ERROR);
  }
  location->memberSession = compile(cf, &values[2]);
  location->memberUser = compile(cf, &values[3]);
  if (location->memberSession == nullptr || location->memberUser == nullptr) return static_cast<char*>(NGX_CONF_ERROR);
  return NGX_CONF_OK;
}

// mediasync_media any | PATH ...;
char* ngx_http_mediasync_media(ngx_conf_t* cf, ngx_command_t*, void* conf) {
  auto* location = static_cast<LocConf*>(conf);
  if (location->isMediaSet) return const_cast<char*>("is duplicate");
  location->isMediaSet = true;
  const std::span values(static_cast<ngx_str_t*>(cf->args->elts) + 1, cf->args->nelts - 1);
  if (values.size() == 1 && view(values[0]) == "any") return NGX_CONF_OK;
  ngx_pool_cleanup_t* cleanup = ngx_pool_cleanup_add(cf->pool, sizeof(mediasync::api::MediaPrefixes));
  if (cleanup == nullptr) return static_cast<char*>(NGX_CONF_ERROR);
  location->media = new (cleanup->data) mediasync::api::MediaPrefixes();
  cleanup->handler = [](void* prefixes) { std::destroy_at(static_cast<mediasync::api::MediaPrefixes*>(prefixes)); };
  for (const ngx_str_t& value : values) {
    if (value.len == 0 || value.data[0] != '/') {
      ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid path \"%V\", it must be \"any\" or begin with \"/\"", &value);
      return static_cast<char*>(NGX_CONF_ERROR);
    }
    location->media->emplace_back(view(value));
  }
  return NGX_CONF_OK;
}
