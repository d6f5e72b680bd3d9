// A listener is told of the clients that leave "/".
#pragma once

#include "core/store/connection_table.h"

namespace mediasync::server {

class DisconnectListener {
 public:
  virtual ~DisconnectListener() = default;
  // The connection ends, or its client leaves "/" if it was there: its record, which is locked, still says which.
  virtual void disconnected(const store::ConnectionTransaction&) = 0;
};

}  // namespace mediasync::server
