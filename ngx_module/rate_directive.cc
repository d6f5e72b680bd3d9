#include "ngx_module/rate_directive.h"

#include "ngx_module/conf.h"

namespace mediasync::ngx {
namespace {

constexpr ngx_int_t kMostTokens = 1'000'000'000;

struct Parser {
  ngx_conf_t* cf;
  RateConf* rate;
  bool isBytes;  // a second, instead of a number of something
};

char* invalid(const Parser& p, const char* what, const ngx_str_t& value) {
  ngx_conf_log_error(NGX_LOG_EMERG, p.cf, 0, "invalid %s \"%V\"", what, &value);
  return static_cast<char*>(NGX_CONF_ERROR);
}

bool takePrefix(ngx_str_t& value, const char* prefix) {
  const size_t length = ngx_strlen(prefix);
  if (value.len < length || ngx_strncmp(value.data, prefix, length) != 0) return false;
  value.data += length;
  value.len -= length;
  return true;
}

bool takeSuffix(ngx_str_t& value, const char* suffix) {
  const size_t length = ngx_strlen(suffix);
  if (value.len < length || ngx_strncmp(value.data + value.len - length, suffix, length) != 0) return false;
  value.len -= length;
  return true;
}

// 1 to kMostTokens, or NGX_ERROR.
ngx_int_t parseTokens(const Parser& p, ngx_str_t value) {
  const ngx_int_t tokens = p.isBytes ? ngx_parse_size(&value) : ngx_atoi(value.data, value.len);
  return tokens >= 1 && tokens <= kMostTokens ? tokens : NGX_ERROR;
}

char* parseRate(const Parser& p, const ngx_str_t& whole, ngx_str_t value) {
  const bool isPerMinute = !p.isBytes && takeSuffix(value, "r/m");
  if (!p.isBytes && !isPerMinute && !takeSuffix(value, "r/s")) return invalid(p, "rate", whole);
  const ngx_int_t tokens = parseTokens(p, value);
  if (tokens == NGX_ERROR) return invalid(p, "rate", whole);
  p.rate->rate.perMinute = static_cast<std::uint64_t>(tokens) * (isPerMinute ? 1 : 60);
  if (p.rate->rate.burst == 0) p.rate->rate.burst = static_cast<std::uint64_t>(tokens);
  return NGX_CONF_OK;
}

char* parseBurst(const Parser& p, const ngx_str_t& whole, const ngx_str_t& value) {
  const ngx_int_t tokens = parseTokens(p, value);
  if (tokens == NGX_ERROR) return invalid(p, "burst value", whole);
  p.rate->rate.burst = static_cast<std::uint64_t>(tokens);
  return NGX_CONF_OK;
}

char* parseParameter(const Parser& p, const ngx_str_t& whole) {
  ngx_str_t value = whole;
  if (takePrefix(value, "rate=")) return parseRate(p, whole, value);
  if (takePrefix(value, "burst=")) return parseBurst(p, whole, value);
  return invalid(p, "parameter", whole);
}

char* parse(ngx_conf_t* cf, const ngx_command_t* cmd, void* conf, bool isBytes) {
  auto* rate = reinterpret_cast<RateConf*>(static_cast<char*>(conf) + cmd->offset);
  const auto* values = static_cast<ngx_str_t*>(cf->args->elts);
  if (rate->isSet) return const_cast<char*>("is duplicate");
  rate->isSet = true;
  rate->rate = Rate{};
  if (cf->args->nelts == 2 && ngx_strcmp(values[1].data, "off") == 0) return NGX_CONF_OK;
  for (ngx_uint_t i = 1; i < cf->args->nelts; ++i) {
    if (char* error = parseParameter({cf, rate, isBytes}, values[i]); error != NGX_CONF_OK) return error;
  }
  if (rate->rate) return NGX_CONF_OK;
  ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"%V\" must have \"rate\" parameter", &cmd->name);
  return static_cast<char*>(NGX_CONF_ERROR);
}

}  // namespace

}  // namespace mediasync::ngx

char* ngx_http_mediasync_rate(ngx_conf_t* cf, ngx_command_t* cmd, void* conf) {
  return mediasync::ngx::parse(cf, cmd, conf, false);
}

char* ngx_http_mediasync_byte_rate(ngx_conf_t* cf, ngx_command_t* cmd, void* conf) {
  return mediasync::ngx::parse(cf, cmd, conf, true);
}
