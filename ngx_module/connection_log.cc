#include "ngx_module/connection_log.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/siphash.h"
#include "ngx_module/guard.h"
#include "ngx_module/identity.h"
#include "ngx_module/response.h"

extern "C" {
extern ngx_module_t ngx_http_log_module;
}

namespace mediasync::ngx {
namespace {

// The pool of one line has its request, values and text.
constexpr size_t kLinePool = 8 * 1024;

constexpr const char* kFormatName = "mediasync";
constexpr const char* kFormat =
    "$remote_addr [$time_local] \"$mediasync_session\" \"$mediasync_user\" $mediasync_transport $mediasync_duration "
    "$mediasync_bytes_received $mediasync_bytes_sent $mediasync_messages_received $mediasync_messages_sent "
    "\"$mediasync_reason\" $mediasync_close_code";

// The line that is being written: there is one at a time.
struct Line {
  const ngx_http_request_t* r = nullptr;
  const server::Ended* ended = nullptr;
};
Line line;

const ngx_http_module_t& logModule() {
  return *static_cast<const ngx_http_module_t*>(ngx_http_log_module.ctx);
}

// A directive of the log module; null: it is another one than we know.
ngx_command_t* logCommand(const char* name) {
  for (ngx_command_t* command = ngx_http_log_module.commands; command != nullptr && command->name.len > 0; ++command) {
    if (ngx_strcmp(command->name.data, name) == 0) return command;
  }
  return nullptr;
}

template <class T>
T* make(ngx_pool_t* pool, size_t count = 1) {
  return static_cast<T*>(ngx_pcalloc(pool, count * sizeof(T)));
}

// ---- what a line says

using Text = std::optional<std::string>;

Text orNothing(const std::string& text) {
  return text.empty() ? Text() : Text(text);
}

// Seconds, as $request_time has them.
Text seconds(std::int64_t ms) {
  std::string digits = std::to_string(ms % 1000);
  return std::to_string(ms / 1000) + "." + std::string(3 - digits.size(), '0') + digits;
}

Text count(const server::Ended& ended, std::uint64_t store::Traffic::*number) {
  return ended.traffic ? Text(std::to_string((*ended.traffic).*number)) : Text();
}

struct Variable {
  const char* name;
  Text (*text)(const server::Ended&);
};

using server::Ended;
using store::Traffic;
constexpr std::array kVariables{
    Variable{"mediasync_session", [](const Ended& e) { return orNothing(e.sessionId); }},
    Variable{"mediasync_user", [](const Ended& e) { return orNothing(e.userId); }},
    Variable{"mediasync_socket", [](const Ended& e) { return orNothing(e.socketId); }},
    Variable{"mediasync_transport",
             [](const Ended& e) { return Text(e.transport == store::Transport::kPolling ? "polling" : "websocket"); }},
    Variable{"mediasync_protocol", [](const Ended& e) { return Text(std::to_string(static_cast<int>(e.revision))); }},
    Variable{"mediasync_duration", [](const Ended& e) { return seconds(e.duration); }},
    Variable{"mediasync_bytes_received", [](const Ended& e) { return count(e, &Traffic::bytesIn); }},
    Variable{"mediasync_bytes_sent", [](const Ended& e) { return count(e, &Traffic::bytesOut); }},
    Variable{"mediasync_messages_received", [](const Ended& e) { return count(e, &Traffic::messagesIn); }},
    Variable{"mediasync_messages_sent", [](const Ended& e) { return count(e, &Traffic::messagesOut); }},
    Variable{"mediasync_reason", [](const Ended& e) { return Text(store::nameOf(e.reason)); }},
    Variable{"mediasync_close_code",
             [](const Ended& e) {
               const bool hasCode = e.transport == store::Transport::kWebSocket;
               return hasCode ? Text(std::to_string(static_cast<int>(e.code))) : Text();
             }},
    Variable{"mediasync_recovered", [](const Ended& e) { return Text(e.recovered ? "1" : "0"); }},
};

ngx_int_t getVariable(ngx_http_request_t* r, ngx_http_variable_value_t* value, uintptr_t index) {
  value->not_found = 1;
  if (line.r != r) return NGX_OK;  // of no other request there is anything to say
  return guarded(r->connection->log, static_cast<ngx_int_t>(NGX_ERROR), [&]() -> ngx_int_t {
    const Text text = kVariables[index].text(*line.ended);
    if (!text) return NGX_OK;
    value->data = static_cast<u_char*>(ngx_pnalloc(r->pool, text->size() + 1));
    if (value->data == nullptr) return NGX_ERROR;
    std::memcpy(value->data, text->data(), text->size());
    value->len = static_cast<unsigned>(text->size()) & 0xfffffff;
    value->valid = 1;
    value->not_found = 0;
    return NGX_OK;
  });
}

// Defines the format as the configuration could, before all of that is read.
bool addFormat(ngx_conf_t* cf) {
  const ngx_command_t* logFormat = logCommand("log_format");
  if (logFormat == nullptr) return true;  // nor will there be lines
  ngx_array_t* args = ngx_array_create(cf->pool, 3, sizeof(ngx_str_t));
  if (args == nullptr) return false;
  for (const char* text : {"log_format", kFormatName, kFormat})
    *static_cast<ngx_str_t*>(ngx_array_push(args)) = ngxString(text);
  ngx_array_t* before = std::exchange(cf->args, args);
  const char* error = logFormat->set(cf, const_cast<ngx_command_t*>(logFormat),
                                     ngx_http_conf_get_module_main_conf(cf, ngx_http_log_module));
  cf->args = before;
  return error == NGX_CONF_OK;
}

// The log module tells the core which function to call after each request. Here it tells a stand-in.
ngx_http_handler_pt findHandler(ngx_conf_t* cf) {
  ngx_conf_t own = *cf;
  auto* core = make<ngx_http_core_main_conf_t>(cf->pool);
  ngx_http_conf_ctx_t ctx{make<void*>(cf->pool, ngx_http_max_module), nullptr, nullptr};
  if (core == nullptr || ctx.main_conf == nullptr) return nullptr;
  ngx_array_t& handlers = core->phases[NGX_HTTP_LOG_PHASE].handlers;
  if (ngx_array_init(&handlers, cf->pool, 1, sizeof(ngx_http_handler_pt)) != NGX_OK) return nullptr;
  own.ctx = &ctx;
  ctx.main_conf[ngx_http_core_module.ctx_index] = core;
  ctx.main_conf[ngx_http_log_module.ctx_index] = logModule().create_main_conf(&own);
  if (ctx.main_conf[ngx_http_log_module.ctx_index] == nullptr || logModule().postconfiguration(&own) != NGX_OK) {
    return nullptr;
  }
  return handlers.nelts == 1 ? *static_cast<ngx_http_handler_pt*>(handlers.elts) : nullptr;
}

// ---- the request that a line is about: that of a connection's handshake is gone by then

socklen_t fill(ngx_sockaddr_t& to, const store::Address& address) {
  if (address.size == 4) {
    to.sockaddr_in.sin_family = AF_INET;
    std::memcpy(&to.sockaddr_in.sin_addr, address.bytes.data(), 4);
    return sizeof(sockaddr_in);
  }
#if (NGX_HAVE_INET6)
  if (address.size == 16) {
    to.sockaddr_in6.sin6_family = AF_INET6;
    std::memcpy(&to.sockaddr_in6.sin6_addr, address.bytes.data(), 16);
    return sizeof(sockaddr_in6);
  }
#endif
  to.sockaddr.sa_family = AF_UNIX;
  return offsetof(sockaddr_un, sun_path);
}

ngx_connection_t* makeConnection(ngx_pool_t* pool, const store::Address& client, ngx_log_t* log) {
  auto* c = make<ngx_connection_t>(pool);
  auto* events = make<ngx_event_t>(pool, 2);
  auto* addresses = make<ngx_sockaddr_t>(pool, 2);
  auto* text = make<u_char>(pool, NGX_SOCKADDR_STRLEN);
  if (c == nullptr || events == nullptr || addresses == nullptr || text == nullptr) return nullptr;
  c->fd = static_cast<ngx_socket_t>(-1);
  c->pool = pool;
  c->log = log;
  c->read = &events[0];
  c->write = &events[1];
  for (ngx_event_t* event : {c->read, c->write}) {
    event->data = c;
    event->log = log;
  }
  c->sockaddr = &addresses[0].sockaddr;
  c->socklen = fill(addresses[0], client);
  c->local_sockaddr = &addresses[1].sockaddr;
  c->local_socklen = fill(addresses[1], {});
  c->addr_text = {ngx_sock_ntop(c->sockaddr, c->socklen, text, NGX_SOCKADDR_STRLEN, 0), text};
  return c;
}

bool fillHeaders(ngx_http_request_t& r) {
  r.headers_in.content_length_n = -1;
  r.headers_in.keep_alive_n = -1;
  r.headers_out.content_length_n = -1;
  r.headers_out.last_modified_time = -1;
  return ngx_list_init(&r.headers_in.headers, r.pool, 1, sizeof(ngx_table_elt_t)) == NGX_OK &&
         ngx_list_init(&r.headers_out.headers, r.pool, 1, sizeof(ngx_table_elt_t)) == NGX_OK &&
         ngx_list_init(&r.headers_out.trailers, r.pool, 1, sizeof(ngx_table_elt_t)) == NGX_OK;
}

// It began when the connection did, in its location, and has no headers.
ngx_http_request_t* makeRequest(ngx_pool_t* pool, const Location& location, const server::Ended& ended) {
  const auto& core = *static_cast<ngx_http_core_loc_conf_t*>(location.conf.loc_conf[ngx_http_core_module.ctx_index]);
  const auto& main = *static_cast<ngx_http_core_main_conf_t*>(location.conf.main_conf[ngx_http_core_module.ctx_index]);
  auto* r = make<ngx_http_request_t>(pool);
  if (r == nullptr) return nullptr;
  r->signature = NGX_HTTP_MODULE;
  r->pool = pool;
  r->main = r;
  r->count = 1;
  r->connection = makeConnection(pool, ended.client, core.error_log);
  r->http_connection = make<ngx_http_connection_t>(pool);
  r->ctx = make<void*>(pool, ngx_http_max_module);
  r->variables = make<ngx_http_variable_value_t>(pool, main.variables.nelts);
  r->main_conf = location.conf.main_conf;
  r->srv_conf = location.conf.srv_conf;
  r->loc_conf = make<void*>(pool, ngx_http_max_module);
  if (r->connection == nullptr || r->http_connection == nullptr || r->ctx == nullptr || r->variables == nullptr ||
      r->loc_conf == nullptr || !fillHeaders(*r)) {
    return nullptr;
  }
  r->connection->data = r;
  std::memcpy(r->loc_conf, location.conf.loc_conf, sizeof(void*) * ngx_http_max_module);
  r->loc_conf[ngx_http_log_module.ctx_index] = location.loc->log;
  r->http_connection->conf_ctx = const_cast<ngx_http_conf_ctx_t*>(&location.conf);
  r->method = NGX_HTTP_GET;
  r->http_version = NGX_HTTP_VERSION_11;
  r->uri = core.name.len > 0 && core.name.data[0] == '/' ? core.name : ngxString("/");
  r->valid_location = 1;
  r->root_tested = 1;  // a log whose path has variables would look for the folder of the location's files
  const ngx_time_t* now = ngx_timeofday();
  const std::int64_t began = static_cast<std::int64_t>(now->sec) * 1000 + now->msec - ended.duration;
  r->start_sec = static_cast<time_t>(began / 1000);
  r->start_msec = static_cast<ngx_msec_t>(began % 1000);
  const bool isWebSocket = ended.transport == store::Transport::kWebSocket;
  r->headers_out.status = isWebSocket ? NGX_HTTP_SWITCHING_PROTOCOLS : NGX_HTTP_OK;
  return r;
}

// The location as it is now: it may have another log than when the connection began.
const Location* findLocation(const MainConf& conf, std::uint64_t log) {
  constexpr std::uint64_t kLocation = ~std::uint64_t{0} << 32;
  const auto* locations = static_cast<const Location*>(conf.locations.elts);
  const Location* found = nullptr;
  for (ngx_uint_t i = 0; i < conf.locations.nelts; ++i) {
    const std::uint64_t own = locations[i].loc->logKey();
    if (own == log) return &locations[i];
    if (found == nullptr && own != 0 && (own & kLocation) == (log & kLocation)) found = &locations[i];
  }
  return found;
}

}  // namespace

// One half is the location's and one that of its logs, since locations of the same name may have other logs.
std::uint64_t LocConf::logKey() const {
  return isLogged ? (key & ~std::uint64_t{0} << 32) | (logHash & 0xffffffff) | 1 : 0;
}

bool addLogVariables(ngx_conf_t* cf) {
  for (size_t i = 0; i < kVariables.size(); ++i) {
    ngx_str_t name = ngxString(kVariables[i].name);
    ngx_http_variable_t* variable = ngx_http_add_variable(cf, &name, 0);
    if (variable == nullptr) return false;
    variable->get_handler = getVariable;
    variable->data = i;
  }
  return addFormat(cf);
}

bool completeLog(ngx_conf_t* cf, LocConf& conf) {
  if (conf.log == nullptr) return true;
  // The log module completes it, once, by what the block says about its own logs: log_open_file_cache.
  void* accessLog = ngx_http_conf_get_module_loc_conf(cf, ngx_http_log_module);
  return logModule().merge_loc_conf(cf, accessLog, conf.log) == NGX_CONF_OK;
}

bool prepareLog(ngx_conf_t* cf) {
  MainConf& conf = *mainConf(cf);
  if (!conf.hasLogs) return true;
  conf.logHandler = findHandler(cf);
  if (conf.logHandler != nullptr) return true;
  ngx_conf_log_error(NGX_LOG_EMERG, cf, 0, "\"mediasync_log\" cannot be used with this build of NGINX");
  return false;
}

store::Address clientOf(const ngx_http_request_t* r) {
  store::Address address;
  const std::string_view bytes = addressOf(r);
  address.size = static_cast<std::uint8_t>(bytes.size());
  std::copy(bytes.begin(), bytes.end(), address.bytes.begin());
  return address;
}

void logEnd(const server::Ended& ended) {
  const auto* main = static_cast<MainConf*>(ngx_http_cycle_get_module_main_conf(ngx_cycle, ngx_http_mediasync_module));
  const Location* location = findLocation(*main, ended.location);
  if (location == nullptr || main->logHandler == nullptr) return;
  ngx_pool_t* pool = ngx_create_pool(kLinePool, ngx_cycle->log);
  if (pool == nullptr) return;
  if (ngx_http_request_t* r = makeRequest(pool, *location, ended)) {
    line = {r, &ended};
    main->logHandler(r);
    line = {};
    for (const ngx_http_cleanup_t* cleanup = r->cleanup; cleanup != nullptr; cleanup = cleanup->next) {
      if (cleanup->handler != nullptr) cleanup->handler(cleanup->data);
    }
  }
  ngx_destroy_pool(pool);
}

}  // namespace mediasync::ngx

using namespace mediasync::ngx;

// mediasync_log PATH [FORMAT [buffer=SIZE] [gzip[=LEVEL]] [flush=TIME] [if=CONDITION]] | off;
namespace {

// True if clients, who choose the values of these, would choose the file.
bool isChosenByClients(std::string_view path) {
  for (const std::string_view name : {"mediasync_session", "mediasync_user"}) {
    for (const std::string_view before : {"$", "${"}) {
      if (path.find(std::string(before).append(name)) != std::string_view::npos) return true;
    }
  }
  return false;
}

}  // namespace

char* ngx_http_mediasync_log(ngx_conf_t* cf, ngx_command_t* cmd, void* conf) {
  auto* location = static_cast<LocConf*>(conf);
  const ngx_command_t* accessLog = logCommand("access_log");
  if (accessLog == nullptr) return const_cast<char*>("cannot be used with this build of NGINX");
  if (location->log == nullptr) location->log = logModule().create_loc_conf(cf);
  if (location->log == nullptr) return static_cast<char*>(NGX_CONF_ERROR);
  const auto* values = static_cast<ngx_str_t*>(cf->args->elts);
  if (isChosenByClients(view(values[1]))) {
    return const_cast<char*>("has a path that clients would choose, by \"$mediasync_session\" or \"$mediasync_user\"");
  }
  const bool isOff = ngx_strcmp(values[1].data, "off") == 0;
  if (isOff || location->isLogged == NGX_CONF_UNSET) location->isLogged = !isOff;
  std::string hashed = std::to_string(location->logHash);
  for (ngx_uint_t i = 1; i < cf->args->nelts; ++i)
    hashed.append("\n").append(view(values[i]));
  location->logHash = mediasync::sipHash({}, hashed);
  mainConf(cf)->hasLogs = true;
  if (!isOff && cf->args->nelts == 2) {
    auto* format = static_cast<ngx_str_t*>(ngx_array_push(cf->args));
    if (format == nullptr) return static_cast<char*>(NGX_CONF_ERROR);
    *format = ngxString(kFormatName);
  }
  return accessLog->set(cf, cmd, location->log);
}
