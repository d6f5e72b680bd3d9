// Notes the users of a state file in locks on bytes far behind its end. They go with the processes that hold them,
// whatever ends these, and hold between containers, which do not see each other's processes.
//
// An NGINX claims a file: one at a time. Within it, and while one NGINX replaces another, processes of different zones
// may want the file: those of one zone use it together, and others wait until they have ended.
#pragma once

#include <cstdint>

namespace mediasync::ngx {

enum class Claim {
  kDone,
  kHeld,    // by another one
  kFailed,  // there are no such locks here; errno says why
};

// The claim belongs to the open file, which a master shares with its workers, and lasts as long as one of them has it.
Claim claimFile(int fd);
void unclaimFile(int fd);

// True if processes of another zone than the one of this number use the file.
bool othersUse(int fd, std::uint64_t zone);

// This process uses a file, for a zone.
class FileUse {
 public:
  // `fd` is the open file that the master shares; it must stay open.
  FileUse(int fd, std::uint64_t zone);
  ~FileUse();
  FileUse(const FileUse&) = delete;
  FileUse& operator=(const FileUse&) = delete;

  // False: others use it, and this one does not.
  bool begin();
  void end();
  bool hasBegun() const { return hasBegun_; }

 private:
  bool setLock(short type) const;

  int fd_;
  int own_;  // -1: none could be opened
  std::uint64_t zone_;
  bool hasBegun_ = false;
};

}  // namespace mediasync::ngx
