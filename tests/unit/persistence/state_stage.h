// A state file without a disk, who keeps it, and the world after a restart.
#pragma once

#include "core/persistence/state_image.h"
#include "core/persistence/state_keeper.h"
#include "tests/unit/worker/world.h"

namespace mediasync::server::test {

// Two halves, and what of them a power cut would leave.
struct Disk {
  std::string halves[2];
  std::string synced[2];
  bool isFull = false;

  bool apply(const persistence::StateWrite& write) {
    if (isFull) return false;
    for (const persistence::StatePiece* piece : {&write.current, &write.snapshot}) {
      if (piece->bytes.empty()) continue;
      std::string& half = halves[piece->half];
      if (piece->isNew) half.clear();
      if (half.size() != piece->at) throw std::logic_error("a gap, or what was written before is overwritten");
      half += piece->bytes;
    }
    if (write.sync) {
      synced[0] = halves[0];
      synced[1] = halves[1];
    }
    return true;
  }
};

class FakeFile final : public persistence::StateFile {
 public:
  explicit FakeFile(Disk& disk) : disk_(disk) {}
  persistence::NewestSnapshot newest() const override {
    persistence::NewestSnapshot newest;
    for (std::uint32_t half = 0; half < 2; ++half) {
      const auto header = persistence::parseStateHeader(disk_.halves[half]);
      if (header && header->generation >= newest.generation) newest = {header->generation, half};
    }
    return newest;
  }
  void write(persistence::StateWrite write) override {
    REQUIRE_FALSE(pending);
    pending = std::move(write);
  }
  bool writeNow(persistence::StateWrite write) override { return disk_.apply(write); }
  bool waitForWrite() override { return disk_.apply(*std::exchange(pending, std::nullopt)); }
  std::optional<persistence::StateWrite> pending;

 private:
  Disk& disk_;
};

// A worker's keeper and the thread that writes for it.
struct Keeping {
  Keeping(World& world, Disk& disk, std::uint16_t slot, persistence::StateSync sync)
      : file(disk), keeper(world.zone, 1000 + slot, slot, world.env, file, sync, world.zone.header().state.epoch) {}
  // Until nothing is due.
  void run() {
    do {
      if (file.pending) keeper.written(file.waitForWrite());
      keeper.step();
    } while (file.pending);
  }
  FakeFile file;
  persistence::StateKeeper keeper;
};

// Acknowledgements so far.
inline Strings acks(Client& client) {
  return only(client.inbox.seen(), "ack");
}

// The world after a restart.
struct NextWorld : World {
  explicit NextWorld(int workers = 2, store::ZoneSettings settings = {}, std::size_t size = 4 << 20)
      : World(workers, settings, size, 99) {}
};

inline World& kept(World& world, persistence::StateSync sync = persistence::StateSync::kInterval) {
  world.zone.header().state.enabled = static_cast<std::uint32_t>(sync);
  world.zone.header().state.epoch = 1;
  return world;
}

inline std::optional<persistence::StateImage> newest(const std::string (&halves)[2]) {
  std::optional<persistence::StateImage> best;
  for (const std::string& half : halves) {
    auto image = persistence::StateImage::read(half);
    if (image && (!best || image->header().generation > best->header().generation)) best = std::move(image);
  }
  return best;
}

inline json stateOf(World& world, std::string_view session) {
  const RestReply reply = world.worker(0).rest().showSession(session, {});
  return reply.status == 200 ? json::parse(reply.body)["session"] : json(nullptr);
}

inline Strings usersOf(const json& session) {
  Strings users;
  for (const json& user : session["users"])
    users.push_back(user["id"].get<std::string>() + (user["isLeader"].get<bool>() ? " leads" : ""));
  return users;
}

}  // namespace mediasync::server::test
