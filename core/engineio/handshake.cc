#include "core/engineio/handshake.h"

namespace mediasync::engineio {

void appendOpenPacket(std::string& out, std::string_view sid, bool offerWebSocket, const Settings& settings) {
  out.append("0{\"sid\":\"").append(sid);
  out.append("\",\"upgrades\":").append(offerWebSocket ? "[\"websocket\"]" : "[]");
  out.append(",\"pingInterval\":").append(std::to_string(settings.pingInterval));
  out.append(",\"pingTimeout\":").append(std::to_string(settings.pingTimeout));
  out.append(",\"maxPayload\":").append(std::to_string(settings.maxPayload)).push_back('}');
}

}  // namespace mediasync::engineio
