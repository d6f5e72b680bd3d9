// A packet with attachments, while they come in: over WebSocket they are kept in the link, over polling in the record.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/store/connection_table.h"

namespace mediasync::server {

struct Link;

// A packet, and its attachments once they have come.
struct Assembled {
  std::string packet;
  std::vector<std::string> attachments;
  std::size_t size() const;  // bytes of all
};

enum class Attached : std::uint8_t { kMore, kAssembled, kTooLong, kRefused };

// Announces attachments. They are kept, if they may have any bytes with the packet, and returned by
// takeAttachment() when the last has come. False: they are not kept, but skipped.
bool expectAttachments(Link&, std::uint32_t count, std::string_view packet, std::size_t maxBytes);
bool expectAttachments(store::ConnectionTransaction&, std::uint32_t count, std::string_view packet,
                       std::size_t maxBytes);

// One has come. kTooLong: from here on they are skipped; `whole` has the packet that they were of. kRefused: none was
// expected, and nothing has changed.
Attached takeAttachment(Link&, std::string_view bytes, Assembled& whole);
Attached takeAttachment(store::ConnectionTransaction&, std::string_view bytes, Assembled& whole);

// With each heartbeat: a client that has not sent any of its attachments since the last one keeps what has come for
// nothing. Over polling it is ConnectionTransaction::checkStalled().
bool isBinaryStalled(Link&);

}  // namespace mediasync::server
