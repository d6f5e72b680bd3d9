#include "core/delivery/recipient.h"

#include <utility>

namespace mediasync::server {

void doom(Context& context, Recipient& recipient) {
  if (std::exchange(recipient.doomed, true)) return;
  context.doomed.push_back(recipient.connection);
  context.wake.set(context.id.slot);
}

}  // namespace mediasync::server
