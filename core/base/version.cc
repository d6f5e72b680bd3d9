#include "core/base/version.h"

namespace mediasync {

const char* const kVersion = MEDIASYNC_VERSION;

}  // namespace mediasync
