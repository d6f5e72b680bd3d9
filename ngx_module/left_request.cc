#include "ngx_module/left_request.h"

#include <utility>

#include "ngx_module/pending.h"

namespace mediasync::ngx {

void LeftRequest::keep(ngx_http_request_t* r) {
  ngx_pool_cleanup_t* cleanup = ngx_pool_cleanup_add(r->pool, sizeof(Entry));
  if (cleanup == nullptr) return;
  entry_ = static_cast<Entry*>(cleanup->data);
  *entry_ = {r, this};
  cleanup->handler = forget;
  ++r->main->count;
}

void LeftRequest::forget(void* entry) {
  LeftRequest* keeper = static_cast<Entry*>(entry)->keeper;
  if (keeper != nullptr) keeper->entry_ = nullptr;
}

LeftRequest::~LeftRequest() {
  Entry* entry = std::exchange(entry_, nullptr);
  if (entry == nullptr) return;
  entry->keeper = nullptr;
  finish(entry->r, NGX_DONE);
}

}  // namespace mediasync::ngx
