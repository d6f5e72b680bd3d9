// A part of a worker, with short names for what it shares with the others.
#pragma once

#include "core/context/context.h"

namespace mediasync::server {

class Part {
 public:
  Part(const Part&) = delete;
  Part& operator=(const Part&) = delete;

 protected:
  explicit Part(Context& context)
      : context_(context), zone_(context.zone), id_(context.id), env_(context.env), wake_(context.wake) {}
  ~Part() = default;
  store::WorkerCounters& counters() const { return context_.counters; }

  Context& context_;
  store::Zone& zone_;
  const store::WorkerId& id_;
  Environment& env_;
  store::WakeSet& wake_;
};

}  // namespace mediasync::server
