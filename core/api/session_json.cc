#include "core/api/session_json.h"

#include "core/api/described_json.h"

namespace mediasync::api {

void appendUser(std::string& out, const session::UserView& user, TimestampUnit unit) {
  JsonWriter json(out);
  writeObject(json, user, {unit});
}

void writeSession(JsonWriter& json, const session::SessionView& view, TimestampUnit unit) {
  writeObject(json, view, {unit});
}

}  // namespace mediasync::api
