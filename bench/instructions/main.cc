// mediasync_instructions OPERATION COUNT: does it that many times. Two runs with different counts, under callgrind,
// tell what one takes: see count.mjs.
#include <cstdlib>
#include <functional>
#include <iostream>
#include <map>

#include "bench/micro/room.h"

namespace {

using mediasync::bench::kHeartbeat;
using mediasync::bench::kSync;
using mediasync::bench::Room;

void fill(Room& room, int members) {
  for (int i = 0; i < members; ++i)
    room.add();
}

void heartbeats(int count) {
  Room room;
  fill(room, 1);
  for (int i = 0; i < count; ++i)
    room.say(0, kHeartbeat);
}

void broadcasts(int members, int count) {
  Room room;
  fill(room, members);
  for (int i = 0; i < count; ++i)
    room.say(0, kSync);
}

// Sessions of one size cannot have so many joins: members come into one that grows from `members` on.
void joins(int members, int count) {
  Room room;
  fill(room, members + count);
}

const std::map<std::string_view, std::function<void(int)>> kOperations{
    {"heartbeat", heartbeats},
    {"broadcast-5", [](int count) { broadcasts(5, count); }},
    {"broadcast-1000", [](int count) { broadcasts(1000, count); }},
    {"join-100", [](int count) { joins(100, count); }},
    {"join-1000", [](int count) { joins(1000, count); }},
};

}  // namespace

int main(int count, char** words) {
  const auto operation = count > 2 ? kOperations.find(words[1]) : kOperations.end();
  if (operation == kOperations.end()) {
    std::cerr << "usage: mediasync_instructions OPERATION COUNT; operations:";
    for (const auto& [name, ignored] : kOperations)
      std::cerr << ' ' << name;
    std::cerr << '\n';
    return 1;
  }
  operation->second(std::atoi(words[2]));
}
