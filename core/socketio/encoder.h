// Appends Socket.IO packets (Socket.IO protocol 5, section "Packet encoding") to a string without building JSON values.
// The caller writes the Engine.IO packet type before them. `nsp` is "/" or a namespace that decode() accepted; other
// text must be valid UTF-8 and is escaped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mediasync::socketio {

// "2" or "2/ns,"; the JSON array follows. With attachments, which are sent after it, "52-" or "52-/ns,"; the id of a
// requested acknowledgement comes last.
void appendEventPrefix(std::string& out, std::string_view nsp = "/", std::size_t attachments = 0,
                       std::optional<std::uint64_t> id = {});
// "312" or "3/ns,12", with attachments "62-12"; the JSON array follows.
void appendAckPrefix(std::string& out, std::string_view nsp, std::uint64_t id, std::size_t attachments = 0);
// 0{"sid":"…"}, or 0{"sid":"…","pid":"…"} if the connection can be recovered.
void appendConnect(std::string& out, std::string_view nsp, std::string_view sid, std::string_view pid = {});
// 4/ns,{"message":"…"}; with `data`, which is JSON: 4/ns,{"message":"…","data":…}
void appendConnectError(std::string& out, std::string_view nsp, std::string_view message, std::string_view data = {});
// The same in Socket.IO protocol 4: "0" or "0/ns,", and 4/ns,"…".
void appendConnectV4(std::string& out, std::string_view nsp);
void appendConnectErrorV4(std::string& out, std::string_view nsp, std::string_view message);
// "1" or "1/ns,"
void appendDisconnect(std::string& out, std::string_view nsp);

}  // namespace mediasync::socketio
