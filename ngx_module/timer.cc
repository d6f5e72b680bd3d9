#include "ngx_module/timer.h"

#include <algorithm>
#include <utility>

#include "ngx_module/guard.h"

namespace mediasync::ngx {
namespace {

// The connection that NGINX's debug log expects behind an event; all timers of the process share it.
ngx_connection_t* noConnection() {
  static ngx_connection_t none = [] {
    ngx_connection_t connection{};
    connection.fd = static_cast<ngx_socket_t>(-1);
    return connection;
  }();
  return &none;
}

}  // namespace

Timer::Timer(Callback callback, void* context, ngx_log_t* log) : callback_(callback), context_(context) {
  event_.handler = handle;
  event_.data = noConnection();
  event_.log = log;
  event_.cancelable = 1;  // never holds up the exit of the process
}

Timer::~Timer() {
  disarm();
}

void Timer::disarm() {
  if (event_.timer_set) ngx_del_timer(&event_);
  if (event_.posted) {
    ngx_delete_posted_event(&event_);
  }
}

void Timer::handle(ngx_event_t* event) {
  static_assert(offsetof(Timer, event_) == 0);
  auto* timer = reinterpret_cast<Timer*>(event);
  guardedVoid(event->log, [timer] { timer->callback_(timer->context_); });
}

void Timer::arm(ngx_msec_t ms) {
  if (event_.timer_set) ngx_del_timer(&event_);
  ngx_add_timer(&event_, ms);
}

void Timer::post() {
  ngx_post_event(&event_, &ngx_posted_events);
}

void Deadline::set(std::int64_t time, std::int64_t now) {
  if (timer_.armed() && time_ <= time) return;
  time_ = time;
  timer_.arm(static_cast<ngx_msec_t>(std::max<std::int64_t>(time - now, 1)));
}

std::int64_t Tick::next(std::int64_t delay, std::int64_t now) {
  const std::int64_t due = std::exchange(due_, now + delay);
  timer_.arm(static_cast<ngx_msec_t>(delay));
  return due == 0 ? 0 : std::max<std::int64_t>(now - due, 0);
}

}  // namespace mediasync::ngx
