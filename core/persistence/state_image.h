// What a state file says, and how it gets back into the shared tables.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>

#include "core/base/clock.h"
#include "core/persistence/state_record.h"
#include "core/store/zone.h"

namespace mediasync::persistence {

class StateImage {
 public:
  // nullopt when the file is of no use: it is not one, or its snapshot is not complete.
  static std::optional<StateImage> read(std::string_view file);

  const StateHeader& header() const { return header_; }
  // Bytes that are good; those behind were being written when the machine stopped, or have been damaged since.
  std::size_t goodBytes() const { return goodBytes_; }
  std::size_t snapshotBytes() const { return snapshotBytes_; }
  // Records whose checksum is right and whose content is none: they have been left out.
  std::size_t refused() const { return refused_; }

  struct Restored {
    std::uint32_t sessions = 0;
    std::uint32_t users = 0;
    std::uint32_t recoveries = 0;  // clients that can come back
    // For which there was no room.
    std::uint32_t sessionsLost = 0;
    std::uint32_t recoveriesLost = 0;
  };
  // Fills the tables, which nobody uses; what they hold goes. Everyone is without a connection: the time to come
  // back begins now, for users and for connections. Takes over the key of the zone.
  Restored restoreTo(const store::Zone&, Instant now) const;

 private:
  enum class Applied { kDone, kRefused, kUnknown };
  Applied apply(const Frame&);
  bool applyRecord(const Frame&);
  void shiftTimes(store::SavedSession&, std::int64_t by) const;
  bool applySession(std::string_view record);
  bool applyChange(std::string_view record);
  bool applyRecovery(std::string_view record);
  bool applyClock(std::string_view record);
  void erase(std::uint64_t serial);

  StateHeader header_;
  std::size_t goodBytes_ = 0;
  std::size_t snapshotBytes_ = 0;
  std::size_t refused_ = 0;
  std::int64_t clockShift_ = 0;  // of all clocks so far; times in `sessions_` are as if the clock had never been set
  std::unordered_map<std::uint64_t, store::SavedSession> sessions_;   // by serial
  std::unordered_map<std::string, std::uint64_t> serials_;     // by session id
  std::unordered_map<std::string, store::SavedRecovery> recoveries_;  // by pid
};

}  // namespace mediasync::persistence
