// The module's configuration, in NGINX's pools.
#pragma once

#include <optional>
#include <string_view>

#include "core/context/options.h"
#include "core/persistence/state_keeper.h"
#include "core/store/zone.h"
#include "ngx_module/nginx.h"

namespace mediasync::ngx {

// One `mediasync_zone`.
struct ZoneConf {
  ngx_str_t name;
  ngx_shm_zone_t* shm;
  ngx_uint_t shards;
  store::ZoneSettings settings;
  ngx_str_t statePath;  // empty: no state file
  persistence::StateSync stateSync;
  std::uint32_t stateFile;   // its number, once it is open; 0: it is not
  std::uint32_t stateEpoch;  // in which it is in force
  const ngx_array_t* zones;  // of the configuration, of ZoneConf*
  store::Zone* zone;         // set once the memory is there
  ngx_uint_t index;          // among the zones of the configuration
};

struct LocConf;

// A location that WebSockets come by, where those of an earlier configuration find it again.
struct Location {
  std::uint64_t key;         // of what it is called: servers of other addresses may have one of the same key
  ngx_http_conf_ctx_t conf;  // of requests in it
  LocConf* loc;
  ngx_array_t addresses;  // of ngx_sockaddr_t, that its server listens on without TLS
};

struct MainConf {
  ngx_array_t zones;               // of ZoneConf*
  ngx_array_t locations;           // of Location
  bool hasLogs;                    // of connections
  ngx_http_handler_pt logHandler;  // what writes them, when there are any
};

// One `mediasync_limit_…`.
struct RateConf {
  bool isSet;  // here, or in a block around
  Rate rate;
};

enum class StatusFormat { kAsked, kJson, kPrometheus, kPage };

enum class OriginPolicy { kUnset, kSame, kAny, kListed };

struct LocConf {
  ZoneConf* zone;                   // of the endpoint in this location
  server::Application application;  // of `mediasync` and the like
  ngx_uint_t timestamps;
  ngx_flag_t eio3;
  ngx_flag_t recovery;
  ngx_msec_t connectTimeout;
  ngx_str_t cookie;
  ngx_flag_t bindsUser;
  ngx_http_complex_value_t* user;  // for bindsUser
  ngx_flag_t asksSecret;
  ngx_str_t secretCookie;  // its name, for asksSecret
  ngx_flag_t deflate;
  size_t deflateMinLength;
  size_t deflateWindow;
  ngx_uint_t deflateLevel;
  ngx_msec_t pingInterval;
  ngx_msec_t pingTimeout;
  size_t maxPayload;
  ngx_flag_t list;            // of sessions, over REST
  ngx_flag_t creates;         // clients may create sessions
  api::MediaPrefixes* media;  // that may be loaded; null: anything
  bool isMediaSet;            // here, or in a block around
  ngx_uint_t maxSessions;
  ngx_uint_t maxUsers;
  ngx_uint_t maxConnections;
  RateConf events;
  RateConf userEvents;
  RateConf joins;
  RateConf sessionJoins;
  RateConf newSessions;
  RateConf replies;
  RateConf reports;
  RateConf input;
  RateConf ownSessions;
  OriginPolicy originPolicy;
  ngx_array_t* origins;                    // of api::OriginPattern, for kListed
  ngx_http_complex_value_t* originScheme;  // null: not told
  ngx_flag_t hooks;                        // Lua is asked
  ngx_msec_t hookTimeout;                  // for hooks
  ngx_flag_t hooksMayFail;                 // for hooks
  ngx_array_t* hookVariables;              // that it is told; null: none
  ngx_flag_t asksMember;                   // mediasync_member is set, with what follows
  ngx_flag_t isMemberOptional;             // others are served as well
  ZoneConf* memberZone;
  ngx_http_complex_value_t* memberSession;
  ngx_http_complex_value_t* memberUser;
  void* log;                    // of mediasync_log: a configuration of the log module; null: none so far
  ngx_flag_t isLogged;          // and it is not "off"
  std::uint64_t logHash;        // of what it is given
  StatusFormat statusFormat;    // of mediasync_status
  ngx_array_t* statusZones;     // of ZoneConf*, likewise; null: all there are
  ngx_http_handler_pt handler;  // of the endpoint
  std::uint64_t key;            // Location::key
  size_t bodyLimit;             // of a request body: the lesser of max_payload and client_max_body_size
  ngx_log_t* sharedLog;         // of WebSockets that have none of their own
  void** limited;               // the location's configuration with NGINX's own check of that limit

  server::Options options() const;
  // The log of its connections, as Options::log; 0: there is none.
  std::uint64_t logKey() const;
};

// The zone of that name; null: there is none, so far.
ZoneConf* findZone(ngx_conf_t* cf, const ngx_str_t& name);

inline MainConf* mainConf(ngx_conf_t* cf) {
  return static_cast<MainConf*>(ngx_http_conf_get_module_main_conf(cf, ngx_http_mediasync_module));
}
inline LocConf* locConf(ngx_http_request_t* r) {
  return static_cast<LocConf*>(ngx_http_get_module_loc_conf(r, ngx_http_mediasync_module));
}

}  // namespace mediasync::ngx

extern "C" {
void* ngx_http_mediasync_create_main_conf(ngx_conf_t* cf);
void* ngx_http_mediasync_create_loc_conf(ngx_conf_t* cf);
char* ngx_http_mediasync_merge_loc_conf(ngx_conf_t* cf, void* parent, void* child);
ngx_int_t ngx_http_mediasync_postconfiguration(ngx_conf_t* cf);
char* ngx_http_mediasync_endpoint(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);
char* ngx_http_mediasync_check_time(ngx_conf_t* cf, void* post, void* data);
char* ngx_http_mediasync_check_payload(ngx_conf_t* cf, void* post, void* data);
char* ngx_http_mediasync_check_window(ngx_conf_t* cf, void* post, void* data);
char* ngx_http_mediasync_cookie(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);
char* ngx_http_mediasync_user(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);
char* ngx_http_mediasync_user_secret(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);
char* ngx_http_mediasync_origin(ngx_conf_t* cf, ngx_command_t* cmd, void* conf);
}
