#include "ngx_module/state_lock.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace mediasync::ngx {
namespace {

constexpr off_t kClaim = off_t{1} << 61;
// A byte for each zone, by its number.
constexpr off_t kUses = kClaim + 1;
constexpr off_t kZones = off_t{1} << 60;

struct flock lockOf(short type, off_t start, off_t size) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  lock.l_start = start;
  lock.l_len = size;
  return lock;
}

off_t placeOf(std::uint64_t zone) {
  return static_cast<off_t>(zone % static_cast<std::uint64_t>(kZones));
}

bool areUsed(int fd, off_t first, off_t end) {
  if (first == end) return false;
  struct flock lock = lockOf(F_WRLCK, kUses + first, end - first);
  return fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

}  // namespace

Claim claimFile(int fd) {
  struct flock lock = lockOf(F_WRLCK, kClaim, 1);
  if (fcntl(fd, F_OFD_SETLK, &lock) == 0) return Claim::kDone;
  return errno == EAGAIN || errno == EACCES ? Claim::kHeld : Claim::kFailed;
}

void unclaimFile(int fd) {
  struct flock lock = lockOf(F_UNLCK, kClaim, 1);
  fcntl(fd, F_OFD_SETLK, &lock);
}

bool othersUse(int fd, std::uint64_t zone) {
  const off_t place = placeOf(zone);
  return areUsed(fd, 0, place) || areUsed(fd, place + 1, kZones);
}

// The lock must not be the master's as well, which lives on: so the process opens the file for itself.
FileUse::FileUse(int fd, std::uint64_t zone) : fd_(fd), zone_(zone) {
  char path[32];
  std::snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  own_ = open(path, O_RDWR | O_CLOEXEC);
}

FileUse::~FileUse() {
  end();
  if (own_ != -1) close(own_);
}

bool FileUse::begin() {
  if (hasBegun_) return true;
  if (othersUse(fd_, zone_)) return false;
  hasBegun_ = setLock(F_RDLCK);
  if (othersUse(fd_, zone_)) end();  // who began at the same time
  return hasBegun_;
}

void FileUse::end() {
  if (!hasBegun_) return;
  setLock(F_UNLCK);
  hasBegun_ = false;
}

// If no description could be opened, a lock of the process has to do, which goes when anything in it closes the file.
bool FileUse::setLock(short type) const {
  struct flock lock = lockOf(type, kUses + placeOf(zone_), 1);
  return own_ != -1 ? fcntl(own_, F_OFD_SETLK, &lock) == 0 : fcntl(fd_, F_SETLK, &lock) == 0;
}

}  // namespace mediasync::ngx
