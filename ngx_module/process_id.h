// Which process is which. A pid is given to another process later; with the time of its start it is not.
#pragma once

#include <sys/types.h>

#include "core/store/zone.h"

namespace mediasync::ngx {

// The pid in the low half, the time of the start in the high one, in the kernel's ticks; 0 there where it cannot be
// read.
store::ProcessId processIdOf(pid_t pid);

// True if that process, and no other one of its pid, can still do anything. One that has ended and that its parent has
// yet to notice cannot. When only the pid is known, or can be looked at, that decides.
bool isAlive(store::ProcessId process);

// True if it has been stopped, by a signal or a debugger.
bool isStopped(pid_t pid);

}  // namespace mediasync::ngx
