// The module: its directives and its callbacks.
#include "ngx_module/conf.h"
#include "ngx_module/process.h"

extern "C" {

static ngx_conf_enum_t ngx_http_mediasync_timestamps[] = {
    {ngx_string("seconds"), static_cast<ngx_uint_t>(mediasync::api::TimestampUnit::kSeconds)},
    {ngx_string("milliseconds"), static_cast<ngx_uint_t>(mediasync::api::TimestampUnit::kMilliseconds)},
    {ngx_null_string, 0}};

static ngx_conf_post_t ngx_http_mediasync_nonzero_time = {ngx_http_mediasync_check_time};
static ngx_conf_post_t ngx_http_mediasync_sane_payload = {ngx_http_mediasync_check_payload};
static ngx_conf_post_t ngx_http_mediasync_sane_window = {ngx_http_mediasync_check_window};
static ngx_conf_num_bounds_t ngx_http_mediasync_level = {ngx_conf_check_num_bounds, 1, 9};
static ngx_conf_num_bounds_t ngx_http_mediasync_count = {ngx_conf_check_num_bounds, 0, 0x7fffffff};

#define NGX_HTTP_MEDIASYNC_EVERYWHERE NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF

static ngx_command_t ngx_http_mediasync_commands[] = {
    {ngx_string("mediasync_zone"), NGX_HTTP_MAIN_CONF | NGX_CONF_1MORE, ngx_http_mediasync_zone,
     NGX_HTTP_MAIN_CONF_OFFSET, 0, nullptr},
    {ngx_string("mediasync"), NGX_HTTP_LOC_CONF | NGX_CONF_TAKE1, ngx_http_mediasync_endpoint, NGX_HTTP_LOC_CONF_OFFSET,
     0, nullptr},
    {ngx_string("mediasync_engine_echo"), NGX_HTTP_LOC_CONF | NGX_CONF_TAKE1, ngx_http_mediasync_endpoint,
     NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("mediasync_socket_echo"), NGX_HTTP_LOC_CONF | NGX_CONF_TAKE1, ngx_http_mediasync_endpoint,
     NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("mediasync_api"), NGX_HTTP_LOC_CONF | NGX_CONF_TAKE1, ngx_http_mediasync_endpoint,
     NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("mediasync_admin"), NGX_HTTP_LOC_CONF | NGX_CONF_TAKE1, ngx_http_mediasync_endpoint,
     NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("mediasync_status"), NGX_HTTP_LOC_CONF | NGX_CONF_1MORE, ngx_http_mediasync_status,
     NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("mediasync_timestamps"), NGX_HTTP_MEDIASYNC_EVERYWHERE | NGX_CONF_TAKE1, ngx_conf_set_enum_slot,
     NGX_HTTP_LOC_CONF_OFFSET, offsetof(mediasync::ngx::LocConf, timestamps), &ngx_http_mediasync_timestamps},
    {ngx_string("mediasync_ping_interval"), NGX_HTTP_MEDIASYNC_EVERYWHERE | NGX_CONF_TAKE1, ngx_conf_set_msec_slot,
     NGX_HTTP_LOC_CONF_OFFSET, offsetof(mediasync::ngx::LocConf, pingInterval), &ngx_http_mediasync_nonzero_time},
    {ngx_string("mediasync_ping_timeout"), NGX_HTTP_MEDIASYNC_EVERYWHERE | NGX_CONF_TAKE1, ngx_conf_set_msec_slot,
     NGX_HTTP_LOC_CONF_OFFSET, offsetof(mediasync::ngx::LocConf, pingTimeout), &ngx_http_mediasync_nonzero_time},
    {ngx_string("mediasync_connect_timeout"), NGX_HTTP_MEDIASYNC_EVERYWHERE | NGX_CONF_TAKE1, ngx_conf_set_msec_slot,
     NGX_HTTP_LOC_CONF_OFFSET, offsetof(mediasync::ngx::LocConf, connectTimeout), &ngx_http_mediasync_nonzero_time},
    {ngx_string("mediasync_eio3"), NGX_HTTP_MEDIASYNC_EVERYWHERE | NGX_CONF_FLAG, ngx_conf_set_flag_slot,
     NGX_HTTP_LOC_CONF_OFFSET, offsetof(mediasync::ngx::LocConf, eio3), nullptr},
    {ngx_string("mediasync_recovery"), NGX_HTTP_MEDIASYNC_EVERYWHERE | NGX_CONF_FLAG, ngx_conf_set_flag_slot,
     NGX_HTTP_LOC_CONF_OFFSET, offsetof(mediasync::ngx::LocConf, recovery), nullptr},
    {ngx_string("mediasync_list"), NGX_HTTP_MEDIASYNC_EVERYWHERE | NGX_CONF_FLAG, ngx_conf_set_flag_slot,
     NGX_HTTP_LOC_CONF_OFFSET, offsetof(mediasync::ngx::LocConf, list), nullptr},
    {ngx_string("mediasync_cookie"), NGX_HTTP_MEDIASYNC_EVERYWHERE | NGX_CONF_TAKE1, ngx_http_mediasync_cookie,
     NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("mediasync_deflate"), NGX_HTTP_MEDIASYNC_EVERYWHERE | NGX_CONF_FLAG, ngx_conf_set_flag_slot,
     NGX_HTTP_LOC_CONF_OFFSET, offsetof(mediasync::ngx::LocConf, deflate), nullptr},
    {ngx_string("mediasync_deflate_min_length"), NGX_HTTP_MEDIASYNC_EVERYWHERE | NGX_CONF_TAKE1, ngx_conf_set_size_slot,
     NGX_HTTP_LOC_CONF_OFFSET, offsetof(mediasync::ngx::LocConf, deflateMinLength), nullptr},
    {ngx_string("mediasync_deflate_window"), NGX_HTTP_MEDIASYNC_EVERYWHERE | NGX_CONF_TAKE1, ngx_conf_set_size_slot,
     NGX_HTTP_LOC_CONF_OFFSET, offsetof(mediasync::ngx::LocConf, deflateWindow), &ngx_http_mediasync_sane_window},
    {ngx_string("mediasync_deflate_level"), NGX_HTTP_MEDIASYNC_EVERYWHERE | NGX_CONF_TAKE1, ngx_conf_set_num_slot,
     NGX_HTTP_LOC_CONF_OFFSET, offsetof(mediasync::ngx::LocConf, deflateLevel), &ngx_http_mediasync_level},
    {ngx_string("mediasync_max_payload"), NGX_HTTP_MEDIASYNC_EVERYWHERE | NGX_CONF_TAKE1, ngx_conf_set_size_slot,
     NGX_HTTP_LOC_CONF_OFFSET, offsetof(mediasync::ngx::LocConf, maxPayload), &ngx_http_mediasync_sane_payload},
    {ngx_string("mediasync_max_sessions"), NGX_HTTP_MEDIASYNC_EVERYWHERE | NGX_CONF_TAKE1, ngx_conf_set_num_slot,
     NGX_HTTP_LOC_CONF_OFFSET, offsetof(mediasync::ngx::LocConf, maxSessions), &ngx_http_mediasync_count},
    {ngx_string("mediasync_max_users"), NGX_HTTP_MEDIASYNC_EVERYWHERE | NGX_CONF_TAKE1, ngx_conf_set_num_slot,
     NGX_HTTP_LOC_CONF_OFFSET, offsetof(mediasync::ngx::LocConf, maxUsers), &ngx_http_mediasync_count},
    {ngx_string("mediasync_max_connections"), NGX_HTTP_MEDIASYNC_EVERYWHERE | NGX_CONF_TAKE1, ngx_conf_set_num_slot,
     NGX_HTTP_LOC_CONF_OFFSET, offsetof(mediasync::ngx::LocConf, maxConnections), &ngx_http_mediasync_count},
    {ngx_string("mediasync_limit_events"), NGX_HTTP_MEDIASYNC_EVERYWHERE | NGX_CONF_TAKE12, ngx_http_mediasync_rate,
     NGX_HTTP_LOC_CONF_OFFSET, offsetof(mediasync::ngx::LocConf, events), nullptr},
    {ngx_string("mediasync_limit_user_events"), NGX_HTTP_MEDIASYNC_EVERYWHERE | NGX_CONF_TAKE12,
     ngx_http_mediasync_rate, NGX_HTTP_LOC_CONF_OFFSET, offsetof(mediasync::ngx::LocConf, userEvents), nullptr},
    {ngx_string("mediasync_limit_joins"), NGX_HTTP_MEDIASYNC_EVERYWHERE | NGX_CONF_TAKE12, ngx_http_mediasync_rate,
     NGX_HTTP_LOC_CONF_OFFSET, offsetof(mediasync::ngx::LocConf, joins), nullptr},
    {ngx_string("mediasync_limit_session_joins"), NGX_HTTP_MEDIASYNC_EVERYWHERE | NGX_CONF_TAKE12,
     ngx_http_mediasync_rate, NGX_HTTP_LOC_CONF_OFFSET, offsetof(mediasync::ngx::LocConf, sessionJoins), nullptr},
    {ngx_string("mediasync_limit_sessions"), NGX_HTTP_MEDIASYNC_EVERYWHERE | NGX_CONF_TAKE12, ngx_http_mediasync_rate,
     NGX_HTTP_LOC_CONF_OFFSET, offsetof(mediasync::ngx::LocConf, newSessions), nullptr},
    {ngx_string("mediasync_limit_replies"), NGX_HTTP_MEDIASYNC_EVERYWHERE | NGX_CONF_TAKE12,
     ngx_http_mediasync_byte_rate, NGX_HTTP_LOC_CONF_OFFSET, offsetof(mediasync::ngx::LocConf, replies), nullptr},
    {ngx_string("mediasync_limit_reports"), NGX_HTTP_MEDIASYNC_EVERYWHERE | NGX_CONF_TAKE12, ngx_http_mediasync_rate,
     NGX_HTTP_LOC_CONF_OFFSET, offsetof(mediasync::ngx::LocConf, reports), nullptr},
    {ngx_string("mediasync_limit_input"), NGX_HTTP_MEDIASYNC_EVERYWHERE | NGX_CONF_TAKE12, ngx_http_mediasync_byte_rate,
     NGX_HTTP_LOC_CONF_OFFSET, offsetof(mediasync::ngx::LocConf, input), nullptr},
    {ngx_string("mediasync_limit_create"), NGX_HTTP_MEDIASYNC_EVERYWHERE | NGX_CONF_TAKE12, ngx_http_mediasync_rate,
     NGX_HTTP_LOC_CONF_OFFSET, offsetof(mediasync::ngx::LocConf, ownSessions), nullptr},
    {ngx_string("mediasync_user"), NGX_HTTP_MEDIASYNC_EVERYWHERE | NGX_CONF_TAKE1, ngx_http_mediasync_user,
     NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("mediasync_user_secret"), NGX_HTTP_MEDIASYNC_EVERYWHERE | NGX_CONF_TAKE12,
     ngx_http_mediasync_user_secret, NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("mediasync_member"), NGX_HTTP_MEDIASYNC_EVERYWHERE | NGX_CONF_TAKE1234, ngx_http_mediasync_member,
     NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("mediasync_media"), NGX_HTTP_MEDIASYNC_EVERYWHERE | NGX_CONF_1MORE, ngx_http_mediasync_media,
     NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("mediasync_create"), NGX_HTTP_MEDIASYNC_EVERYWHERE | NGX_CONF_FLAG, ngx_conf_set_flag_slot,
     NGX_HTTP_LOC_CONF_OFFSET, offsetof(mediasync::ngx::LocConf, creates), nullptr},
    {ngx_string("mediasync_hooks"), NGX_HTTP_MEDIASYNC_EVERYWHERE | NGX_CONF_TAKE123, ngx_http_mediasync_hooks,
     NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("mediasync_hook_variables"), NGX_HTTP_MEDIASYNC_EVERYWHERE | NGX_CONF_1MORE,
     ngx_http_mediasync_hook_variables, NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("mediasync_log"), NGX_HTTP_MEDIASYNC_EVERYWHERE | NGX_CONF_1MORE, ngx_http_mediasync_log,
     NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_string("mediasync_origin"), NGX_HTTP_MEDIASYNC_EVERYWHERE | NGX_CONF_1MORE, ngx_http_mediasync_origin,
     NGX_HTTP_LOC_CONF_OFFSET, 0, nullptr},
    {ngx_null_string, 0, nullptr, 0, 0, nullptr}};

static ngx_http_module_t ngx_http_mediasync_context = {
    ngx_http_mediasync_preconfiguration,   // preconfiguration
    ngx_http_mediasync_postconfiguration,  // postconfiguration
    ngx_http_mediasync_create_main_conf,   // create main configuration
    nullptr,                               // init main configuration
    nullptr,                               // create server configuration
    nullptr,                               // merge server configuration
    ngx_http_mediasync_create_loc_conf,    // create location configuration
    ngx_http_mediasync_merge_loc_conf,     // merge location configuration
};

ngx_module_t ngx_http_mediasync_module = {NGX_MODULE_V1,
                                          &ngx_http_mediasync_context,
                                          ngx_http_mediasync_commands,
                                          NGX_HTTP_MODULE,
                                          nullptr,                          // init master
                                          ngx_http_mediasync_init_module,   // init module
                                          ngx_http_mediasync_init_process,  // init process
                                          nullptr,                          // init thread
                                          nullptr,                          // exit thread
                                          ngx_http_mediasync_exit_process,  // exit process
                                          nullptr,                          // exit master
                                          NGX_MODULE_V1_PADDING};
}
