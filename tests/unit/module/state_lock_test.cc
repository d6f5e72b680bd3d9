#include "ngx_module/state_lock.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>

using namespace mediasync::ngx;

namespace {

struct TemporaryFile {
  TemporaryFile() : fd(mkstemp(path)) { REQUIRE(fd != -1); }
  ~TemporaryFile() {
    close(fd);
    unlink(path);
  }
  int reopen() const { return open(path, O_RDWR | O_CLOEXEC); }

  char path[32] = "/tmp/mediasync-lock-XXXXXX";
  int fd;
};

// A process that does something, says so, and waits to be killed.
template <class Fn>
pid_t start(Fn fn) {
  int told[2];
  REQUIRE(pipe(told) == 0);
  const pid_t child = fork();
  if (child == 0) {
    fn();
    [[maybe_unused]] const ssize_t n = write(told[1], "", 1);
    for (;;)
      pause();
  }
  REQUIRE(child > 0);
  char byte;
  REQUIRE(read(told[0], &byte, 1) == 1);
  close(told[0]);
  close(told[1]);
  return child;
}

void end(pid_t child) {
  kill(child, SIGKILL);
  REQUIRE(waitpid(child, nullptr, 0) == child);
}

}  // namespace

TEST_CASE("a file is claimed by one open file, as long as any process has it", "[module][state]") {
  TemporaryFile file;
  const pid_t worker = start([&] { claimFile(file.fd); });  // whoever of them did it
  const int other = file.reopen();
  CHECK(claimFile(file.fd) == Claim::kDone);
  CHECK(claimFile(other) == Claim::kHeld);
  unclaimFile(file.fd);
  CHECK(claimFile(other) == Claim::kDone);
  CHECK(claimFile(file.fd) == Claim::kHeld);
  close(other);
  CHECK(claimFile(file.fd) == Claim::kDone);
  end(worker);
}

TEST_CASE("the claim outlives the process that made it, in those that it has forked", "[module][state]") {
  TemporaryFile file;
  const int own = file.reopen();
  REQUIRE(claimFile(own) == Claim::kDone);
  const pid_t worker = start([] {});
  close(own);
  CHECK(claimFile(file.fd) == Claim::kHeld);
  end(worker);
  CHECK(claimFile(file.fd) == Claim::kDone);
}

TEST_CASE("a claim that fails for want of locks is not one that somebody else has", "[module][state]") {
  TemporaryFile file;
  const int readOnly = open(("/proc/self/fd/" + std::to_string(file.fd)).c_str(), O_RDONLY | O_CLOEXEC);
  CHECK(claimFile(readOnly) == Claim::kFailed);
  CHECK(errno == EBADF);
  close(readOnly);
}

TEST_CASE("processes of one zone use a file together, others wait for their end", "[module][state]") {
  TemporaryFile file;
  // Numbers at the ends of their range, and two that are the same process to those who count pids.
  const std::uint64_t zone = GENERATE(0ull, 1ull, (1ull << 60) - 1, 1234567ull);
  const std::uint64_t next = GENERATE(5ull, (1ull << 60) - 2);
  const auto useIt = [&] {
    auto* use = new FileUse(file.fd, zone);
    if (!use->begin()) std::abort();
  };
  const pid_t first = start(useIt), second = start(useIt);
  CHECK_FALSE(othersUse(file.fd, zone));
  CHECK(othersUse(file.fd, next));
  FileUse use(file.fd, next);
  CHECK_FALSE(use.begin());
  end(first);
  CHECK_FALSE(use.begin());
  end(second);
  CHECK(use.begin());
  CHECK(othersUse(file.fd, zone));
  use.end();
  CHECK_FALSE(othersUse(file.fd, zone));
}

TEST_CASE("a process uses a file until it says otherwise, whoever closes the file in it", "[module][state]") {
  TemporaryFile file;
  FileUse use(file.fd, 7);
  REQUIRE(use.begin());
  close(file.reopen());
  CHECK(othersUse(file.fd, 8));
}
