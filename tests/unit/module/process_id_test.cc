#include "ngx_module/process_id.h"

#include <signal.h>
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
