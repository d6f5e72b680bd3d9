// Answers to HTTP requests.
#pragma once

#include <string>
#include <string_view>

#include "ngx_module/conf.h"
#include "ngx_module/nginx.h"
#include "ngx_module/text.h"

namespace mediasync::ngx {

// Adds a response header; the name is static, the value is copied. False when out of memory.
bool addHeader(ngx_http_request_t* r, const char* name, std::string_view value);

// Sends a whole response. Returns what a content handler returns, or ngx_http_finalize_request() takes.
ngx_int_t respond(ngx_http_request_t* r, ngx_uint_t status, std::string_view contentType, std::string_view body);

// Sends the header alone; `length` -1: of a body whose length nobody knows yet. Returns what ngx_http_send_header()
// does.
ngx_int_t sendHeader(ngx_http_request_t* r, ngx_uint_t status, std::string_view contentType, off_t length);

// The value of a request header, "" when absent.
std::string_view requestHeader(ngx_http_request_t* r, std::string_view lowercaseName);

// The values of all request headers of that name, as one list.
std::string requestHeaders(ngx_http_request_t* r, std::string_view lowercaseName);

enum class OriginVerdict { kAllowed, kForbidden };
// mediasync_origin: may this request come from where it says it does? Adds the CORS headers where they are due.
OriginVerdict checkOrigin(ngx_http_request_t* r, const LocConf& conf);

// True if the request comes from a page of this host, or from none, whatever else mediasync_origin allows.
bool isOfSameOrigin(ngx_http_request_t* r, const LocConf& conf);

// The answer to a CORS preflight of an origin that is allowed.
ngx_int_t respondPreflight(ngx_http_request_t* r);

}  // namespace mediasync::ngx
