#include "ngx_module/response.h"

#include <algorithm>

#include "core/api/origin.h"
#include "core/base/ascii.h"
#include "ngx_module/process.h"
#include "ngx_module/tls.h"

namespace mediasync::ngx {
namespace {

bool isListed(const LocConf& conf, std::string_view origin) {
  const auto* origins = static_cast<const api::OriginPattern*>(conf.origins->elts);
  return std::any_of(origins, origins + conf.origins->nelts, [&](const auto& one) { return one.matches(origin); });
}

// The scheme by which pages reach this server: as the configuration says; or https where this connection does; or
// nobody knows, since a proxy may have spoken TLS before.
std::string_view schemeOf(ngx_http_request_t* r, const LocConf& conf) {
  ngx_str_t said;
  if (conf.originScheme != nullptr && ngx_http_complex_value(r, conf.originScheme, &said) == NGX_OK) {
    for (const std::string_view scheme : {"http", "https"}) {
      if (equalsIgnoreCase(view(said), scheme)) return scheme;
    }
  }
  return isTls(r->connection) ? "https" : "";
}

void logRefusal(ngx_http_request_t* r, const LocConf& conf, std::string_view origin, std::string_view host,
                std::string_view scheme) {
  ngx_log_error(NGX_LOG_INFO, r->connection->log, 0, "client sent origin \"%*s\", which is not \"%*s%s%*s\"%s",
                origin.size(), origin.data(), scheme.size(), scheme.data(), scheme.empty() ? "" : "://", host.size(),
                host.data(), conf.originPolicy == OriginPolicy::kListed ? " and not listed" : "");
}

// HTTP/3 has its authority in the request line only.
std::string_view hostOf(ngx_http_request_t* r) {
  if (r->headers_in.host != nullptr) return view(r->headers_in.host->value);
  if (r->host_start == nullptr || r->host_end == nullptr) return {};
  return asText({r->host_start, r->host_end});
}

bool isNamed(const ngx_table_elt_t& header, std::string_view lowercaseName) {
  return header.key.len == lowercaseName.size() &&
         ngx_strncmp(header.lowcase_key, lowercaseName.data(), lowercaseName.size()) == 0;
}

ngx_str_t copy(ngx_pool_t* pool, std::string_view text) {
  ngx_str_t result{text.size(), static_cast<u_char*>(ngx_pnalloc(pool, text.empty() ? 1 : text.size()))};
  if (result.data != nullptr) std::memcpy(result.data, text.data(), text.size());
  return result;
}

}  // namespace

bool addHeader(ngx_http_request_t* r, const char* name, std::string_view value) {
  auto* header = static_cast<ngx_table_elt_t*>(ngx_list_push(&r->headers_out.headers));
  if (header == nullptr) return false;
  std::memset(static_cast<void*>(header), 0, sizeof *header);  // newer versions have more fields
  header->value = copy(r->pool, value);
  if (header->value.data == nullptr) return false;
  header->hash = 1;
  header->key = ngxString(name);
  return true;
}

ngx_int_t sendHeader(ngx_http_request_t* r, ngx_uint_t status, std::string_view contentType, off_t length) {
  // The rest of a body that nobody has read must not be taken for the next request.
  if (r == r->main && r->request_body == nullptr && !r->discard_body) {
    r->expect_tested = 1;
    if (ngx_http_discard_request_body(r) != NGX_OK) r->keepalive = 0;
  }
  r->headers_out.status = status;
  r->headers_out.content_length_n = length;
  if (!contentType.empty()) {
    r->headers_out.content_type = copy(r->pool, contentType);
    r->headers_out.content_type_len = contentType.substr(0, contentType.find(';')).size();  // what gzip_types looks at
    r->headers_out.content_type_lowcase = nullptr;
  }
  if (!addHeader(r, "Cache-Control", "no-store")) return NGX_HTTP_INTERNAL_SERVER_ERROR;
  if (length == 0) r->header_only = 1;
  return ngx_http_send_header(r);
}

ngx_int_t respond(ngx_http_request_t* r, ngx_uint_t status, std::string_view contentType, std::string_view body) {
  const ngx_int_t rc = sendHeader(r, status, contentType, static_cast<off_t>(body.size()));
  if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) return rc;
  ngx_buf_t* buffer = ngx_create_temp_buf(r->pool, body.size());
  if (buffer == nullptr) return NGX_ERROR;
  buffer->last = ngx_cpymem(buffer->last, body.data(), body.size());
  buffer->last_buf = r == r->main;
  buffer->last_in_chain = 1;
  ngx_chain_t out{buffer, nullptr};
  return ngx_http_output_filter(r, &out);
}

std::string_view requestHeader(ngx_http_request_t* r, std::string_view lowercaseName) {
  for (const ngx_list_part_t* part = &r->headers_in.headers.part; part != nullptr; part = part->next) {
    const auto* headers = static_cast<const ngx_table_elt_t*>(part->elts);
    for (ngx_uint_t i = 0; i < part->nelts; ++i) {
      if (isNamed(headers[i], lowercaseName)) return view(headers[i].value);
    }
  }
  return {};
}

std::string requestHeaders(ngx_http_request_t* r, std::string_view lowercaseName) {
  std::string joined;
  for (const ngx_list_part_t* part = &r->headers_in.headers.part; part != nullptr; part = part->next) {
    const auto* headers = static_cast<const ngx_table_elt_t*>(part->elts);
    for (ngx_uint_t i = 0; i < part->nelts; ++i) {
      if (!isNamed(headers[i], lowercaseName)) continue;
      if (!joined.empty()) joined.append(", ");
      joined.append(view(headers[i].value));
    }
  }
  return joined;
}

bool isOfSameOrigin(ngx_http_request_t* r, const LocConf& conf) {
  const std::string_view origin = requestHeader(r, "origin");
  if (origin.empty() || api::isSameOrigin(origin, hostOf(r), schemeOf(r, conf))) return true;
  logRefusal(r, conf, origin, hostOf(r), schemeOf(r, conf));
  countForbidden(conf.zone, store::Forbidden::kOrigin);
  return false;
}

OriginVerdict checkOrigin(ngx_http_request_t* r, const LocConf& conf) {
  const std::string_view origin = requestHeader(r, "origin");
  if (origin.empty()) return OriginVerdict::kAllowed;
  const std::string_view host = hostOf(r);
  if (conf.originPolicy == OriginPolicy::kAny) {
    addHeader(r, "Access-Control-Allow-Origin", "*");
    return OriginVerdict::kAllowed;
  }
  if (conf.originPolicy == OriginPolicy::kListed) {
    addHeader(r, "Vary", "Origin");
    if (isListed(conf, origin)) {
      addHeader(r, "Access-Control-Allow-Origin", origin);
      addHeader(r, "Access-Control-Allow-Credentials", "true");
      return OriginVerdict::kAllowed;
    }
  }
  const std::string_view scheme = schemeOf(r, conf);
  if (api::isSameOrigin(origin, host, scheme)) return OriginVerdict::kAllowed;
  logRefusal(r, conf, origin, host, scheme);
  countForbidden(conf.zone, store::Forbidden::kOrigin);
  return OriginVerdict::kForbidden;
}

ngx_int_t respondPreflight(ngx_http_request_t* r) {
  const std::string_view asked = requestHeader(r, "access-control-request-headers");
  addHeader(r, "Access-Control-Allow-Methods", "GET, HEAD, POST, OPTIONS");
  addHeader(r, "Access-Control-Allow-Headers", asked.empty() ? "Content-Type" : asked);
  addHeader(r, "Access-Control-Max-Age", "600");
  return respond(r, NGX_HTTP_NO_CONTENT, {}, {});
}

}  // namespace mediasync::ngx
