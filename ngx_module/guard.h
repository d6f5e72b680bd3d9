// No exception crosses a C callback: it would end the worker.
#pragma once

#include <exception>
#include <utility>

#include "ngx_module/nginx.h"

namespace mediasync::ngx {

// Calls fn(); an exception is logged and answered with `otherwise`.
template <class Fn, class T>
T guarded(ngx_log_t* log, T otherwise, Fn&& fn) noexcept {
  try {
    return std::forward<Fn>(fn)();
  } catch (const std::exception& e) {
    ngx_log_error(NGX_LOG_ALERT, log, 0, "mediasync: unexpected failure: %s", e.what());
  } catch (...) {
    ngx_log_error(NGX_LOG_ALERT, log, 0, "mediasync: unexpected failure");
  }
  return otherwise;
}

// The same for a callback without a result; `onFailure` runs after an exception.
template <class Fn, class OnFailure>
void guardedVoid(ngx_log_t* log, Fn&& fn, OnFailure&& onFailure) noexcept {
  const bool done = guarded(log, false, [&] {
    std::forward<Fn>(fn)();
    return true;
  });
  if (!done) onFailure();
}

template <class Fn>
void guardedVoid(ngx_log_t* log, Fn&& fn) noexcept {
  guardedVoid(log, std::forward<Fn>(fn), [] {});
}

}  // namespace mediasync::ngx
