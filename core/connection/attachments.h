// Packets with attachments, while their parts come in.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/connection/link.h"
#include "core/context/part.h"
#include "core/store/connection_table.h"

namespace mediasync::server {

struct Caller;

// A packet, and its attachments once they have come.
struct Assembled {
  std::string packet;
  std::vector<std::string> attachments;
  std::size_t size() const;  // bytes of all
};

enum class Attached { kMore, kAssembled, kTooLong, kRefused };

class Attachments : Part {
 public:
  explicit Attachments(Context&);
  // Packets with attachments. They are kept, if they may have any bytes with the packet, and given by attachment() when
  // the last has come. False: they are not kept, but skipped. kTooLong: from here on they are; `packet` is what they
  // were of.
  bool awaitsAttachments(const Caller&);
  bool expectAttachments(Caller&, std::uint32_t count, std::string_view packet, std::size_t maxBytes);
  Attached attachment(Caller&, std::string_view bytes, Assembled&);
  static bool isBinaryStalled(Link&);
  static bool isBinaryStalled(store::ConnectionTransaction&);

 private:
  Attached attachmentOf(Link&, std::string_view bytes, Assembled&);
  Attached attachmentOf(const store::ConnectionRef&, std::string_view bytes, Assembled&);
};

}  // namespace mediasync::server
