#include "ngx_module/process_id.h"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

using namespace mediasync;
using namespace mediasync::ngx;

namespace {

// A process that waits to be killed.
pid_t start() {
  const pid_t child = fork();
  if (child != 0) return child;
  for (;;)
    pause();
}

}  // namespace

TEST_CASE("a process is alive until it has been killed, also before its parent has noticed", "[module]") {
  const pid_t child = start();
  REQUIRE(child > 0);
  const store::ProcessId process = processIdOf(child);
  CHECK(isAlive(process));
  kill(child, SIGSTOP);
  CHECK(isAlive(process));
  kill(child, SIGKILL);
  siginfo_t info{};
  REQUIRE(waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT) == 0);
  CHECK_FALSE(isAlive(process));
  REQUIRE(waitpid(child, nullptr, 0) == child);
  CHECK_FALSE(isAlive(process));
}

TEST_CASE("a process that has the pid of an earlier one is another", "[module]") {
  const store::ProcessId self = processIdOf(getpid());
  CHECK(isAlive(self));
  const store::ProcessId earlier = self - (store::ProcessId{1} << 32);
  CHECK_FALSE(isAlive(earlier));
  CHECK(isAlive(static_cast<std::uint32_t>(getpid())));  // of which no more is known
}

TEST_CASE("a process stands still when it was stopped, and not when a debugger looks at it", "[module]") {
  const bool isTraced = GENERATE(false, true);
  const pid_t child = fork();
  if (child == 0) {
    if (isTraced) ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    raise(SIGSTOP);
    _exit(0);
  }
  REQUIRE(child > 0);
  int status = 0;
  REQUIRE(waitpid(child, &status, WUNTRACED) == child);
  REQUIRE(WIFSTOPPED(status));
  CHECK(isStopped(child) == !isTraced);
  kill(child, SIGKILL);
  REQUIRE(waitpid(child, nullptr, 0) == child);
}
