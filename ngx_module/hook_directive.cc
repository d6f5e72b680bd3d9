#include "ngx_module/hook_directive.h"

#include <vector>

#include "core/app/hooks.h"
#include "ngx_module/conf.h"
#include "ngx_module/lua_scripts.h"
#include "ngx_module/response.h"

namespace mediasync::ngx {
namespace {

// A connection keeps them. Longer ones are left out.
constexpr unsigned kMaxVariable = 2048;

struct HookVariable {
  ngx_str_t name;
  ngx_int_t index;
};

char* reject(ngx_conf_t* cf, const ngx_str_t& parameter) {
  ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid parameter \"%V\"", &parameter);
  return static_cast<char*>(NGX_CONF_ERROR);
}

bool parseParameter(const ngx_str_t& parameter, LocConf& location) {
  constexpr std::string_view kTimeout = "timeout=";
  const std::string_view text = view(parameter);
  if (text == "on_failure=deny" || text == "on_failure=allow") {
    location.hooksMayFail = text.ends_with("allow");
    return true;
  }
  if (!text.starts_with(kTimeout)) return false;
  ngx_str_t value{parameter.len - kTimeout.size(), parameter.data + kTimeout.size()};
  const ngx_int_t time = ngx_parse_time(&value, 0);
  if (time == NGX_ERROR || time == 0) return false;
  location.hookTimeout = static_cast<ngx_msec_t>(time);
  return true;
}

}  // namespace

std::string hookVariables(ngx_http_request_t* r, const LocConf& conf) {
  if (!conf.hooks || conf.hookVariables == nullptr) return {};
  std::vector<std::pair<std::string_view, std::string_view>> variables;
  const auto* each = static_cast<const HookVariable*>(conf.hookVariables->elts);
  for (ngx_uint_t i = 0; i < conf.hookVariables->nelts; ++i) {
    const ngx_http_variable_value_t* value = ngx_http_get_indexed_variable(r, static_cast<ngx_uint_t>(each[i].index));
    if (value == nullptr || value->not_found || value->len > kMaxVariable) continue;
    variables.emplace_back(view(each[i].name), asText({value->data, value->len}));
  }
  return server::variablesText(variables);
}

}  // namespace mediasync::ngx

using namespace mediasync::ngx;

// mediasync_hooks on | off [timeout=TIME] [on_failure=deny|allow];
char* ngx_http_mediasync_hooks(ngx_conf_t* cf, ngx_command_t* cmd, void* conf) {
  auto* location = static_cast<LocConf*>(conf);
  if (location->hooks != NGX_CONF_UNSET) return const_cast<char*>("is duplicate");
  const auto* values = static_cast<ngx_str_t*>(cf->args->elts);
  location->hooks = ngx_strcmp(values[1].data, "on") == 0;
  if (!location->hooks && ngx_strcmp(values[1].data, "off") != 0) {
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid value \"%V\" in \"%V\" directive, it must be \"on\" or \"off\"",
                       &values[1], &cmd->name);
    return static_cast<char*>(NGX_CONF_ERROR);
  }
  if (location->hooks && !LuaScripts::isPossible()) {
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"mediasync_hooks on\" needs lua-nginx-module, which is not loaded");
    return static_cast<char*>(NGX_CONF_ERROR);
  }
  location->hookTimeout = 2'000;
  location->hooksMayFail = 0;
  for (ngx_uint_t i = 2; i < cf->args->nelts; ++i) {
    if (!location->hooks || !parseParameter(values[i], *location)) return reject(cf, values[i]);
  }
  return NGX_CONF_OK;
}

// mediasync_hook_variables $NAME ...;
char* ngx_http_mediasync_hook_variables(ngx_conf_t* cf, ngx_command_t*, void* conf) {
  auto* location = static_cast<LocConf*>(conf);
  if (location->hookVariables != nullptr) return const_cast<char*>("is duplicate");
  location->hookVariables = ngx_array_create(cf->pool, cf->args->nelts, sizeof(HookVariable));
  if (location->hookVariables == nullptr) return static_cast<char*>(NGX_CONF_ERROR);
  const auto* values = static_cast<ngx_str_t*>(cf->args->elts);
  for (ngx_uint_t i = 1; i < cf->args->nelts; ++i) {
    ngx_str_t name = values[i];
    if (name.len < 2 || name.data[0] != '$') {
      ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "invalid variable name \"%V\"", &values[i]);
      return static_cast<char*>(NGX_CONF_ERROR);
    }
    ++name.data;
    --name.len;
    const ngx_int_t index = ngx_http_get_variable_index(cf, &name);
    auto* variable = static_cast<HookVariable*>(ngx_array_push(location->hookVariables));
    if (index == NGX_ERROR || variable == nullptr) return static_cast<char*>(NGX_CONF_ERROR);
    *variable = {name, index};
  }
  return NGX_CONF_OK;
}
