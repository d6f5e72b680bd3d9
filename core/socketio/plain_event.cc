#include "core/socketio/plain_event.h"

#include "core/socketio/event_name.h"
#include "core/socketio/packet_number.h"

namespace mediasync::socketio {

bool readPlainEvent(std::string_view text, PlainEvent& event) {
  if (!text.starts_with('2')) return false;
  text.remove_prefix(1);
  if (!takeId(text, event.id)) return false;
  FlatJsonReader reader(text);
  if (!reader.take('[') || !reader.takeString(event.name) || isReservedEvent(event.name)) return false;
  event.hasData = reader.take(',');
  if (event.hasData && !reader.takeObject(event.data)) return false;
  return reader.take(']') && reader.isAtEnd();
}

}  // namespace mediasync::socketio
