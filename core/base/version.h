// The version of mediasync, from CMakeLists.txt.
#pragma once

namespace mediasync {

// "MAJOR.MINOR.PATCH", in static storage.
extern const char* const kVersion;

}  // namespace mediasync
