// A worker leaves packets, or its end, for a connection that any worker may own.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/connection/attachments.h"
#include "core/context/part.h"
#include "core/store/connection_table.h"

namespace mediasync::server {

class PostJob;

class Outbox : Part {
 public:
  explicit Outbox(Context&);
  void closeFromAfar(const store::ConnectionRef&, store::Closing, store::EndReason, const store::Traffic& = {});
  void closeFromAfar(PostJob&, store::Closing, store::EndReason);
  void leaveFor(const store::ConnectionRef&, store::ItemKind, std::string_view text,
                const std::vector<std::string>& attachments = {});
  bool tryLeave(store::ConnectionTransaction&, const Assembled&);
};

}  // namespace mediasync::server
