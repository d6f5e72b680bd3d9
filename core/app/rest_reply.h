// An answer of REST, or of an admin's location.
#pragma once

#include <string>

#include "core/app/confirmation.h"

namespace mediasync::server {

struct RestReply {
  int status = 200;
  std::string body;
  std::string location;    // of what was created, percent-encoded, relative to the collection: "/ID"
  WriteTicket ticket = 0;  // to be sent when that is written
};

}  // namespace mediasync::server
