#include "ngx_module/directives.h"

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <string_view>
#include <tuple>
#include <utility>

#include "core/api/timestamps.h"
#include "core/base/member_count.h"
#include "ngx_module/connection_log.h"
#include "ngx_module/hook_directive.h"
#include "ngx_module/member.h"
#include "ngx_module/rate_directive.h"
#include "ngx_module/response.h"
#include "ngx_module/status_directive.h"
#include "ngx_module/zone_directive.h"

namespace mediasync::ngx {
namespace {

using Setter = char* (*)(ngx_conf_t*, ngx_command_t*, void*);

constexpr ngx_uint_t kAnywhere = NGX_HTTP_MAIN_CONF | NGX_HTTP_SRV_CONF | NGX_HTTP_LOC_CONF;

// The default of a directive that neither a block nor one around it has.
enum class Otherwise {
  kNothing,   // it is not inherited either
  kZero,      // what it sets is zero
  kStandard,  // as if it were there, with its standard arguments
};

// `members` are what it sets. The first one tells whether it was there.
template <class... Members>
struct Directive {
  std::string_view name;
  ngx_uint_t places;  // contexts, and the number of arguments
  Setter set;
  Otherwise otherwise;
  std::string_view standard;  // its arguments
  void* post;                 // what the setter needs to know besides
  std::tuple<Members LocConf::*...> members;
};

constexpr Directive<> global(std::string_view name, ngx_uint_t arguments, Setter set) {
  return {name, NGX_HTTP_MAIN_CONF | arguments, set, Otherwise::kNothing, {}, nullptr, {}};
}

constexpr Directive<> endpoint(std::string_view name, ngx_uint_t arguments, Setter set) {
  return {name, NGX_HTTP_LOC_CONF | arguments, set, Otherwise::kNothing, {}, nullptr, {}};
}

template <class... Members>
constexpr Directive<Members...> absent(std::string_view name, ngx_uint_t arguments, Setter set,
                                       Members LocConf::*... members) {
  return {name, kAnywhere | arguments, set, Otherwise::kZero, {}, nullptr, {members...}};
}

template <class... Members>
constexpr Directive<Members...> setting(std::string_view name, ngx_uint_t arguments, Setter set,
                                        std::string_view standard, Members LocConf::*... members) {
  return {name, kAnywhere | arguments, set, Otherwise::kStandard, standard, nullptr, {members...}};
}

// A setter of NGINX's, and what it has to know of the value.
template <class Member>
constexpr Directive<Member> checked(std::string_view name, ngx_uint_t arguments, Setter set, std::string_view standard,
                                    Member LocConf::*member, void* post) {
  return {name, kAnywhere | arguments, set, Otherwise::kStandard, standard, post, {member}};
}

ngx_conf_enum_t timestamps[] = {
    {ngx_string("seconds"), static_cast<ngx_uint_t>(api::TimestampUnit::kSeconds)},
    {ngx_string("milliseconds"), static_cast<ngx_uint_t>(api::TimestampUnit::kMilliseconds)},
    {ngx_null_string, 0}};
ngx_conf_post_t nonzeroTime = {ngx_http_mediasync_check_time};
ngx_conf_post_t sanePayload = {ngx_http_mediasync_check_payload};
ngx_conf_post_t saneWindow = {ngx_http_mediasync_check_window};
ngx_conf_num_bounds_t level = {ngx_conf_check_num_bounds, 1, 9};
ngx_conf_num_bounds_t count = {ngx_conf_check_num_bounds, 0, 0x7fffffff};

// docs/directives.md has the same names, contexts and standard arguments: tests/client/config.test.mjs compares the
// two.
using C = LocConf;
constexpr std::tuple kDirectives{
    global("mediasync_zone", NGX_CONF_1MORE, ngx_http_mediasync_zone),
    endpoint("mediasync", NGX_CONF_TAKE1, ngx_http_mediasync_endpoint),
    endpoint("mediasync_engine_echo", NGX_CONF_TAKE1, ngx_http_mediasync_endpoint),
    endpoint("mediasync_socket_echo", NGX_CONF_TAKE1, ngx_http_mediasync_endpoint),
    endpoint("mediasync_api", NGX_CONF_TAKE1, ngx_http_mediasync_endpoint),
    endpoint("mediasync_admin", NGX_CONF_TAKE1, ngx_http_mediasync_endpoint),
    endpoint("mediasync_status", NGX_CONF_1MORE, ngx_http_mediasync_status),
    checked("mediasync_timestamps", NGX_CONF_TAKE1, ngx_conf_set_enum_slot, "seconds", &C::timestamps, &timestamps),
    checked("mediasync_ping_interval", NGX_CONF_TAKE1, ngx_conf_set_msec_slot, "25s", &C::pingInterval, &nonzeroTime),
    checked("mediasync_ping_timeout", NGX_CONF_TAKE1, ngx_conf_set_msec_slot, "20s", &C::pingTimeout, &nonzeroTime),
    checked("mediasync_connect_timeout", NGX_CONF_TAKE1, ngx_conf_set_msec_slot, "45s", &C::connectTimeout,
            &nonzeroTime),
    setting("mediasync_eio3", NGX_CONF_FLAG, ngx_conf_set_flag_slot, "off", &C::eio3),
    setting("mediasync_recovery", NGX_CONF_FLAG, ngx_conf_set_flag_slot, "on", &C::recovery),
    setting("mediasync_list", NGX_CONF_FLAG, ngx_conf_set_flag_slot, "on", &C::list),
    setting("mediasync_cookie", NGX_CONF_TAKE1, ngx_http_mediasync_cookie, "off", &C::cookie),
    setting("mediasync_deflate", NGX_CONF_FLAG, ngx_conf_set_flag_slot, "off", &C::deflate),
    setting("mediasync_deflate_min_length", NGX_CONF_TAKE1, ngx_conf_set_size_slot, "1024", &C::deflateMinLength),
    checked("mediasync_deflate_window", NGX_CONF_TAKE1, ngx_conf_set_size_slot, "32k", &C::deflateWindow, &saneWindow),
    checked("mediasync_deflate_level", NGX_CONF_TAKE1, ngx_conf_set_num_slot, "1", &C::deflateLevel, &level),
    checked("mediasync_max_payload", NGX_CONF_TAKE1, ngx_conf_set_size_slot, "1000000", &C::maxPayload, &sanePayload),
    checked("mediasync_max_sessions", NGX_CONF_TAKE1, ngx_conf_set_num_slot, "0", &C::maxSessions, &count),
    checked("mediasync_max_users", NGX_CONF_TAKE1, ngx_conf_set_num_slot, "1000", &C::maxUsers, &count),
    checked("mediasync_max_connections", NGX_CONF_TAKE1, ngx_conf_set_num_slot, "0", &C::maxConnections, &count),
    // No viewer reaches these, whatever else the machine is doing: see docs/directives.md.
    setting("mediasync_limit_events", NGX_CONF_TAKE12, ngx_http_mediasync_rate, "rate=1000r/s burst=30000", &C::events),
    setting("mediasync_limit_user_events", NGX_CONF_TAKE12, ngx_http_mediasync_rate, "rate=2000r/s burst=60000",
            &C::userEvents),
    setting("mediasync_limit_joins", NGX_CONF_TAKE12, ngx_http_mediasync_rate, "rate=60r/m burst=100", &C::joins),
    setting("mediasync_limit_session_joins", NGX_CONF_TAKE12, ngx_http_mediasync_rate, "rate=200r/s burst=5000",
            &C::sessionJoins),
    setting("mediasync_limit_sessions", NGX_CONF_TAKE12, ngx_http_mediasync_rate, "rate=200r/s burst=5000",
            &C::newSessions),
    setting("mediasync_limit_replies", NGX_CONF_TAKE12, ngx_http_mediasync_byte_rate, "rate=256k burst=8m",
            &C::replies),
    setting("mediasync_limit_reports", NGX_CONF_TAKE12, ngx_http_mediasync_rate, "rate=120r/m burst=30", &C::reports),
    setting("mediasync_limit_input", NGX_CONF_TAKE12, ngx_http_mediasync_byte_rate, "rate=2m burst=16m", &C::input),
    setting("mediasync_limit_create", NGX_CONF_TAKE12, ngx_http_mediasync_rate, "rate=2r/s burst=300", &C::ownSessions),
    setting("mediasync_user", NGX_CONF_TAKE1, ngx_http_mediasync_user, "off", &C::bindsUser, &C::user),
    setting("mediasync_user_secret", NGX_CONF_TAKE12, ngx_http_mediasync_user_secret, "off", &C::asksSecret,
            &C::secretCookie),
    setting("mediasync_member", NGX_CONF_TAKE1234, ngx_http_mediasync_member, "off", &C::asksMember,
            &C::isMemberOptional, &C::memberZone, &C::memberSession, &C::memberUser),
    setting("mediasync_media", NGX_CONF_1MORE, ngx_http_mediasync_media, "any", &C::isMediaSet, &C::media),
    setting("mediasync_create", NGX_CONF_FLAG, ngx_conf_set_flag_slot, "on", &C::creates),
    setting("mediasync_hooks", NGX_CONF_TAKE123, ngx_http_mediasync_hooks, "off", &C::hooks, &C::hookTimeout,
            &C::hooksMayFail),
    absent("mediasync_hook_variables", NGX_CONF_1MORE, ngx_http_mediasync_hook_variables, &C::hookVariables),
    absent("mediasync_log", NGX_CONF_1MORE, ngx_http_mediasync_log, &C::isLogged, &C::log, &C::logHash),
    setting("mediasync_origin", NGX_CONF_1MORE, ngx_http_mediasync_origin, "same", &C::originPolicy, &C::origins,
            &C::originScheme),
};

// The settings that follow from the directives of a location, and are not inherited themselves.
constexpr std::tuple kOthers{&C::zone, &C::application, &C::statusFormat, &C::statusZones, &C::handler,
                             &C::key,  &C::bodyLimit,   &C::sharedLog,    &C::limited};

template <class... Members>
constexpr std::size_t countOf(const Directive<Members...>&) {
  return sizeof...(Members);
}
static_assert(std::apply([](const auto&... directives) { return (countOf(directives) + ...); }, kDirectives) +
                      std::tuple_size_v<decltype(kOthers)> ==
                  memberCount<LocConf>(),
              "a member of LocConf is in no row");

// ---- members that have not been set. The memory of a configuration is zero at first.

template <class T>
constexpr bool isNumber = std::integral<T> && !std::same_as<T, bool>;

template <class T>
void unset(T& value) {
  if constexpr (isNumber<T>) value = static_cast<T>(NGX_CONF_UNSET);
}

template <class T>
bool isSet(const T& value) {
  if constexpr (isNumber<T>) {
    return value != static_cast<T>(NGX_CONF_UNSET);
  } else {
    return value != T{};
  }
}
bool isSet(const ngx_str_t& text) {
  return text.data != nullptr;
}
bool isSet(const RateConf& rate) {
  return rate.isSet;
}

template <class... Members>
void copyMembers(const Directive<Members...>& directive, LocConf& to, const LocConf& from) {
  std::apply([&](auto... members) { ((to.*members = from.*members), ...); }, directive.members);
}

// ----

template <class... Members>
std::size_t offsetOf(const Directive<Members...>& directive) {
  static const LocConf kConf{};
  const auto* member = reinterpret_cast<const char*>(&(kConf.*std::get<0>(directive.members)));
  return static_cast<std::size_t>(member - reinterpret_cast<const char*>(&kConf));
}
std::size_t offsetOf(const Directive<>&) {
  return 0;
}

template <class... Members>
ngx_command_t commandOf(const Directive<Members...>& directive) {
  const bool isGlobal = (directive.places & kAnywhere) == NGX_HTTP_MAIN_CONF;
  return {ngxString(directive.name),
          directive.places,
          directive.set,
          isGlobal ? NGX_HTTP_MAIN_CONF_OFFSET : NGX_HTTP_LOC_CONF_OFFSET,
          offsetOf(directive),
          directive.post};
}

// The words of a text, behind the name of the directive, as NGINX has them: each ends with a zero byte.
ngx_array_t* wordsOf(ngx_conf_t* cf, const ngx_str_t& name, std::string_view text) {
  ngx_array_t* words = ngx_array_create(cf->pool, 4, sizeof(ngx_str_t));
  if (words == nullptr) return nullptr;
  auto* first = static_cast<ngx_str_t*>(ngx_array_push(words));
  if (first == nullptr) return nullptr;
  *first = name;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    auto* next = static_cast<ngx_str_t*>(ngx_array_push(words));
    auto* bytes = static_cast<u_char*>(ngx_pnalloc(cf->pool, word.size() + 1));
    if (next == nullptr || bytes == nullptr) return nullptr;
    *next = {word.size(), bytes};
    *ngx_cpymem(bytes, word.data(), word.size()) = '\0';
  }
  return words;
}

template <class... Members>
bool setStandard(ngx_conf_t* cf, LocConf& conf, const Directive<Members...>& directive) {
  ngx_command_t command = commandOf(directive);
  ngx_array_t* words = wordsOf(cf, command.name, directive.standard);
  if (words == nullptr) return false;
  ngx_array_t* given = std::exchange(cf->args, words);
  const char* error = command.set(cf, &command, &conf);
  cf->args = given;
  return error == NGX_CONF_OK;
}

template <class First, class... Members>
bool merge(ngx_conf_t* cf, LocConf& conf, const LocConf& outer, const Directive<First, Members...>& directive) {
  const auto first = std::get<0>(directive.members);
  if (isSet(conf.*first)) return true;
  if (isSet(outer.*first)) {
    copyMembers(directive, conf, outer);
    return true;
  }
  if (directive.otherwise == Otherwise::kStandard) return setStandard(cf, conf, directive);
  conf.*first = First{};
  return true;
}
bool merge(ngx_conf_t*, LocConf&, const LocConf&, const Directive<>&) {
  return true;
}

}  // namespace

ngx_command_t* commands() {
  static auto all = std::apply(
      [](const auto&... directives) {
        return std::array{commandOf(directives)..., ngx_command_t{ngx_null_string, 0, nullptr, 0, 0, nullptr}};
      },
      kDirectives);
  return all.data();
}

void unsetDirectives(LocConf& conf) {
  const auto unsetFirst = [&conf]<class... Members>(const Directive<Members...>& directive) {
    if constexpr (sizeof...(Members) > 0) unset(conf.*std::get<0>(directive.members));
  };
  std::apply([&](const auto&... directives) { (unsetFirst(directives), ...); }, kDirectives);
}

bool mergeDirectives(ngx_conf_t* cf, LocConf& conf, const LocConf& outer) {
  return std::apply([&](const auto&... directives) { return (merge(cf, conf, outer, directives) && ...); },
                    kDirectives);
}

}  // namespace mediasync::ngx
