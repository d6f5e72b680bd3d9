// The disk as the keeper of a state file sees it.
#pragma once

#include <cstdint>
#include <string>

namespace mediasync::persistence {

// Says when writes are forced to disk.
enum class StateSync : std::uint32_t {
  kOff = 1,       // by the system
  kInterval = 2,  // about once a second
  kAlways = 3,    // with every write; every change is written at once
};

// Data for one half, and its offset.
struct StatePiece {
  std::uint32_t half = 0;
  std::uint64_t at = 0;
  std::string bytes;
  bool isNew = false;  // replaces the half's whole content
};

struct StateWrite {
  StatePiece current;   // may have no bytes
  StatePiece snapshot;  // may have no bytes
  bool sync = false;    // completes only when this and all earlier writes are on disk
};

// The newest snapshot in a file, complete or not.
struct NewestSnapshot {
  std::uint64_t generation = 0;  // 0: none
  std::uint32_t half = 0;
};

// The process's access to the disk.
class StateFile {
 public:
  virtual ~StateFile() = default;
  virtual NewestSnapshot newest() const = 0;
  // Writes in another thread; StateKeeper::written() is called later with the result. One write at a time.
  virtual void write(StateWrite) = 0;
  // Writes before it returns. True: success.
  virtual bool writeNow(StateWrite) = 0;
  // Waits for the write of write(), whose end is then not reported otherwise. True: success.
  virtual bool waitForWrite() = 0;
};

}  // namespace mediasync::persistence
