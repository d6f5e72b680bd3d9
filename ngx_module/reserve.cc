#include "ngx_module/reserve.h"

#include <fcntl.h>
#include <unistd.h>

#include <vector>

#include "ngx_module/guard.h"
#include "ngx_module/timer.h"

namespace mediasync::ngx {
namespace {

// Only of a worker process, as long as it lives.
struct Reserve {
  explicit Reserve(size_t size, ngx_log_t* log)
      : descriptors(size, -1), start([](void*) { watchChannel(); }, nullptr, log) {}

  static void watchChannel();

  std::vector<int> descriptors;                // -1: there was none to be had
  ngx_event_handler_pt readChannel = nullptr;  // NGINX's own
  Timer start;
};
Reserve* reserve = nullptr;

void keepBack() {
  for (int& descriptor : reserve->descriptors) {
    if (descriptor == -1) descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (descriptor == -1) return;
  }
}

void setFree() {
  for (int& descriptor : reserve->descriptors) {
    if (descriptor != -1) close(descriptor);
    descriptor = -1;
  }
}

void onChannel(ngx_event_t* event) {
  setFree();
  reserve->readChannel(event);
  keepBack();
}

// NGINX listens to its channel after it has called all modules.
void Reserve::watchChannel() {
  for (ngx_uint_t i = 0; i < ngx_cycle->connection_n; ++i) {
    ngx_connection_t& connection = ngx_cycle->connections[i];
    if (connection.fd != ngx_channel || !connection.read->channel || connection.read->handler == nullptr) continue;
    reserve->readChannel = connection.read->handler;
    connection.read->handler = onChannel;
    return keepBack();
  }
}

}  // namespace

void reserveDescriptors(size_t count, ngx_log_t* log) {
  if (ngx_process != NGX_PROCESS_WORKER) return;
  reserve = new Reserve(count, log);
  reserve->start.post();
}

}  // namespace mediasync::ngx
