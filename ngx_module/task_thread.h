// A thread for work that would hold up the event loop.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <thread>

namespace mediasync::ngx {

// Runs tasks one after the other. It starts with the first of them, with all signals blocked: they are the event
// loop's.
class TaskThread {
 public:
  TaskThread() : work_(io_.get_executor()) {}
  ~TaskThread();  // once the tasks are done
  TaskThread(const TaskThread&) = delete;
  TaskThread& operator=(const TaskThread&) = delete;

  void post(std::function<void()> task);

 private:
  void start();

  boost::asio::io_context io_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::thread thread_;
};

}  // namespace mediasync::ngx
