// Decides whether one more session may be made.
#pragma once

#include <cstdint>

#include "core/context/options.h"
#include "core/context/part.h"

namespace mediasync::server {

class Admission : Part {
 public:
  explicit Admission(Context&);
  bool admitsSession(std::uint64_t client, const Rates&, Instant now);
  bool isOneTooMany(const Options&) const;

 private:
  void sayTooMany(Instant now);

  std::int64_t tooManySaidAt_ = 0;  // monotonic; 0: never
};

}  // namespace mediasync::server
