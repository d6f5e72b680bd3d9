// Decodes one packet of Socket.IO protocol 5, like decodeString of the reference parser (socket.io-parser 4.2).
#pragma once

#include <string_view>

#include "core/socketio/packet.h"

namespace mediasync::socketio {

// `text` is the data of one Engine.IO message: <type>[<attachments>-][<nsp>,][<ack id>][<JSON>]. Returns false, with
// `packet` unspecified, for:
//   - empty text and an unknown type;
//   - attachments of a binary packet that are not a decimal number from 1 to the limit, followed by '-';
//   - an acknowledgement id above 2^53;
//   - JSON that parseJson() refuses (malformed, too deep, not UTF-8);
//   - data that does not fit the type. CONNECT: an object or nothing. DISCONNECT: nothing. CONNECT_ERROR: a string or
//     an object. EVENT: an array that begins with a number or with a string other than the reserved names (connect,
//     connect_error, disconnect, disconnecting, newListener, removeListener). ACK: an array. The binary types are like
//     their plain ones;
//   - a namespace over the limit, with control characters, or not UTF-8: answers echo it.
// The reference parser is laxer by accident: it takes blanks for digits, empty text for a CONNECT, and permits every
// type without data.
bool decode(std::string_view text, const Limits& limits, Packet& packet);

}  // namespace mediasync::socketio
