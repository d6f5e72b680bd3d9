// The content of a state file, and its restoration to the shared tables.
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
  // Returns nullopt if the file is useless: it is not a state file, or its snapshot is incomplete.
  static std::optional<StateImage> read(std::string_view file);

  const StateHeader& header() const { return header_; }
  // Number of valid bytes; those behind were being written when the machine stopped, or have been damaged since.
  std::size_t goodBytes() const { return goodBytes_; }
  std::size_t snapshotBytes() const { return snapshotBytes_; }
  // Number of records with a right checksum and invalid content, which were left out.
  std::size_t refused() const { return refused_; }

  struct Restored {
    std::uint32_t sessions = 0;
    std::uint32_t users = 0;
    std::uint32_t recoveries = 0;  // clients that can recover
    // Records for which there was no room.
    std::uint32_t sessionsLost = 0;
    std::uint32_t recoveriesLost = 0;
  };
  // Fills the tables, which no worker may use yet, in place of their content. All users are without a connection: for
  // users and connections the time to come back begins at `now`. Takes over the zone's keys.
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
  std::int64_t clockShift_ = 0;  // all clock changes; times in `sessions_` are as if it had never been set
  std::unordered_map<std::uint64_t, store::SavedSession> sessions_;   // by serial
  std::unordered_map<std::string, std::uint64_t> serials_;     // by session id
  std::unordered_map<std::string, store::SavedRecovery> recoveries_;  // by pid
};

}  // namespace mediasync::persistence
