// Which mediasync this is. CMakeLists.txt says it, for all parts.
#pragma once

namespace mediasync {

// "MAJOR.MINOR.PATCH", of static lifetime.
extern const char* const kVersion;

}  // namespace mediasync
