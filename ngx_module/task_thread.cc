#include "ngx_module/task_thread.h"

#include <signal.h>

#include <boost/asio/post.hpp>
#include <utility>

namespace mediasync::ngx {

TaskThread::~TaskThread() {
  work_.reset();
  if (thread_.joinable()) thread_.join();
}

void TaskThread::start() {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { io_.run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void TaskThread::post(std::function<void()> task) {
  if (!thread_.joinable()) start();
  boost::asio::post(io_, std::move(task));
}

}  // namespace mediasync::ngx
