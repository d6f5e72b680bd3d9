// Processes that a test makes to be killed.
#pragma once

#include <sys/types.h>
#include <unistd.h>

namespace mediasync::store::test {

// The child runs fn and never comes back: no destructor, no test report of its own.
template <class Fn>
pid_t fork(Fn fn) {
  const pid_t pid = ::fork();
  if (pid != 0) return pid;
  int code = 0;
  try {
    fn();
  } catch (...) {
    code = 3;
  }
  _exit(code);
}

}  // namespace mediasync::store::test
